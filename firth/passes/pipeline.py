"""The only place that orders passes, a reason beside each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from firth.base import flags
from firth.base.facts import TargetFacts
from firth.ir.graph import Graph
from firth.ir.verify import verify
from firth.passes.lower import lower
from firth.passes.pairs import pairs
from firth.passes.parts import parts
from firth.passes.plan import Plan, plan, verify_order
from firth.passes.remat import remat
from firth.passes.schedule import Schedule, schedule
from firth.passes.share import share
from firth.passes.split import split
from firth.passes.whole import fits

_MANY = 8  # kernels that are worth compiling while their places are found


def to_kernels(graph: Graph, facts: TargetFacts, generic: bool = False) -> tuple[Schedule, Plan]:
    """Everything between a recorded graph and kernels with places."""
    return place(to_base(graph), facts, generic)


def to_base(graph: Graph) -> Graph:
    """A recorded graph in base ops."""
    check = verify if flags.debug("verify") else _unchecked
    graph = check(graph, "recorded")
    # Before lower, which then makes broadcasting of the parts explicit like any other.
    graph, owners = pairs(graph)
    # Bodies and broadcasting become base ops, so that one set of rules suffices afterwards; each is
    # simplified where it meets its surroundings: shared parts and idle movement go. Attention
    # stays whole where it has a kernel of its own.
    graph = check(lower(graph, fits, owners), "lowered")
    # After lower, which finds what is computed anyway.
    if not flags.strict():
        graph = check(share(graph), "lowered")
    # After lower, which would see through the reshapes; before fuse, which needs the two steps.
    graph = check(split(graph), "lowered")
    return graph


def place(
    graph: Graph,
    facts: TargetFacts,
    generic: bool = False,
    fused: bool = True,
    early: Callable[[Schedule], None] | None = None,
) -> tuple[Schedule, Plan]:
    """Kernels with places for a graph in base ops.

    early: told of the first kernels, of which most stay, before they have places.
    """
    if (
        fused and not generic and not flags.strict()
    ):  # a choice that depends on extents, and on who computes by Winograd
        graph = parts(graph, facts)

    def planned(graph: Graph, again: frozenset[int]) -> tuple[Schedule, Plan]:
        steps = schedule(graph, facts, generic, fused)  # kernels, from shapes and facts alone
        steps = replace(steps, again=again)
        if early is not None and not generic and not again and len(steps.calls) >= _MANY:
            early(steps)
        return steps, plan(graph, steps)  # places last: lifetimes need the final order

    if fused and not generic:  # what to compute again depends on extents, and on the whole plan
        steps, places = remat(graph, facts, planned)
    else:
        steps, places = planned(graph, frozenset())
    if flags.debug("verify"):
        verify_order(places)
    return steps, places


def _unchecked(graph: Graph, stage: str) -> Graph:
    return graph
