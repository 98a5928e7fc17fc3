"""Control flow for many examples: bodies are batched, and loops go on while any example does.

Where each example would take another branch, all branches are computed and one is chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from firth.ir.graph import Graph, topological
from firth.ir.node import Node
from firth.ir.op import TABLE, Expr, input_node
from firth.ir.text import Body
from firth.ops.flow import SCAN, SWITCH, WHILE, call
from firth.ops.rules import expand_to, reshape

Marked = list[tuple[Node, bool]]
Batch = Callable[..., Marked]  # `batching.batch`
Flags = list[bool]


def batch_flow(node: Node, flags: Sequence[bool], src: list[Node], n: int, batch: Batch) -> Marked:
    """The results of a node of control flow, and which of them have a leading extent of n."""
    return _RULES[node.op](_Batcher(n, batch, flags), src, list(flags), **node.kwargs())


class _Batcher:
    def __init__(self, n: int, batch: Batch, given: Sequence[bool]) -> None:
        self.n = n
        self.given = tuple(given)  # which sources are batched
        self._batch = batch

    def body(self, graph: Graph, flags: Sequence[bool]) -> tuple[tuple[Node, ...], Marked]:
        """Inputs and outputs of a body whose flagged inputs are batched."""
        inputs = tuple(
            input_node(i, (self.n, *x.shape) if f else x.shape, x.dtype)
            for i, (x, f) in enumerate(zip(graph.inputs, flags, strict=True))
        )
        return inputs, self.inline(graph, inputs, flags)

    def inline(self, graph: Graph, src: Sequence[Node], flags: Sequence[bool]) -> Marked:
        """The outputs of a body on these sources."""
        pairs = list(zip(graph.inputs, src, flags, strict=True))
        found = self._batch(graph.outputs, {id(x): s for x, s, f in pairs if f}, self.n)
        nodes = inlined([node for node, _ in found], {id(x): s for x, s, f in pairs if not f})
        return [(node, flag) for node, (_, flag) in zip(nodes, found, strict=True)]

    def spread(self, node: Node, flag: bool) -> Node:
        """A value for all examples."""
        return node if flag else expand_to(Expr(node), (self.n, *node.shape)).node


def inlined(roots: Sequence[Node], mapping: dict[int, Node]) -> list[Node]:
    """The roots with nodes replaced (by id)."""
    made = dict(mapping)
    for node in topological(roots, stop=mapping):
        src = tuple(made[id(s)] for s in node.src)
        same = all(a is b for a, b in zip(src, node.src, strict=True))
        made[id(node)] = node if same else Node(node.op, src, node.attrs, node.shape, node.dtype)
    return [made[id(root)] for root in roots]


def _swapped(node: Node) -> Node:
    """The first two dimensions in the other order."""
    return TABLE["permute"](node, axes=(1, 0, *range(2, len(node.shape)))).node


def _chosen(which: Expr, a: Node, b: Node) -> Node:
    """a where the example's flag (n) holds, else b: (n, ...)."""
    mask = reshape(which, (*which.shape, *(1,) * (len(a.shape) - 1)))
    return TABLE["where"](mask, a, b).node


# --- rules ----------------------------------------------------------------------------------------


def _switch(b: _Batcher, src: list[Node], flags: Flags, bodies: tuple[Body, ...]) -> Marked:
    index, *operands = src
    if flags[0]:
        rows = [
            [b.spread(*found) for found in b.inline(body.graph, operands, flags[1:])]
            for body in bodies
        ]
        out = rows[-1]
        for k in range(len(bodies) - 2, -1, -1):
            here = Expr(index) <= k
            out = [_chosen(here, x, y) for x, y in zip(rows[k], out, strict=True)]
        return [(node, True) for node in out]
    made = [b.body(body.graph, flags[1:]) for body in bodies]
    wide = [any(column) for column in zip(*([f for _, f in row] for _, row in made), strict=True)]
    graphs = [
        Graph(inputs, tuple(
            b.spread(node, f) if w else node for (node, f), w in zip(row, wide, strict=True)))
        for inputs, row in made
    ]  # fmt: skip
    found = call(SWITCH, src, bodies=tuple(map(Body, graphs)))
    return list(zip(found, wide, strict=True))


def _settled(b: _Batcher, graph: Graph, flags: Flags, carried: int) -> Flags:
    """Flags with every carried value marked that becomes batched on the way."""
    while True:
        row = b.body(graph, flags)[1]
        after = [f or g for f, (_, g) in zip(flags, row[:carried], strict=False)]
        if after == flags[:carried]:
            return flags
        flags = [*after, *flags[carried:]]


def _scan(
    b: _Batcher, src: list[Node], flags: Flags, body: Body, carried: int, rows: int, length: int,
    reverse: bool, kept: bool,
) -> Marked:  # fmt: skip
    flags = _settled(b, body.graph, flags, carried)
    inputs, outs = b.body(body.graph, flags)
    wide = [*flags[:carried], *(f for _, f in outs[carried:])]
    made = [b.spread(node, f) if w else node for (node, f), w in zip(outs, wide, strict=True)]
    given = _given(b, src, flags, carried)
    for i in range(carried, carried + rows):
        given[i] = _swapped(given[i]) if flags[i] else given[i]
    found = call(
        SCAN, given, body=Body(Graph(inputs, tuple(made))), carried=carried, rows=rows,
        length=length, reverse=reverse, kept=kept,
    )  # fmt: skip
    marks = [*wide, *(wide[:carried] if kept else ())]
    return [
        (_swapped(node) if f and i >= carried else node, f)
        for i, (node, f) in enumerate(zip(found, marks, strict=True))
    ]


def _given(b: _Batcher, src: list[Node], flags: Flags, carried: int) -> list[Node]:
    """Sources, the first values spread where they become batched on the way."""
    return [
        b.spread(s, b.given[i]) if i < carried and flags[i] else s for i, s in enumerate(src)
    ]  # fmt: skip


def _while(b: _Batcher, src: list[Node], flags: Flags, cond: Body, body: Body) -> Marked:
    carried = len(body.graph.outputs)
    flags = _settled(b, body.graph, flags, carried)
    inputs, ((goes_on, differs),) = b.body(cond.graph, flags)
    if differs:  # each example stops by itself: everything carried is batched
        flags = [*(True for _ in range(carried)), *flags[carried:]]
        inputs, ((goes_on, _),) = b.body(cond.graph, flags)
        goes_on = TABLE["any"](goes_on, axes=(0,), keepdims=False).node
    condition = Graph(inputs, (goes_on,))
    inputs, outs = b.body(body.graph, flags)
    made = [b.spread(node, f) if w else node for (node, f), w in zip(outs, flags, strict=False)]
    if differs:
        each = b.inline(cond.graph, inputs, flags)[0][0]
        made = [_chosen(Expr(each), m, old) for m, old in zip(made, inputs, strict=False)]
    given = _given(b, src, flags, carried)
    found = call(WHILE, given, cond=Body(condition), body=Body(Graph(inputs, tuple(made))))
    return list(zip(found, flags, strict=False))


_RULES: dict[Any, Callable[..., Marked]] = {SWITCH: _switch, SCAN: _scan, WHILE: _while}
