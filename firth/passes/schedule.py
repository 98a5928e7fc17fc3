"""From a lowered graph to kernels, one cluster after the other."""

from __future__ import annotations

from dataclasses import dataclass

from firth.base.facts import TargetFacts
from firth.ir.graph import Graph
from firth.ir.node import Node
from firth.ir.op import INPUT
from firth.passes.alone import schedule_alone
from firth.passes.contraction import schedule_contraction
from firth.passes.fuse import Cluster, Fusion, fuse
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
        needed: dict[int, Node] = {}
        for cluster in fusion.clusters:
            if not any(id(n) in fusion.stored for n in cluster.nodes):
                continue
            try:
                calls += _cluster(fusion, cluster, sites, facts, generic)
            except NeedsBuffer as need:  # the other clusters may have needs of their own
                if id(need.node) in apart:
                    raise
                needed[id(need.node)] = need.node
        if not needed:
            return Schedule(calls, fusion.stored, sites)
        apart.update(n for n in needed if n in forced)  # stored, but by the kernel that needs it
        forced.update(needed)


def _cluster(
    fusion: Fusion, cluster: Cluster, sites: Sites, facts: TargetFacts, generic: bool
) -> list[Call]:
    if cluster.alone:
        return schedule_alone(fusion, cluster, sites, facts)
    if cluster.contraction is not None:
        return [schedule_contraction(fusion, cluster, sites, facts, generic)]
    return [schedule_loops(fusion, cluster, sites, facts, generic)]


def _all(graph: Graph) -> dict[int, Node]:
    """Every computed node of a graph."""
    return {id(n): n for n in graph.nodes() if n.op is not INPUT}
