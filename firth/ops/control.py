"""Ops that steer transforms and change no value."""

from __future__ import annotations

from typing import Any

from firth.ir.node import Node
from firth.ir.op import Expr, declare
from firth.ops.rules import ANY, cases, filled, no_gradient, same

stop_gradient = declare(
    "stop_gradient",
    doc="x itself; no gradient flows through it (what `detach` records): (...) any -> (...) any.",
    shape=same, dtype=same, ref=lambda x: x, vjp=no_gradient, lower=lambda x: x,
    sample=cases(lambda make, rng, d: [(make(*s), {}) for s in ((), (0, 2), (2, 3))], ANY,
                 smooth=False),
)  # fmt: skip


def _zeros(like: Node) -> Node:
    return filled(0, like.shape, like.dtype).node


def _through(g: Node, y: Node, zero: Any, sources: list[Node]) -> list[Node]:
    """The rule of the samples: the gradient as it comes."""
    return [g]


def _custom_vjp(g: Expr, y: Expr, value: Expr, *sources: Expr, rule: Any) -> tuple[Any, ...]:
    nodes = [s.node for s in sources]
    found = rule(g.node, y.node, _zeros, nodes)
    return None, *(None if f is None else Expr(f) for f in found)


custom_gradient = declare(
    "custom_gradient", arity=None, attrs=("rule",),
    doc="The first source; the gradient for the others is what `rule` makes of the result's: "
    "value (...), x (...), ... -> (...).",
    shape=lambda value, *sources, rule: value, dtype=lambda value, *sources, rule: value,
    ref=lambda value, *sources, rule: value, vjp=_custom_vjp,
    lower=lambda value, *sources, rule: value,
    sample=cases(lambda make, rng, d: [(make(2, 3), make(2, 3), {"rule": _through})],
                 smooth=False),
)  # fmt: skip
