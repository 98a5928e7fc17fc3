"""From a lowered graph to kernels, one cluster after the other."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from firth.base.facts import TargetFacts
from firth.ir.graph import Graph
from firth.ir.node import Node
from firth.ir.op import INPUT
from firth.ir.verify import SCHEDULED
from firth.passes.affine import Layout
from firth.passes.alone import schedule_alone
from firth.passes.attention import schedule_attention
from firth.passes.clusters import Cluster, Fusion
from firth.passes.contraction import schedule_contraction
from firth.passes.expressions import coefficients
from firth.passes.fuse import REDUCTIONS, fuse
from firth.passes.layout import copied, layouts, not_joined
from firth.passes.loops import Call, schedule_loops
from firth.passes.rims import schedule_rims
from firth.passes.values import NeedsBuffer, Sites
from firth.passes.winograd import schedule_winograd

Key = tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class Schedule:
    """Kernels in order, the nodes that need storage and how it is laid out, and the places that
    can fail.

    owner: the number of the cluster that computes a node. again: nodes that were computed before;
    they come as late as possible.
    """

    calls: list[Call]
    stored: dict[int, Node]
    sites: Sites
    layouts: dict[int, Layout]
    owner: dict[int, int]
    again: frozenset[int] = frozenset()

    def size_bytes(self, node: Node) -> int:
        """Bytes of a node's buffer."""
        layout = self.layouts.get(id(node))
        shape = node.shape if layout is None else layout.room(node.shape)
        return node.dtype.itemsize * math.prod(shape)


def schedule(
    graph: Graph, facts: TargetFacts, generic: bool = False, fused: bool = True
) -> Schedule:
    """Kernels for a lowered graph; generic keeps their structure independent of extents.

    A value that turns out not to be computable in place is stored, and grouping starts again;
    clusters that this does not touch keep their kernels. fused=False stores every value, one kernel
    each: what fusion is compared with.
    """
    forced: dict[int, Node] = {} if fused else _all(graph)
    apart: set[int] = set(forced)
    ordered = fused and not generic  # an order of storage may depend on extents
    if ordered:
        forced.update(copied(graph, facts))
    closed = not_joined(graph) if ordered else set()
    plain: set[int] = set()
    sites = Sites()
    known: dict[Key, list[Call]] = {}
    while True:
        fusion = fuse(graph, facts, forced, apart | closed)
        if ordered:
            fusion.layouts = layouts(graph, fusion, plain)
        done: list[tuple[Cluster, list[Call]]] = []
        needed: dict[int, Node] = {}
        for cluster in fusion.clusters:
            if not any(id(n) in fusion.stored for n in cluster.nodes):
                continue
            made = known.get(_key(fusion, cluster)) if known else None
            try:
                if made is None:
                    made = _cluster(fusion, cluster, sites, facts, generic)
                    made = _with_origins(made, cluster, facts)
                done.append((cluster, made))
            except NeedsBuffer as need:  # the other clusters may have needs of their own
                if id(need.node) in fusion.layouts:
                    plain.add(id(need.node))
                    continue
                if id(need.node) in apart:
                    raise
                needed[id(need.node)] = need.node
        if not needed and not plain & fusion.layouts.keys():
            calls = [call for _, made in done for call in made]
            owner = {key: cluster.number for key, cluster in fusion.owner.items()}
            return Schedule(calls, fusion.stored, sites, fusion.layouts, owner)
        known = {_key(fusion, cluster): made for cluster, made in done}
        apart.update(n for n in needed if n in forced)  # stored, but by the kernel that needs it
        forced.update(needed)


def _key(fusion: Fusion, cluster: Cluster) -> Key:
    """All that a cluster's kernels depend on: its nodes and where they lie, and of every node down
    to the stored ones whether and how it is stored."""
    own = {id(n) for n in cluster.nodes}
    stack, seen = list(cluster.nodes), set(own)
    while stack:
        node = stack.pop()
        if id(node) in own or id(node) not in fusion.stored:
            fresh = [s for s in node.src if id(s) not in seen]
            seen.update(map(id, fresh))
            stack += fresh
    stored = frozenset((n, fusion.layouts.get(n)) for n in seen if n in fusion.stored)
    places = tuple((id(n), cluster.place[id(n)], cluster.inside.get(id(n))) for n in cluster.nodes)
    kind = (tuple(cluster.extents), cluster.reduced, cluster.alone, id(cluster.contraction))
    return (places, kind, stored)


def _cluster(
    fusion: Fusion, cluster: Cluster, sites: Sites, facts: TargetFacts, generic: bool
) -> list[Call]:
    rims = [schedule_rims(fusion, node, facts) for node in cluster.nodes if _has_rims(fusion, node)]
    if cluster.nodes[0].op.name in SCHEDULED:
        return rims + schedule_attention(fusion, cluster, sites, facts, generic)
    if cluster.alone:
        return rims + schedule_alone(fusion, cluster, sites, facts)
    if cluster.contraction is not None:
        calls = None if generic else schedule_winograd(fusion, cluster, sites, facts)
        if calls is not None:
            return rims + calls
        return [*rims, schedule_contraction(fusion, cluster, sites, facts, generic)]
    return [*rims, schedule_loops(fusion, cluster, sites, facts, generic)]


def _has_rims(fusion: Fusion, node: Node) -> bool:
    return id(node) in fusion.layouts and any(map(any, fusion.layouts[id(node)].rims))


def _with_origins(calls: list[Call], cluster: Cluster, facts: TargetFacts) -> list[Call]:
    """The calls, their kernels told which recorded nodes they compute, the dearest first."""

    def rank(node: Node) -> tuple[bool, bool, int]:
        return (
            node is not cluster.contraction,
            node.op.name not in REDUCTIONS,
            -facts.cost(node.op.name, len(coefficients(node))),
        )

    nodes = sorted(cluster.nodes, key=rank)
    origins = tuple(dict.fromkeys(n.origin for n in nodes if n.origin is not None))
    return [replace(c, kernel=replace(c.kernel, origins=origins)) for c in calls]


def _all(graph: Graph) -> dict[int, Node]:
    """Every computed node of a graph."""
    return {id(n): n for n in graph.nodes() if n.op is not INPUT}
