"""Derivatives of control flow: reverse and forward, as control flow again.

The gradient of a scan is a scan the other way over the values that were carried before each step;
each step is computed again there, so that nothing else need be kept. A while_loop has forward mode
only: how many steps there are to keep is not known before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from firth.base.errors import MissingRule, message
from firth.ir.graph import Graph
from firth.ir.node import Node
from firth.ir.op import TABLE, input_node
from firth.ir.text import Body
from firth.ops.flow import RESULT, SCAN, SWITCH, WHILE, call, places, results
from firth.ops.flow_batching import inlined
from firth.ops.rules import filled

Gradient = Callable[[Sequence[Node], Sequence[Node | None], Sequence[Node]], list[Node | None]]
Tangents = Callable[[Sequence[Node], Mapping[int, Node], Any], list[Node | None]]
Cotangents = Mapping[int, Node]  # by number of the result


def pull(
    node: Node, gs: Cotangents, needed: Sequence[bool], gradient: Gradient
) -> list[Node | None]:
    """Gradients for the sources, from those of the results."""
    if node.op is WHILE:
        raise MissingRule(
            message("while_loop", "it has no gradient in reverse mode",
                    "a loop whose number of steps is not known", "forward mode, or a known number",
                    "use firth.jvp, or firth.scan with a bound on the steps and firth.where")
        )  # fmt: skip
    rule = _pull_switch if node.op is SWITCH else _pull_scan
    return rule(node, gs, needed, gradient)


def push(
    node: Node, ts: Sequence[Node | None], tangents: Tangents
) -> tuple[list[Node], dict[int, Node]]:
    """The results as the node with tangents gives them, and their tangents by number."""
    return _PUSHES[node.op](node, ts, tangents)


def _float(node: Node) -> bool:
    return node.dtype.kind in "fc"


def _zeros(node: Node) -> Node:
    return filled(0, node.shape, node.dtype).node


def _or_zeros(found: Node | None, like: Node) -> Node:
    return _zeros(like) if found is None else found


class _Inputs:
    """The inputs of a body in the making, in order."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []

    def like(self, nodes: Sequence[Node]) -> list[Node]:
        """New inputs like these nodes."""
        made = [
            input_node(len(self.nodes) + i, n.shape, n.dtype) for i, n in enumerate(nodes)
        ]  # fmt: skip
        self.nodes += made
        return made

    def body(self, outputs: Sequence[Node]) -> Body:
        """The body with these outputs."""
        return Body(Graph(tuple(self.nodes), tuple(outputs)))


def _inside(body: Body, inputs: Sequence[Node]) -> list[Node]:
    """The outputs of a body on other inputs."""
    pairs = zip(body.graph.inputs, inputs, strict=True)
    return inlined(body.graph.outputs, {id(a): b for a, b in pairs})


# --- reverse --------------------------------------------------------------------------------------


def _pull_switch(
    node: Node, gs: Cotangents, needed: Sequence[bool], gradient: Gradient
) -> list[Node | None]:
    index, *operands = node.src
    wanted = [i for i, s in enumerate(operands) if needed[i + 1] and _float(s)]
    order = sorted(gs)
    bodies = []
    for body in node.attr("bodies"):
        made = _Inputs()
        xs, cts = made.like(operands), made.like([gs[k] for k in order])
        outs = _inside(body, xs)
        found = gradient([outs[k] for k in order], cts, [xs[i] for i in wanted])
        bodies.append(made.body([_or_zeros(f, xs[i]) for f, i in zip(found, wanted, strict=True)]))
    out: list[Node | None] = [None] * len(node.src)
    if wanted:
        given = [index, *operands, *(gs[k] for k in order)]
        for i, f in zip(wanted, call(SWITCH, given, bodies=tuple(bodies)), strict=True):
            out[i + 1] = f
    return out


