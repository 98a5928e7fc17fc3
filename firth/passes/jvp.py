"""Forward-mode derivatives: how outputs move when inputs move, as more nodes.

Rules come once per family: what moves elements moves tangents the same way, what works element by
element multiplies by its derivative, products follow the product rule. An op with a gradient of its
own and no rule here is derived from that gradient, by transposing it once more; a body is followed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from firth.base.errors import MissingRule, message
from firth.ir.graph import claim, topological
from firth.ir.node import Node
from firth.ir.op import TABLE, Expr, input_node
from firth.ops.flow import RESULT, is_flow
from firth.ops.rules import cast, expand_to, filled
from firth.passes.flow import push as push_flow
from firth.passes.grad import gradient, substitute_all, unbroadcast

Tangents = Sequence[Expr | None]
Rule = Callable[..., Expr | None]


def tangents(
    roots: Sequence[Node], moved: Mapping[int, Node], merged: dict[int, Node] | None = None
) -> list[Node | None]:
    """The tangent of each root, None where nothing flows.

    moved: by id, nodes -> their tangents. merged takes, by id, results of control flow -> the same
    results where they are computed together with their tangents: whoever puts them in their place
    has nothing computed twice. MissingRule where a base op has no derivative.
    """
    made: dict[int, Node] = dict(moved)
    flows: dict[int, dict[int, Node]] = {}  # tangents of the results of control flow
    together: dict[int, list[Node]] = {}  # those results beside their tangents
    for node in topological(roots):
        flow = is_flow(node) or (node.op is RESULT and id(node.src[0]) in flows)
        if id(node) in moved or (node.dtype.kind not in "fc" and not flow):
            continue
        ts = [made.get(id(s)) for s in node.src]
        if node.op is RESULT and id(node.src[0]) in flows:
            moves = flows[id(node.src[0])]
            if node.attr("index") in moves:
                made[id(node)] = moves[node.attr("index")]
            if merged is not None:
                merged[id(node)] = together[id(node.src[0])][node.attr("index")]
        elif is_flow(node) and any(t is not None for t in ts):
            found_together = push_flow(*_on_merged(node, ts, merged or {}), tangents)
            together[id(node)], flows[id(node)] = found_together
        elif any(t is not None for t in ts):
            found = push(node, ts)
            if found is not None:
                known = (node, *node.src, *(t for t in ts if t is not None))
                made[id(node)] = claim(found, node, known)
    return [made.get(id(r)) for r in roots]


def _on_merged(
    node: Node, ts: Sequence[Node | None], merged: Mapping[int, Node]
) -> tuple[Node, list[Node | None]]:
    """A node of control flow and its tangents, on results that were merged before."""
    present = [t for t in ts if t is not None]
    swapped = substitute_all([*node.src, *present], dict(merged))
    rest = iter(swapped[len(node.src) :])
    src = tuple(swapped[: len(node.src)])
    moved = Node(node.op, src, node.attrs, node.shape, node.dtype)
    return moved, [None if t is None else next(rest) for t in ts]


def push(node: Node, ts: Sequence[Node | None]) -> Node | None:
    """The tangent of one node from those of its sources."""
    op = node.op
    rule = op.jvp or RULES.get(op.name) or FAMILIES.get(op.family)
    if rule is not None and not (rule is _elementwise and _is_complex(node)):
        wide = [None if t is None else Expr(t) for t in ts]
        found = rule(wide, Expr(node), *map(Expr, node.src), **node.kwargs())
        return None if found is None else unbroadcast(found.node, node.shape, node.dtype)
    if op.vjp is not None:
        return _transposed(node, ts)
    if op.lower is None:
        raise MissingRule(
            message("jvp", f"op {op.name} has no derivative", f"a tangent for {op.name}",
                    "an op with a gradient or a body", "detach() its inputs or add the rule")
        )  # fmt: skip
    return _through_body(node, ts)


def _is_complex(node: Node) -> bool:
    """Whether complex numbers take part: gradients are conjugate, so they are transposed."""
    return any(n.dtype.kind == "c" for n in (node, *node.src))


# --- without a rule -------------------------------------------------------------------------------


def _stand_ins(nodes: Sequence[Node | None]) -> list[Node | None]:
    return [None if n is None else input_node(i, n.shape, n.dtype) for i, n in enumerate(nodes)]


def _real(root: Node, inputs: Sequence[Node | None], nodes: Sequence[Node | None]) -> Node:
    """What was made on stand-ins, on the nodes themselves."""
    pairs = zip(inputs, nodes, strict=True)
    return substitute_all([root], {id(i): n for i, n in pairs if i is not None and n is not None})[
        0
    ]


def _through_body(node: Node, ts: Sequence[Node | None]) -> Node | None:
    """The tangent of the body, on stand-ins, so that it ends at this node's own sources."""
    assert node.op.lower is not None
    real = (*node.src, *ts)
    inputs = _stand_ins(real)
    xs, moves = inputs[: len(ts)], inputs[len(ts) :]
    body = node.op.lower(*[Expr(x) for x in xs if x is not None], **node.kwargs()).node
    moved = {id(x): t for x, t in zip(xs, moves, strict=True) if t is not None}
    found = tangents([body], moved)[0]
    return None if found is None else _real(found, inputs, real)


