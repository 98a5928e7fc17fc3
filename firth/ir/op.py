"""Ops: one declaration each, kept in one table, and `make`, the only way to a checked node."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.base.errors import ArgumentError, DTypeError, VerifyError, message
from firth.ir.node import Attr, Node, Shape

Rule = Callable[..., Any]
HOST = "host"  # family of the base ops whose `ref` is all there is: NumPy computes them everywhere


@dataclass(frozen=True, eq=False)
class Op:
    """Everything about one op.

    name: what users and exporters call it. family: the constructor that made it (elementwise,
    reduction, movement, contraction, index, random, sort, source, host, composed).
    arity: number of sources, None for any. attrs: names of its attributes, in order.
    defaults: attributes that may be left out.
    shape: (*source shapes, **attrs) -> shape. dtype: (*source dtypes, **attrs) -> DType.
    ref: (*NumPy arrays, **attrs) -> NumPy array: the meaning, and the oracle of tests.
    vjp: (g, y, *xs, **attrs) -> one Expr or None per source; None derives it from `lower`.
    jvp: (ts, y, *xs, **attrs) -> Expr or None: forward mode, ts with one Expr or None per source;
    None derives it (see passes/jvp.py).
    batch: (op, n, flags, xs, attrs) -> Expr or None: vmap; None takes the family's rule (see
    ops/batching.py).
    lower: (*xs, **attrs) -> Expr: the body of a composed op; None makes it a base op.
    sample: how tests draw its arguments. tolerance: relative, per dtype.
    broadcasts: sources broadcast and promote by themselves until the `lower` pass.
    """

    name: str
    family: str
    arity: int | None
    doc: str
    shape: Rule
    dtype: Rule
    ref: Rule
    attrs: tuple[str, ...] = ()
    defaults: Mapping[str, Attr] = field(default_factory=dict)
    vjp: Rule | None = None
    jvp: Rule | None = None
    batch: Rule | None = None
    lower: Rule | None = None
    sample: Any = None
    tolerance: Mapping[DType, float] = field(default_factory=dict)
    broadcasts: bool = False

    @property
    def is_base(self) -> bool:
        """True when every target must know the op: it has no body."""
        return self.lower is None

    def bind(self, attrs: Mapping[str, Attr]) -> tuple[Attr, ...]:
        """Attribute values in declaration order, defaults filled in; ArgumentError otherwise."""
        if len(attrs) == len(self.attrs):
            try:
                return tuple([attrs[k] for k in self.attrs])
            except KeyError:
                pass
        unknown = [k for k in attrs if k not in self.attrs]
        missing = [k for k in self.attrs if k not in attrs and k not in self.defaults]
        if unknown or missing:
            raise ArgumentError(
                f"{self.name}: wrong attributes; got {', '.join(attrs) or 'none'}, expected "
                f"{', '.join(self.attrs) or 'none'}; see its page in docs/ops.md"
            )
        return tuple([attrs[k] if k in attrs else self.defaults[k] for k in self.attrs])

    def __call__(self, *sources: Expr | Node | complex, **attrs: Attr) -> Expr:
        """Applies the op inside a rule: sources are expressions or numbers."""
        nodes = _nodes(self, sources)
        return Expr(make(self, nodes, self.bind(attrs)))

    def __repr__(self) -> str:
        return f"<op {self.name}>"


TABLE: dict[str, Op] = {}


def declare(name: str, **fields: Any) -> Op:
    """Enters one op in the table. The fields are those of Op; `arity` defaults to 1."""
    if name in TABLE:
        raise VerifyError(f"declare: op {name} is declared twice; choose another name")
    fields.setdefault("arity", 1)
    fields.setdefault("family", "composed")
    op = Op(name=name, **fields)
    TABLE[name] = op
    return op


def make(op: Op, src: tuple[Node, ...], attrs: tuple[Attr, ...] = ()) -> Node:
    """A new node; shape and dtype come from the op's rules, which raise ShapeError, DTypeError."""
    shapes, dtypes = [s.shape for s in src], [s.dtype for s in src]
    if attrs or op.attrs:
        kwargs = dict(zip(op.attrs, attrs, strict=True))
        shape, dtype = op.shape(*shapes, **kwargs), op.dtype(*dtypes, **kwargs)
    else:
        shape, dtype = op.shape(*shapes), op.dtype(*dtypes)
    if not isinstance(dtype, DType):
        raise DTypeError(
            message(op.name, "this is no dtype", type(dtype).__name__, "a dtype",
                    "write e.g. dtype=firth.float32")
        )  # fmt: skip
    return Node(op, src, attrs, shape, dtype)


def _no_ref(*_: object, **__: object) -> np.ndarray:
    raise VerifyError("input: has no value of its own; the target supplies it")


