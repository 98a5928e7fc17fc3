"""From recorded ops to base ops: bodies inlined, broadcasting and promotion made explicit."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from firth.base import dtype as dt
from firth.base.errors import VerifyError
from firth.ir.graph import Graph, topological
from firth.ir.node import Attr, Node
from firth.ir.op import Expr, Op
from firth.ir.text import Body
from firth.ops.flow import is_flow
from firth.ops.operands import operand_dtypes
from firth.passes.simplify import Simplifier

_HALF = (dt.float16, dt.bfloat16)
_NO_ARITHMETIC = ("where", "bitcast", "cast")


Keeps = Callable[[Node], bool]


def lower(
    graph: Graph, keeps: Keeps = lambda _: False, owners: Mapping[int, Node] | None = None
) -> Graph:
    """The graph in base ops; every source of an elementwise op has the node's shape.

    keeps: composed ops that stay as they are, because a later pass has a schedule for them.
    owners: by id, what the user recorded where that is another node.
    """
    maker, known = Simplifier(), owners or {}
    made: dict[int, Node] = {id(n): n for n in graph.inputs}
    for node in graph.nodes():
        maker.origin = known.get(id(node), node)
        _lower_into(maker, [node], made, keeps)
    return graph.replace(made[id(o)] for o in graph.outputs)


def _lower_into(maker: Simplifier, order: list[Node], made: dict[int, Node], keeps: Keeps) -> None:
    for node in order:
        if id(node) not in made:
            src = tuple(made[id(s)] for s in node.src)
            made[id(node)] = _lower_node(maker, node, src, keeps)


def _lower_node(maker: Simplifier, node: Node, src: tuple[Node, ...], keeps: Keeps) -> Node:
    op = node.op
    if is_flow(node):
        return maker.make(op, src, tuple(map(_plain, node.attrs)))
    if keeps(node):
        return maker.make(op, src, node.attrs)
    if op.broadcasts:
        dtypes = operand_dtypes(op, tuple(s.dtype for s in src))
        src = tuple(
            maker.broadcast(cast(maker, s, d), node.shape) for s, d in zip(src, dtypes, strict=True)
        )
    if op.lower is None:
        return _base(maker, op, src, node)
    body = op.lower(*map(Expr, src), **node.kwargs()).node
    made = {id(s): s for s in src}
    _lower_into(maker, topological([body], stop=made), made, keeps)
    out = made[id(body)]
    if out.shape != node.shape:
        raise VerifyError(
            f"lower: the body of {op.name} has another shape than its declaration; "
            f"got {out.shape}, expected {node.shape}; mend the declaration"
        )
    return cast(maker, out, node.dtype)


def _plain(attr: Attr) -> Attr:
    """Bodies without what only gradients read, which has no text."""
    if isinstance(attr, tuple):
        return tuple(map(_plain, attr))
    if not isinstance(attr, Body):
        return attr
    made: dict[int, Node] = {}
    for node in attr.graph.nodes():
        src = tuple(made[id(s)] for s in node.src)
        if node.op.name in ("custom_gradient", "stop_gradient"):
            made[id(node)] = src[0]
        else:
            attrs = tuple(map(_plain, node.attrs)) if is_flow(node) else node.attrs
            same = attrs is node.attrs and all(a is b for a, b in zip(src, node.src, strict=True))
            made[id(node)] = node if same else Node(node.op, src, attrs, node.shape, node.dtype)
    return Body(attr.graph.replace(made.get(id(o), o) for o in attr.graph.outputs))


def _base(maker: Simplifier, op: Op, src: tuple[Node, ...], node: Node) -> Node:
    """A base op; half types are computed in float32."""
    half = any(s.dtype in _HALF for s in src)
    if half and op.family == "elementwise" and op.name not in _NO_ARITHMETIC:
        wide = tuple(cast(maker, s, dt.float32) if s.dtype in _HALF else s for s in src)
        return cast(maker, maker.make(op, wide, node.attrs), node.dtype)
    if op.name == "cast":
        return cast(maker, src[0], node.dtype)
    if op.name == "contract" and src[0].dtype is not src[1].dtype:
        src = tuple(cast(maker, s, node.dtype) for s in src)
    return cast(maker, maker.make(op, src, node.attrs), node.dtype)  # bools are added as integers


def cast(maker: Simplifier, node: Node, dtype: dt.DType) -> Node:
    """A node as another dtype; half types go through float32 both ways."""
    if node.dtype is dtype:
        return node
    if node.dtype in _HALF and dtype is not dt.float32:
        node = maker.call("cast", node, dtype=dt.float32)
    if dtype in _HALF and node.dtype not in (dt.float32, dt.float64):
        node = maker.call("cast", node, dtype=dt.float32)
    return maker.call("cast", node, dtype=dtype)
