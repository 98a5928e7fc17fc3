"""The only place that orders passes, a reason beside each."""

from __future__ import annotations

from firth.base.facts import TargetFacts
from firth.ir.graph import Graph
from firth.passes.lower import lower
from firth.passes.plan import Plan, plan
from firth.passes.schedule import Schedule, schedule
from firth.passes.simplify import simplify


def to_kernels(graph: Graph, facts: TargetFacts, generic: bool = False) -> tuple[Schedule, Plan]:
    """Everything between a recorded graph and kernels with places."""
    graph = lower(
        graph
    )  # bodies and broadcasting become base ops, so that one set of rules suffices
    graph = simplify(graph)  # bodies meet their surroundings: shared parts and idle movement go
    steps = schedule(graph, facts, generic)  # groups and loops, from shapes and facts alone
    return steps, plan(graph, steps)  # places last: lifetimes need the final order