INPUT = declare(
    "input", family="source", arity=0, attrs=("index",),
    doc="A value given to the graph when it runs.",
    shape=lambda index: (), dtype=lambda index: dt.float32, ref=_no_ref,
)  # fmt: skip

CONST = declare(
    "const", family="source", arity=0, attrs=("value", "dtype"),
    doc="One number, shape ().",
    shape=lambda value, dtype: (), dtype=lambda value, dtype: dtype,
    ref=lambda value, dtype: np.asarray(value).astype(dtype.np),
)  # fmt: skip


def input_node(index: int, shape: Shape, dtype: DType) -> Node:
    """The graph's input number `index`."""
    return Node(INPUT, (), (index,), shape, dtype)


def const_node(value: complex, dtype: DType) -> Node:
    """A number of the given dtype, shape (); ArgumentError for integers of more than 64 bits."""
    check_number(value)
    return Node(CONST, (), (value, dtype), (), dtype)


def check_number(value: complex) -> None:
    """Raises ArgumentError for integers of more than 64 bits."""
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        raise ArgumentError(
            message("number", "it has more than 64 bits", str(value), "an integer of 64 bits",
                    "write it as a float, or check where it comes from")
        )  # fmt: skip


_ALONE = {float: dt.float32, complex: dt.complex64, int: dt.int64, bool: dt.int64}


def _nodes(op: Op, sources: tuple[object, ...]) -> tuple[Node, ...]:
    """Sources as nodes; a number takes the dtype that promotion gives it beside its neighbours."""
    known = [s.node if isinstance(s, Expr) else s for s in sources]
    dtypes = [s.dtype for s in known if isinstance(s, Node)]
    if op.name == "where" and isinstance(known[0], Node):
        dtypes = [s.dtype for s in known[1:] if isinstance(s, Node)]
    out = []
    for s in known:
        if isinstance(s, Node):
            out.append(s)
            continue
        if not isinstance(s, (bool, int, float, complex)):
            raise ArgumentError(
                f"{op.name}: a source is neither an expression nor a number; got "
                f"{type(s).__name__}, expected Expr, Node, bool, int, float or complex; check the "
                "rule"
            )
        if dtypes:
            base = dtypes[0]
            for d in dtypes[1:]:
                base = dt.promote(base, d)
            out.append(const_node(s, dt.scalar_dtype(base, s)))
        else:
            out.append(const_node(s, _ALONE[type(s)]))
    return tuple(out)


def _binary(name: str) -> Callable[[Expr, Any], Expr]:
    return lambda a, b: TABLE[name](a, b)


def _swapped(name: str) -> Callable[[Expr, Any], Expr]:
    return lambda a, b: TABLE[name](b, a)


def _unary(name: str) -> Callable[[Expr], Expr]:
    return lambda a: TABLE[name](a)


class Expr:
    """A node with operators: what rules (vjp, lower) are written in."""

    __slots__ = ("node",)

    def __init__(self, node: Node) -> None:
        self.node = node

    @property
    def shape(self) -> Shape:
        """Shape of the value."""
        return self.node.shape

    @property
    def dtype(self) -> DType:
        """Element type of the value."""
        return self.node.dtype

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.node.shape)

    def __repr__(self) -> str:
        return f"Expr({self.node!r})"

    __hash__ = None  # type: ignore[assignment]
    __add__, __radd__ = _binary("add"), _swapped("add")
    __sub__, __rsub__ = _binary("sub"), _swapped("sub")
    __mul__, __rmul__ = _binary("mul"), _swapped("mul")
    __truediv__, __rtruediv__ = _binary("div"), _swapped("div")
    __floordiv__, __rfloordiv__ = _binary("floor_divide"), _swapped("floor_divide")
    __mod__, __rmod__ = _binary("remainder"), _swapped("remainder")
    __pow__, __rpow__ = _binary("pow"), _swapped("pow")
    __matmul__ = _binary("matmul")
    __and__, __rand__ = _binary("bitwise_and"), _swapped("bitwise_and")
    __or__, __ror__ = _binary("bitwise_or"), _swapped("bitwise_or")
    __xor__, __rxor__ = _binary("bitwise_xor"), _swapped("bitwise_xor")
    __lshift__, __rshift__ = _binary("shift_left"), _binary("shift_right")
    __lt__, __le__ = _binary("less"), _binary("less_equal")
    __gt__, __ge__ = _binary("greater"), _binary("greater_equal")
    __eq__, __ne__ = _binary("equal"), _binary("not_equal")  # type: ignore[assignment]
    __neg__, __invert__, __abs__ = _unary("neg"), _unary("bitwise_not"), _unary("abs")