def _transposed(node: Node, ts: Sequence[Node | None]) -> Node | None:
    """The gradient is linear in what comes in: its own gradient is the tangent."""
    assert node.op.vjp is not None
    real = (*node.src, node, *ts)
    inputs = _stand_ins(real)
    count = len(ts)
    xs = [Expr(x) for x in inputs[:count] if x is not None]
    y = inputs[count]
    assert y is not None
    g = input_node(len(real), node.shape, node.dtype)
    pulled = node.op.vjp(Expr(g), Expr(y), *xs, **node.kwargs())
    outs, starts = [], []
    for p, x, t in zip(pulled, node.src, inputs[count + 1 :], strict=True):
        if p is not None and t is not None:
            outs.append(unbroadcast(p.node if isinstance(p, Expr) else p, x.shape, x.dtype))
            starts.append(t)
    found = gradient(outs, starts, [g])[0] if outs else None
    if found is None:
        return None
    zero = filled(0, node.shape, node.dtype).node  # nothing of it is left: it was linear
    return _real(found, [*inputs, g], [*real, zero])


# --- rules ----------------------------------------------------------------------------------------


def _sum(parts: Sequence[Expr | None]) -> Expr | None:
    total: Expr | None = None
    for p in parts:
        if p is not None:
            total = p if total is None else total + p
    return total


def _elementwise(ts: Tangents, y: Expr, *xs: Expr, **attrs: Any) -> Expr | None:
    """The derivative is diagonal, so the gradient's rule applied to a tangent is the tangent."""
    op = y.node.op
    assert op.vjp is not None or op.lower is not None
    if op.vjp is None:
        found = _through_body(y.node, [None if t is None else t.node for t in ts])
        return None if found is None else Expr(found)
    parts: list[Expr | None] = []
    for i, t in enumerate(ts):
        if t is not None:
            g = cast(expand_to(t, y.shape), y.dtype)
            p = op.vjp(g, y, *xs, **attrs)[i]
            parts.append(None if p is None else cast(p, y.dtype))
    return _sum(parts)


def _moved(ts: Tangents, y: Expr, *xs: Expr, **attrs: Any) -> Expr | None:
    """The same movement of the tangents; what does not move has a tangent of zeros."""
    wide = [
        t if t is not None else (filled(0, x.shape, x.dtype) if x.dtype.kind in "fc" else x)
        for t, x in zip(ts, xs, strict=True)
    ]
    if "value" in attrs:
        attrs["value"] = 0
    found: Expr = y.node.op(*wide, **attrs)
    return found


def _linear_in(*places: int) -> Rule:
    """An op that is linear in these sources together, the others as they are."""

    def rule(ts: Tangents, y: Expr, *xs: Expr, **attrs: Any) -> Expr | None:
        if all(ts[i] is None for i in places):
            return None
        wide = list(xs)
        for i in places:
            t = ts[i]
            wide[i] = t if t is not None else filled(0, xs[i].shape, xs[i].dtype)
        found: Expr = y.node.op(*wide, **attrs)
        return found

    return rule


def _product(ts: Tangents, y: Expr, *xs: Expr, **attrs: Any) -> Expr | None:
    """The product rule of two sources; a third is added."""
    op = y.node.op
    parts: list[Expr | None] = [
        op(ts[0], xs[1], **attrs) if ts[0] is not None else None,
        op(xs[0], ts[1], **attrs) if ts[1] is not None else None,
    ]
    if len(ts) > 2 and ts[2] is not None:
        bias = ts[2]
        channel = 1 if "stride" in attrs else y.ndim - 1
        shape = tuple(n if i == channel else 1 for i, n in enumerate(y.shape))
        parts.append(expand_to(TABLE["reshape"](bias, shape=shape), y.shape))
    return _sum(parts)


def _scatter(ts: Tangents, y: Expr, *xs: Expr, axes: Any, mode: str) -> Expr | None:
    if mode in ("set", "add"):
        return _linear_in(0, 1)(ts, y, *xs, axes=axes, mode=mode)
    found = _transposed(y.node, [None if t is None else t.node for t in ts])
    return None if found is None else Expr(found)


def _cumulate(ts: Tangents, y: Expr, *xs: Expr, axis: int, kind: str) -> Expr | None:
    if kind == "add":
        return _linear_in(0)(ts, y, *xs, axis=axis, kind=kind)
    found = _transposed(y.node, [None if t is None else t.node for t in ts])
    return None if found is None else Expr(found)


def _custom(ts: Tangents, y: Expr, value: Expr, *sources: Expr, rule: Any) -> Expr | None:
    """The forward rule of a custom function, or its reverse rule transposed."""
    if getattr(rule, "pushes", False):
        moves = [None if t is None else t.node for t in ts[1:]]
        made = rule.push(moves, y.node, _zeros, [s.node for s in sources])
    else:
        made = _transposed(y.node, [None if t is None else t.node for t in ts])
    return None if made is None else Expr(made)


def _zeros(like: Node) -> Node:
    return filled(0, like.shape, like.dtype).node


def _nothing(ts: Tangents, y: Expr, *xs: Expr, **attrs: Any) -> None:
    return None


FAMILIES: dict[str, Rule] = {"elementwise": _elementwise, "movement": _moved}
RULES: dict[str, Rule] = {
    "sum": _linear_in(0), "mean": _linear_in(0), "cumulate": _cumulate, "contract": _product,
    "matmul": _product, "linear": _product, "conv": _product, "conv_transpose": _product,
    "gather": _linear_in(0), "embedding": _linear_in(0),
    "take": _linear_in(0), "take_along_axis": _linear_in(0), "scatter": _scatter,
    "stop_gradient": _nothing, "custom_gradient": _custom,
}  # fmt: skip
