"""Local rewrites that never change a value, and common subexpressions made one.

`Simplifier.make` is how every later pass makes nodes: the same op on the same sources is the same
node, constants are folded, and movement that moves nothing disappears.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from firth.base import dtype as dt
from firth.base import flags
from firth.base.dtype import DType
from firth.ir.node import Attr, Node, Shape
from firth.ir.op import CONST, TABLE, Op, const_node, make
from firth.ir.traced import is_traced


class Simplifier:
    """Makes nodes; remembers them, so that equal ones are shared.

    origin: what new nodes are made for; None: for what their sources were made for.
    """

    def __init__(self) -> None:
        self.origin: Node | None = None
        self._known: dict[tuple[object, ...], Node] = {}
        self._keep: list[Node] = []  # ids in keys stay valid

    def make(
        self, op: Op, src: tuple[Node, ...], attrs: tuple[Attr, ...] = (), like: Node | None = None
    ) -> Node:
        """`ir.op.make`, simplified and shared. like: a node that is this but for its sources."""
        if op is CONST:
            return self.const(attrs[0], attrs[1], like)
        key = (op, *map(id, src), *((a.__class__, a) for a in attrs))
        node = self._known.get(key)
        if node is None:
            rule = _RULES.get(op.name)
            node = rule(self, src, attrs) if rule else None
            if node is None and op.family == "elementwise":
                node = _fold(self, op, src, attrs)
            if node is None:
                node = _made(op, src, attrs, like)
                if node.origin is None:
                    node.origin = self.origin or next((s.origin for s in src if s.origin), None)
            self._known[key] = node
            self._keep.extend(src)
        return node

    def again(self, node: Node, src: tuple[Node, ...]) -> Node:
        """The node on other sources."""
        self.origin = node.origin
        return self.make(node.op, src, node.attrs, node)

    def call(self, name: str, *src: Node, **attrs: Attr) -> Node:
        """`make` by op name."""
        op = TABLE[name]
        return self.make(op, src, op.bind(attrs))

    def const(self, value: bool | int | float, dtype: DType, like: Node | None = None) -> Node:
        """A shared constant. -0.0 and 0.0 are different, NaN equals itself."""
        key = (CONST, value if is_traced(value) else repr(value), value.__class__, dtype)
        node = self._known.get(key)
        if node is None:
            node = self._known[key] = like or const_node(value, dtype)
        return node

    def full(self, value: bool | int | float, shape: Shape, dtype: DType) -> Node:
        """A constant of a shape."""
        return self.broadcast(self.const(value, dtype), shape)

    def broadcast(self, node: Node, shape: Shape) -> Node:
        """Explicit NumPy broadcasting of a node to a shape."""
        if node.shape == shape:
            return node
        lead = len(shape) - len(node.shape)
        node = self.call("reshape", node, shape=(1,) * lead + node.shape)
        return self.call("expand", node, shape=shape)


def _made(op: Op, src: tuple[Node, ...], attrs: tuple[Attr, ...], like: Node | None) -> Node:
    """A new node, or the one it is like, whose shape and dtype need no rules."""
    if like is None:
        return make(op, src, attrs)
    pairs = list(zip(src, like.src, strict=True))
    if all(a is b for a, b in pairs):
        return like
    if all(a is b or (a.shape == b.shape and a.dtype is b.dtype) for a, b in pairs):
        return Node(op, src, attrs, like.shape, like.dtype)
    return make(op, src, attrs)


def scalar_value(node: Node) -> bool | int | float | None:
    """The number a node holds everywhere, or None."""
    while node.op.name in ("expand", "reshape"):
        node = node.src[0]
    return node.attrs[0] if node.op is CONST else None


# Rounded the same everywhere, so that folding them is not seen.
_EXACT = frozenset(
    "neg abs sqrt floor ceil trunc round add sub mul div maximum minimum equal not_equal less "
    "less_equal where cast bitcast".split()
)

Rule = Callable[[Simplifier, tuple[Node, ...], tuple[Attr, ...]], Node | None]
_RULES: dict[str, Rule] = {}


def _rule(*names: str) -> Callable[[Rule], Rule]:
    def enter(rule: Rule) -> Rule:
        for name in names:
            _RULES[name] = rule
        return rule

    return enter


def _fold(s: Simplifier, op: Op, src: tuple[Node, ...], attrs: tuple[Attr, ...]) -> Node | None:
    """Elementwise work on numbers is done now, once."""
    values = []
    for n in src:
        value = scalar_value(n)
        if value is None or is_traced(value):
            return None
        values.append(value)
    if not values:
        return None
    if flags.strict() and op.name not in _EXACT and any(n.dtype.kind == "f" for n in src):
        return None  # NumPy's last bit is not the compiled code's
    node = make(op, src, attrs)
    arrays = [np.asarray(v).astype(n.dtype.np) for v, n in zip(values, src, strict=True)]
    with np.errstate(all="ignore"):
        try:
            result = op.ref(*arrays, **dict(zip(op.attrs, attrs, strict=True)))
        except ArithmeticError:
            return None  # left to the target, which reports it with its line
    return s.full(np.asarray(result).astype(node.dtype.np).item(), node.shape, node.dtype)


def _identity(position: int, value: float) -> Rule:
    """A rule: the other operand, where the one at `position` is `value`."""

    def rule(s: Simplifier, src: tuple[Node, ...], attrs: tuple[Attr, ...]) -> Node | None:
        places = (0, 1) if position < 0 else (position,)
        for p in places:
            other = src[1 - p]
            found = scalar_value(src[p])
            if found is not None and not isinstance(found, bool) and found == value:
                zero_sum = value == 0 and other.dtype.kind == "f" and str(found)[0] != "-"
                if zero_sum and position < 0:
                    continue  # -0 + 0 is 0, so x + 0 is not x
                return other if _same(other, src[p]) else None
        return None

    return rule


def _same(a: Node, b: Node) -> bool:
    return a.shape == b.shape and a.dtype is b.dtype


_RULES["add"] = _identity(-1, 0)
_RULES["mul"] = _identity(-1, 1)
_RULES["sub"] = _identity(1, 0)
_RULES["div"] = _identity(1, 1)


@_rule("pow")
def _pow(s: Simplifier, src: tuple[Node, ...], attrs: tuple[Attr, ...]) -> Node | None:
    x, exponent = src[0], scalar_value(src[1])
    if not _same(x, src[1]):
        return None
    if flags.strict():
        return None  # the exponent may be a number here and an input elsewhere
    if exponent == 1:
        return x
    if exponent == 2:
        return s.call("mul", x, x)
    return None


@_rule("neg")
def _neg(s: Simplifier, src: tuple[Node, ...], attrs: tuple[Attr, ...]) -> Node | None:
    return src[0].src[0] if src[0].op.name == "neg" else None


@_rule("cast")
def _cast(s: Simplifier, src: tuple[Node, ...], attrs: tuple[Attr, ...]) -> Node | None:
    return src[0] if src[0].dtype is attrs[0] else None


@_rule("reshape")
def _reshape(s: Simplifier, src: tuple[Node, ...], attrs: tuple[Attr, ...]) -> Node | None:
    (x,), (shape,) = src, attrs
    if x.shape == shape:
        return x
    if x.op.name == "reshape":
        return s.make(x.op, x.src, attrs)
    return None


@_rule("expand")
def _expand(s: Simplifier, src: tuple[Node, ...], attrs: tuple[Attr, ...]) -> Node | None:
    (x,), (shape,) = src, attrs
    if x.shape == shape:
        return x
    return s.make(x.op, x.src, attrs) if x.op.name == "expand" else None


@_rule("permute")
def _permute(s: Simplifier, src: tuple[Node, ...], attrs: tuple[Attr, ...]) -> Node | None:
    (x,), (axes,) = src, attrs
    if axes == tuple(range(len(x.shape))):
        return x
    if x.op.name == "permute":
        inner = x.attrs[0]
        return s.make(x.op, x.src, (tuple(inner[a] for a in axes),))
    return None


@_rule("slice")
def _slice(s: Simplifier, src: tuple[Node, ...], attrs: tuple[Attr, ...]) -> Node | None:
    starts, sizes, steps = attrs
    whole = sizes == src[0].shape and not any(starts)
    return src[0] if whole and set(steps) <= {1} else None


@_rule("pad")
def _pad(s: Simplifier, src: tuple[Node, ...], attrs: tuple[Attr, ...]) -> Node | None:
    low, high, inner, _ = attrs
    return None if any(low) or any(high) or any(inner) else src[0]


@_rule("flip")
def _flip(s: Simplifier, src: tuple[Node, ...], attrs: tuple[Attr, ...]) -> Node | None:
    moving = any(src[0].shape[a] > 1 for a in attrs[0])
    return None if moving else src[0]


@_rule("concatenate")
def _concatenate(s: Simplifier, src: tuple[Node, ...], attrs: tuple[Attr, ...]) -> Node | None:
    return src[0] if len(src) == 1 else None


@_rule("sum", "prod", "amax", "amin", "any", "all")
def _reduce(s: Simplifier, src: tuple[Node, ...], attrs: tuple[Attr, ...]) -> Node | None:
    """Reducing only extents of 1 (and not none of them) is a reshape."""
    (x,), (axes, keepdims) = src, attrs
    if any(x.shape[a] != 1 for a in axes):
        return None
    if keepdims:
        return x
    kept = tuple(n for i, n in enumerate(x.shape) if i not in axes)
    return s.call("reshape", x, shape=kept)


@_rule("argsort")
def _argsort(s: Simplifier, src: tuple[Node, ...], attrs: tuple[Attr, ...]) -> Node | None:
    """Equal elements keep their order: 0, 1, 2, ... along the axis."""
    (x,), (axis, _) = src, attrs
    if scalar_value(x) is None:
        return None
    places = s.call("iota", extent=x.shape[axis], dtype=dt.int64)
    lead = tuple(n if i == axis else 1 for i, n in enumerate(x.shape))
    return s.broadcast(s.call("reshape", places, shape=lead), x.shape)