def _pull_scan(
    node: Node, gs: Cotangents, needed: Sequence[bool], gradient: Gradient
) -> list[Node | None]:
    o = node.kwargs()
    carried, rows, body = o["carried"], o["rows"], o["body"]
    ins, outs = body.graph.inputs, body.graph.outputs
    flows = [i for i in range(carried) if _float(ins[i])]  # what carries a gradient back
    ys = [j for j in range(carried, len(outs)) if j in gs]
    before = [i for i in flows if len(outs) + i in gs]  # gradients of what was kept
    xs = [i for i in range(carried, carried + rows) if needed[i] and _float(ins[i])]
    rest = [i for i in range(carried + rows, len(ins)) if needed[i] and _float(ins[i])]

    made = _Inputs()
    ct, total = made.like([ins[i] for i in flows]), made.like([ins[i] for i in rest])
    each = made.like(ins[: carried + rows])
    ct_y, ct_h = made.like([outs[j] for j in ys]), made.like([ins[i] for i in before])
    each += made.like(ins[carried + rows :])
    inside = _inside(body, each)
    pairs = [*((inside[i], g) for i, g in zip(flows, ct, strict=True)),
             *((inside[j], g) for j, g in zip(ys, ct_y, strict=True))]  # fmt: skip
    places_of = [*flows, *xs, *rest]
    found = gradient([y for y, _ in pairs], [g for _, g in pairs], [each[i] for i in places_of])
    grads = dict(zip(places_of, found, strict=True))
    for i, h in zip(before, ct_h, strict=True):
        grads[i] = _plus(grads[i], h)
    sums = [_plus(grads[i], t) for i, t in zip(rest, total, strict=True)]
    back = made.body([
        *(_or_zeros(grads[i], each[i]) for i in flows), *sums,
        *(_or_zeros(grads[i], each[i]) for i in xs),
    ])  # fmt: skip

    given = [
        *(_or_zeros(gs.get(i), ins[i]) for i in flows), *(_zeros(ins[i]) for i in rest),
        *_history(node), *node.src[carried : carried + rows], *(gs[j] for j in ys),
        *(gs[len(outs) + i] for i in before), *node.src[carried + rows :],
    ]  # fmt: skip
    together = call(
        SCAN, given, body=back, carried=len(flows) + len(rest),
        rows=carried + rows + len(ys) + len(before), length=o["length"],
        reverse=not o["reverse"], kept=False,
    )  # fmt: skip
    out: list[Node | None] = [None] * len(node.src)
    for i, f in zip([*flows, *rest, *xs], together, strict=True):
        out[i] = f
    return out


def _plus(a: Node | None, b: Node) -> Node:
    return b if a is None else TABLE["add"](a, b).node


def _history(node: Node) -> list[Node]:
    """What was carried before each step."""
    o = node.kwargs()
    count = o["carried"]
    if not o["kept"]:
        return call(SCAN, node.src, **{**o, "kept": True})[-count:] if count else []
    kinds = results(node.op, o)
    starts = places(kinds)[0]
    return [
        RESULT(node, index=i, start=starts[i], shape=kinds[i][0], dtype=kinds[i][1]).node
        for i in range(len(kinds) - count, len(kinds))
    ]


# --- forward --------------------------------------------------------------------------------------


def _moving(body: Body, each: Sequence[Node], moves: Mapping[int, Node], tangents: Tangents) -> Any:
    """Outputs of a body on `each` and the tangents of those that are floats, by number."""
    merged: dict[int, Node] = {}
    outs = _inside(body, each)
    found = tangents(outs, {id(each[i]): t for i, t in moves.items()}, merged)
    present = inlined([*outs, *(t for t in found if t is not None)], merged)
    outs, rest = present[: len(outs)], iter(present[len(outs) :])
    found = [None if t is None else next(rest) for t in found]
    return outs, {
        k: _or_zeros(t, out) for k, (out, t) in enumerate(zip(outs, found, strict=True))
        if _float(out)
    }  # fmt: skip


def _push_switch(
    node: Node, ts: Sequence[Node | None], tangents: Tangents
) -> tuple[list[Node], dict[int, Node]]:
    index, *operands = node.src
    moved = [i for i, t in enumerate(ts[1:]) if t is not None]
    along = [t for t in ts[1:] if t is not None]
    bodies, order = [], []
    for body in node.attr("bodies"):
        made = _Inputs()
        each, moves = made.like(operands), made.like(along)
        outs, found = _moving(body, each, dict(zip(moved, moves, strict=True)), tangents)
        order = list(found)
        bodies.append(made.body([*outs, *found.values()]))
    got = call(SWITCH, [index, *operands, *along], bodies=tuple(bodies))
    count = len(got) - len(order)
    return got[:count], dict(zip(order, got[count:], strict=True))


