"""Complex values become pairs of real ones: what follows knows nothing of complex numbers.

In memory, programs' inputs and outputs are as everywhere: a complex buffer of shape S is read as a
real one of S + (2,). Between them the parts are values of their own, so they fuse like any others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import firth.ops as ops
from firth.base.errors import VerifyError
from firth.ir.graph import Graph, topological
from firth.ir.node import Node, Shape
from firth.ir.op import HOST, Expr, const_node, input_node, make
from firth.ir.text import attrs_to_text
from firth.ops import rules
from firth.ops.pairs import BODIES, Pair

Value = Expr | Pair


def pairs(graph: Graph) -> tuple[Graph, dict[int, Node]]:
    """The graph without complex values; for each of its nodes, by id, the one it was made for."""
    order = graph.nodes()
    if not any(n.dtype.is_complex for n in (*order, *graph.inputs)):
        return graph, {}
    work = _Work()
    inputs = tuple(map(work.input, graph.inputs))
    for node in order:
        work.enter(node)
    outputs = tuple(work.joined(work.values[id(o)]).node for o in graph.outputs)
    work.claim(outputs, None)
    return Graph(inputs, outputs, graph.donated, graph.constants), work.owners


class _Work:
    """What nodes of the graph have become. owners: see `pairs`."""

    def __init__(self) -> None:
        self.values: dict[int, Value] = {}
        self.owners: dict[int, Node] = {}
        self._whole: dict[tuple[int, int], Expr] = {}  # by id of the parts that were cut from it
        self._keep: list[Node] = []  # ids stay valid

    def split(self, x: Expr) -> Pair:
        """The parts that lie along the last axis: x (..., 2)."""
        pair = Pair(_part(x, 0), _part(x, 1))
        self._whole[id(pair.re.node), id(pair.im.node)] = x
        self._keep += [pair.re.node, pair.im.node]
        return pair

    def joined(self, value: Value) -> Expr:
        """A value as memory holds it: the parts of a pair along a new last axis."""
        if isinstance(value, Expr):
            return value
        found = self._whole.get((id(value.re.node), id(value.im.node)))
        return found if found is not None else ops.stack(*value, axis=value.re.ndim)

    def input(self, node: Node) -> Node:
        """The real input for an input of the graph."""
        if not node.dtype.is_complex:
            self.values[id(node)] = Expr(node)
            return node
        made = input_node(node.attrs[0], (*node.shape, 2), rules.real_of(node.dtype))
        self.values[id(node)] = self.split(Expr(made))
        self.claim([v.node for v in cast(Pair, self.values[id(node)])], node)
        return made

    def enter(self, node: Node) -> None:
        """Finds what a node becomes; its sources are known."""
        if id(node) in self.values:
            return
        self._keep.append(node)
        found = self._value(node)
        self.values[id(node)] = found
        self.claim([v.node for v in (found if isinstance(found, Pair) else (found,))], node)

    def claim(self, made: Any, node: Node | None) -> None:
        """Notes what new nodes were made for; None: for what their sources were made for."""
        for new in topological(made, stop=self.owners):
            owner = node or next((self.owners[id(s)] for s in new.src if id(s) in self.owners), new)
            self.owners[id(new)] = owner
            self._keep.append(new)

    def _value(self, node: Node) -> Value:
        src = [self.values[id(s)] for s in node.src]
        if not node.dtype.is_complex and not any(isinstance(s, Pair) for s in src):
            return Expr(_on(node, [cast(Expr, s).node for s in src]))
        op = node.op
        rule = _RULES.get(op.name)
        if rule is not None:
            return rule(node, src)
        if op.family == HOST:
            return self._on_host(node, src)
        if op.lower is not None:
            return self._body(op.lower(*map(Expr, node.src), **node.kwargs()).node)
        if op.name in BODIES:
            pairs = map(_pair, src if op.name == "where" else _numbers(src))
            return cast(Value, BODIES[op.name](*pairs, **node.kwargs()))
        if op.name in _PART_BY_PART:
            return _part_by_part(node, src)
        raise VerifyError(
            f"pairs: op {op.name} has no meaning in real and imaginary parts; got {node!r}, "
            "expected a rule, a body or an op that works part by part; declare it for real dtypes"
        )

    def _on_host(self, node: Node, src: list[Value]) -> Value:
        """NumPy takes complex values whole, as they lie in memory."""
        complexes = (*(isinstance(s, Pair) for s in src), node.dtype.is_complex)
        found = ops.on_pairs(
            *map(self.joined, src), op=node.op.name, attrs=attrs_to_text(node), complexes=complexes
        )
        return self.split(found) if node.dtype.is_complex else found

    def _body(self, root: Node) -> Value:
        for node in topological([root], stop=self.values):
            self.enter(node)
        return self.values[id(root)]


def _on(node: Node, src: list[Node]) -> Node:
    if all(a is b for a, b in zip(src, node.src, strict=True)):
        return node
    made = Node(node.op, tuple(src), node.attrs, node.shape, node.dtype)
    made.origin = node.origin
    return made


def _part(x: Expr, k: int) -> Expr:
    """One of two parts along the last axis: x (..., 2) -> (...)."""
    starts, sizes = (*(0 for _ in x.shape[:-1]), k), (*x.shape[:-1], 1)
    return rules.reshape(
        ops.slice(x, starts=starts, sizes=sizes, steps=(1,) * x.ndim), x.shape[:-1]
    )


def _numbers(src: list[Value]) -> list[Value]:
    """Truth values beside complex numbers are numbers as well, but not where they choose."""
    real = next((s.re.dtype for s in src if isinstance(s, Pair)), None)
    if real is None:
        return src
    return [s if isinstance(s, Pair) or s.dtype.kind != "b" else rules.cast(s, real) for s in src]


def _pair(value: Value) -> Value:
    """A real operand beside complex ones has an imaginary part of 0."""
    if isinstance(value, Pair) or value.dtype.kind == "b":
        return value
    return Pair(value, rules.filled(0, value.shape, value.dtype))


# --- part by part ---------------------------------------------------------------------------------

# Ops that do to the real parts what they do to the imaginary ones.
_PART_BY_PART = frozenset(
    "reshape permute expand flip slice dynamic_slice window concatenate sum gather scatter".split()
)


def _part_by_part(node: Node, src: list[Value]) -> Pair:
    """The op on the real parts, and on the imaginary ones; indices serve both."""
    real = rules.real_of(node.dtype)
    found = []
    for k in (0, 1):
        sources = []
        for value, s in zip(src, node.src, strict=True):
            if isinstance(value, Pair):
                sources.append(rules.cast(value[k], real))
            elif node.op.name == "concatenate":
                part = value if k == 0 else rules.filled(0, s.shape, real)
                sources.append(rules.cast(part, real))
            else:
                sources.append(value)
        found.append(Expr(make(node.op, tuple(s.node for s in sources), node.attrs)))
    return Pair(*found)


# --- rules ----------------------------------------------------------------------------------------

Rule = Callable[[Node, list[Value]], Value]
_RULES: dict[str, Rule] = {}


def _rule(name: str) -> Callable[[Rule], Rule]:
    def enter(rule: Rule) -> Rule:
        _RULES[name] = rule
        return rule

    return enter


@_rule("const")
def _const(node: Node, src: list[Value]) -> Value:
    value, real = complex(node.attrs[0]), rules.real_of(node.dtype)
    return Pair(Expr(const_node(value.real, real)), Expr(const_node(value.imag, real)))


@_rule("real")
def _real(node: Node, src: list[Value]) -> Value:
    return cast(Pair, src[0]).re


@_rule("imag")
def _imag(node: Node, src: list[Value]) -> Value:
    return cast(Pair, src[0]).im


@_rule("complex")
def _complex(node: Node, src: list[Value]) -> Value:
    real = rules.real_of(node.dtype)
    return Pair(*(_broadcast(rules.cast(cast(Expr, s), real), node.shape) for s in src))


def _broadcast(x: Expr, shape: Shape) -> Expr:
    return rules.expand_to(x, shape)


@_rule("cast")
def _cast(node: Node, src: list[Value]) -> Value:
    (x,), dtype = src, node.attrs[0]
    if isinstance(x, Expr):
        re = rules.cast(x, rules.real_of(dtype))
        return Pair(re, rules.filled(0, re.shape, re.dtype))
    if dtype.is_complex:
        return Pair(*(rules.cast(part, rules.real_of(dtype)) for part in x))
    if dtype.kind == "b":
        return rules.cast(x.re, dtype) | rules.cast(x.im, dtype)
    return rules.cast(x.re, dtype)


@_rule("pad")
def _pad(node: Node, src: list[Value]) -> Value:
    low, high, inner, value = node.attrs
    fills = complex(value).real, complex(value).imag
    return Pair(*(
        ops.pad(part, low=low, high=high, inner=inner, value=fill)
        for part, fill in zip(cast(Pair, src[0]), fills, strict=True)
    ))  # fmt: skip


@_rule("contract")
def _contract(node: Node, src: list[Value]) -> Value:
    """Four real contractions, two where one source is real."""
    a, b = src
    real = rules.real_of(node.dtype)

    def of(x: Expr, y: Expr) -> Expr:
        return ops.contract(rules.cast(x, real), rules.cast(y, real), **node.kwargs())

    if isinstance(a, Expr):
        return _each(cast(Pair, b), lambda p: of(a, p))
    if isinstance(b, Expr):
        return _each(a, lambda p: of(p, b))
    return Pair(of(a.re, b.re) - of(a.im, b.im), of(a.re, b.im) + of(a.im, b.re))


@_rule("prod")
def _prod(node: Node, src: list[Value]) -> Value:
    """Halves are multiplied by halves until one is left."""
    axes, _ = node.attrs
    x = cast(Pair, src[0])
    shape = x.re.shape
    rest = tuple(a for a in range(len(shape)) if a not in axes)
    lead = tuple(shape[a] for a in rest)
    n = rules.count(tuple(shape[a] for a in axes))
    x = _each(x, lambda p: rules.reshape(ops.permute(p, axes=(*rest, *axes)), (*lead, n)))
    if n == 0:
        x = _each(x, lambda p: rules.filled(0, (*lead, 1), p.dtype))
        x = Pair(x.re + 1.0, x.im)
    while n > 1:
        half = n // 2
        product = BODIES["mul"](_along(x, 0, half), _along(x, half, half))
        odd = _along(x, n - 1, n % 2)
        x = Pair(*(ops.concatenate(p, q, axis=len(lead)) for p, q in zip(product, odd)))
        n = half + n % 2
    return _each(x, lambda p: rules.reshape(p, node.shape))


@_rule("cumulate")
def _cumulate(node: Node, src: list[Value]) -> Value:
    """Sums part by part. Products: each element takes the one 1, 2, 4, ... places before it."""
    axis, kind = node.attrs
    x = cast(Pair, src[0])
    if kind == "add":
        return _each(x, lambda p: ops.cumulate(p, axis=axis, kind=kind))
    n, step = node.shape[axis], 1
    while step < n:
        re, im = (_shifted(p, axis, step) for p in x)
        x = BODIES["mul"](Pair(re + _first(re, axis, step), im), x)
        step *= 2
    return x


def _shifted(x: Expr, axis: int, by: int) -> Expr:
    """x moved up along an axis, zeros before it."""
    low = tuple(by if a == axis else 0 for a in range(x.ndim))
    none = (0,) * x.ndim
    kept = _slice(x, axis, 0, x.shape[axis] - by)
    return ops.pad(kept, low=low, high=none, inner=none, value=0)


def _first(x: Expr, axis: int, count: int) -> Expr:
    """1 in the first places of an axis, 0 elsewhere."""
    return rules.cast(rules.iota(x.shape, axis) < count, x.dtype)


def _slice(x: Expr, axis: int, start: int, size: int) -> Expr:
    starts = tuple(start if a == axis else 0 for a in range(x.ndim))
    sizes = tuple(size if a == axis else n for a, n in enumerate(x.shape))
    return ops.slice(x, starts=starts, sizes=sizes, steps=(1,) * x.ndim)


def _along(x: Pair, start: int, size: int) -> Pair:
    return _each(x, lambda p: _slice(p, p.ndim - 1, start, size))


def _each(x: Pair, fn: Callable[[Expr], Expr]) -> Pair:
    return Pair(fn(x.re), fn(x.im))
