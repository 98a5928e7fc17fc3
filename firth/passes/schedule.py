"""From a lowered graph to kernels, one cluster after the other."""

from __future__ import annotations

from dataclasses import dataclass

from firth.base.facts import TargetFacts
from firth.ir.graph import Graph
from firth.ir.node import Node
from firth.ir.op import INPUT
from firth.passes.alone import schedule_alone
from firth.passes.contraction import schedule_contraction
from firth.passes.fuse import fuse
from firth.passes.loops import Call, schedule_loops
from firth.passes.values import NeedsBuffer, Sites


@dataclass(frozen=True, eq=False)
class Schedule:
    """Kernels in order, the nodes that need storage, and the places that can fail."""

    calls: list[Call]
    stored: dict[int, Node]
    sites: Sites


def schedule(
    graph: Graph, facts: TargetFacts, generic: bool = False, fused: bool = True
) -> Schedule:
    """Kernels for a lowered graph; generic keeps their structure independent of extents.

    A value that turns out not to be computable in place is stored, and grouping starts again.
    fused=False stores every value, one kernel each: what fusion is compared with.
    """
    forced: dict[int, Node] = {} if fused else _all(graph)
    apart: set[int] = set(forced)
    while True:
        fusion = fuse(graph, forced, apart)
        sites = Sites()
        calls: list[Call] = []
        try:
            for cluster in fusion.clusters:
                if not any(id(n) in fusion.stored for n in cluster.nodes):
                    continue
                if cluster.alone:
                    calls += schedule_alone(fusion, cluster, sites, facts)
                elif cluster.contraction is not None:
                    calls.append(schedule_contraction(fusion, cluster, sites, facts, generic))
                else:
                    calls.append(schedule_loops(fusion, cluster, sites, facts, generic))
        except NeedsBuffer as need:
            if id(need.node) in apart:
                raise
            if id(need.node) in forced:  # stored, but by the very kernel that needs it
                apart.add(id(need.node))
            forced[id(need.node)] = need.node
            continue
        return Schedule(calls, fusion.stored, sites)


def _all(graph: Graph) -> dict[int, Node]:
    """Every computed node of a graph."""
    return {id(n): n for n in graph.nodes() if n.op is not INPUT}