def _given_tangents(
    src: Sequence[Node], ts: Sequence[Node | None], carried: int
) -> dict[int, Node]:
    """Tangents by source: zeros for floats that are carried and begin without one."""
    return {
        i: _or_zeros(t, s) for i, (s, t) in enumerate(zip(src, ts, strict=True))
        if t is not None or (i < carried and _float(s))
    }  # fmt: skip


def _beside(
    made: _Inputs,
    ins: Sequence[Node],
    src: Sequence[Node],
    along: Mapping[int, Node],
    parts: Sequence[range],
) -> tuple[list[Node], dict[int, Node], list[Node]]:
    """Each part of a loop's inputs and then their tangents.

    The body's inputs, those for tangents by place, and what the loop is given for all of them.
    """
    each: list[Node] = []
    moves: dict[int, Node] = {}
    given: list[Node] = []
    for part in parts:
        each += made.like([ins[i] for i in part])
        mine = [i for i in part if i in along]
        moves.update(zip(mine, made.like([ins[i] for i in mine]), strict=True))
        given += [*(src[i] for i in part), *(along[i] for i in mine)]
    return each, moves, given


def _push_scan(
    node: Node, ts: Sequence[Node | None], tangents: Tangents
) -> tuple[list[Node], dict[int, Node]]:
    o = node.kwargs()
    carried, rows, body = o["carried"], o["rows"], o["body"]
    ins = body.graph.inputs
    along = _given_tangents(node.src, ts, carried)
    made = _Inputs()
    parts = [range(carried), range(carried, carried + rows), range(carried + rows, len(ins))]
    each, moves, given = _beside(made, ins, node.src, along, parts)
    outs, found = _moving(body, each, moves, tangents)
    flows = [i for i in range(carried) if i in along]
    ys = [k for k in found if k >= carried]
    new_body = made.body([
        *outs[:carried], *(found[i] for i in flows), *outs[carried:], *(found[k] for k in ys),
    ])  # fmt: skip
    got = call(
        SCAN, given, body=new_body, carried=carried + len(flows),
        rows=rows + sum(i in along for i in parts[1]), length=o["length"], reverse=o["reverse"],
        kept=o["kept"],
    )  # fmt: skip
    count = len(outs)
    order = [*range(carried), *(("t", i) for i in flows), *range(carried, count),
             *(("t", k) for k in ys)]  # fmt: skip
    if o["kept"]:
        order += [*range(count, count + carried), *(("t", count + i) for i in flows)]
    by = dict(zip(order, got, strict=True))
    plain = [n for k, n in by.items() if isinstance(k, int)]
    return plain, {k[1]: n for k, n in by.items() if isinstance(k, tuple)}


def _push_while(
    node: Node, ts: Sequence[Node | None], tangents: Tangents
) -> tuple[list[Node], dict[int, Node]]:
    cond, body = node.attr("cond"), node.attr("body")
    carried, ins = len(body.graph.outputs), body.graph.inputs
    along = _given_tangents(node.src, ts, carried)
    made = _Inputs()
    parts = [range(carried), range(carried, len(ins))]
    each, moves, given = _beside(made, ins, node.src, along, parts)
    outs, found = _moving(body, each, moves, tangents)
    flows = [i for i in range(carried) if i in along]
    got = call(
        WHILE, given, cond=made.body(_inside(cond, each)),
        body=made.body([*outs, *(found[i] for i in flows)]),
    )  # fmt: skip
    return got[:carried], dict(zip(flows, got[carried:], strict=True))


_PUSHES: dict[Any, Callable[..., tuple[list[Node], dict[int, Node]]]] = {
    SWITCH: _push_switch, SCAN: _push_scan, WHILE: _push_while,
}  # fmt: skip
