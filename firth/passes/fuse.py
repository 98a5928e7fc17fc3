"""Which values share a kernel.

A cluster is a set of nodes that one kernel computes. Nodes are visited sources first, and each
joins the cluster of one of its sources when they walk the same iteration space in step:

- elementwise nodes join a source that has the same extents along the same axes (through squeezing,
  permuting and expanding), and clusters that meet in a node become one;
- a reduction joins the cluster of its source and splits the space in kept and reduced axes; later
  nodes may join on either side (softmax, norms and losses become one cluster so), and reductions
  over the same axes join too;
- elementwise nodes join the contraction that made one of their sources: its epilogue;
- composed ops that stay whole join those that do the same work (`passes/whole.py`);
- values laid side by side along a new last axis (the parts of complex results) join like
  elementwise nodes: their kernel writes each at its place.

A cluster never holds two contractions, and never joins if a path would leave it and come back.
What another cluster needs is stored, unless recomputing it is cheaper than a trip through memory.
docs/fusion.md is this file in words.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Container, Iterator

from firth.base import flags
from firth.base.facts import TargetFacts
from firth.ir.graph import Graph
from firth.ir.node import Node, Shape
from firth.ir.op import CONST, HOST, INPUT
from firth.ir.traced import differ
from firth.ir.verify import SCHEDULED
from firth.passes.clusters import Cluster, Fusion, in_order
from firth.passes.expressions import coefficients
from firth.passes.placement import Placement, ascends, axes_of, follow, reduced_place, stays_so
from firth.passes.stored import interleaved, loads, several_readers, whole_values
from firth.passes.whole import partner

MOVEMENT = ("reshape", "permute", "expand", "slice", "flip", "window", "pad")
REDUCTIONS = ("sum", "prod", "amax", "amin", "any", "all")
# one kernel each, sources in buffers
ALONE = (
    "scatter", "argsort", "cumulate", "recurrence", "logcumsumexp", "searchsorted",
    "concatenate", *SCHEDULED,
)  # fmt: skip
LOOKUPS = ("gather", "dynamic_slice")  # their first source must lie in a buffer

# Random bits are made again wherever they are needed, dear as they are: what is kept from the
# forward to the backward pass costs memory all that time.
AGAIN = "threefry"
_MOST_LOADS = 3  # values read to compute one again; what takes more is stored


def fuse(
    graph: Graph, facts: TargetFacts, forced: dict[int, Node], apart: Container[int] = ()
) -> Fusion:
    """Groups the nodes of a lowered graph.

    Nodes in `forced` (by id) are stored in any case; no other node joins those in `apart`.
    """
    return _Fuser(graph, facts, forced, apart).run()


class _Fuser:
    def __init__(
        self, graph: Graph, facts: TargetFacts, forced: dict[int, Node], apart: Container[int]
    ) -> None:
        self.facts = facts
        self.apart = apart
        self.graph = graph
        self.order = graph.nodes()
        self.uses = Counter(id(s) for n in self.order for s in n.src)
        self.woven = interleaved(self.order)
        self.stored: dict[int, Node] = dict(forced)
        self.stored.update({id(n): n for n in whole_values(graph)})
        self.clusters: list[Cluster | None] = []
        self.owner: dict[int, Cluster] = {}

    def run(self) -> Fusion:
        for node in self.order:
            if self._computes(node):
                self._place(node)
        self._merge_siblings()
        self._store_what_crosses([c for c in self.clusters if c is not None])
        live = [c for c in self.clusters if c is not None]
        position = {id(n): i for i, n in enumerate(self.order)}
        for cluster in live:
            cluster.nodes.sort(key=lambda n: position[id(n)])
        return Fusion(in_order(live), self.owner, self.stored, position)

    def _computes(self, node: Node) -> bool:
        """True for nodes of a cluster: all but sources and movement left to index maps."""
        if node.op is INPUT:
            return False
        if id(node) in self.stored:
            return True
        if node.op is CONST:
            return False
        if node.op.name == "pad" and any(node.attrs[2]):
            return True
        return node.op.name not in MOVEMENT and node.op.name != "iota"

    def _place(self, node: Node) -> None:
        name = node.op.name
        if name in SCHEDULED and self._join_partner(node):
            return
        if self._stands_alone(node):
            cluster = self._new(node, node.shape)
            cluster.alone = True
        elif name == "contract":
            cluster = self._new(node, node.shape)
            cluster.contraction = node
        elif name in REDUCTIONS:
            self._place_reduction(node)
            return
        elif name in (*MOVEMENT, "iota", "const") or id(node) in self.apart or not self._join(node):
            cluster = self._new(node, self._space(node))
        else:
            return
        cluster.closed = id(node) in self.apart
        self._own(cluster, node, tuple(axes_of(self._space(node))))

    def _stands_alone(self, node: Node) -> bool:
        if node.op.name == "pad":
            return any(node.attrs[2])
        return node.op.family == HOST or node.op.name in ALONE and id(node) not in self.woven

    def _space(self, node: Node) -> Shape:
        """What is walked to compute a node: its elements, of interleaved values those of each."""
        return node.src[0].shape if id(node) in self.woven else node.shape

    def _new(self, node: Node, shape: Shape) -> Cluster:
        cluster = Cluster(len(self.clusters), list(shape))
        self.clusters.append(cluster)
        return cluster

    def _own(self, cluster: Cluster, node: Node, place: Placement) -> None:
        cluster.nodes.append(node)
        cluster.work += self._cost(node)
        cluster.place[id(node)] = place
        self.owner[id(node)] = cluster
        grown = cluster.before
        for source in self._sources(node):
            if source is not cluster:
                grown |= source.before | (1 << source.number)
        self._grow(cluster, grown)

    def _grow(self, cluster: Cluster, before: int) -> None:
        """Adds predecessors to a cluster and to all that come after it."""
        if before == cluster.before:
            return
        cluster.before = before
        bit = 1 << cluster.number
        for other in self.clusters:
            if other is not None and other.before & bit:
                other.before |= before

    def _sources(self, node: Node) -> Iterator[Cluster]:
        """Clusters that the node reads from, seen through movement."""
        stack = list(node.src)
        seen: set[int] = set()
        while stack:
            s = stack.pop()
            if id(s) in seen:
                continue
            seen.add(id(s))
            owner = self.owner.get(id(s))
            if owner is not None:
                yield owner
            else:
                stack.extend(s.src)

    # joining

    def _place_reduction(self, node: Node) -> None:
        axes: tuple[int, ...] = node.attrs[0]
        source = node.src[0]
        kept_dims = [d for d in range(len(source.shape)) if d not in axes]
        for cluster, place in () if id(node) in self.apart else self._candidates(source):
            full = {a for a in place if a is not None}
            reduced = frozenset(a for d in axes if (a := place[d]) is not None)
            wanted = {i for i, n in enumerate(cluster.extents) if n != 1}
            grown = any(n != 1 and a is None for n, a in zip(source.shape, place, strict=True))
            if cluster.contraction is not None or cluster.alone or full != wanted or grown:
                continue
            across = bool(reduced) and max(reduced) < max(wanted)  # walks memory by columns
            dear = cluster.reduced is None and cluster.work > self.facts.beside
            if across and dear and several_readers(source, self.uses):
                continue  # dear work that is stored anyway is done along rows
            if flags.strict() and not ascends(node, place):
                continue
            if cluster.reduced not in (None, reduced) or not self._can_join(cluster, node):
                continue
            cluster.reduced = reduced
            cluster.inside[id(node)] = place
            self._own(cluster, node, reduced_place(node, place, kept_dims))
            return
        cluster = self._new(node, source.shape)
        cluster.closed = id(node) in self.apart
        place = tuple(axes_of(source.shape))
        cluster.reduced = frozenset(a for d in axes if (a := place[d]) is not None)
        cluster.inside[id(node)] = place
        self._own(cluster, node, reduced_place(node, place, kept_dims))

    def _join(self, node: Node) -> bool:
        """Puts an elementwise node into a cluster of its sources (merging several), if one fits."""
        if node.op.name in LOOKUPS:
            return False
        found: dict[int, tuple[Cluster, Placement]] = {}
        for source in node.src:
            for cluster, place in self._candidates(source):
                full = self._complete(cluster, place, self._space(node))
                if full is not None and not cluster.alone:
                    found.setdefault(cluster.number, (cluster, full))

        # A contraction first (its epilogue saves a trip), then reductions (a plain map can move
        # into their cluster, not the other way round), then the cluster that runs last.
        def rank(found: tuple[Cluster, Placement]) -> tuple[bool, bool, int]:
            cluster = found[0]
            return cluster.contraction is not None, cluster.reduced is not None, cluster.number

        ranked = sorted(found.values(), key=rank, reverse=True)
        for cluster, place in ranked:
            if cluster.contraction is not None:
                if id(node) in self.woven:
                    continue  # a product stores rows of whole vectors
                maps = [c for c, _ in ranked if c is not cluster and c.reduced is None]
                if sum(c.work for c in maps) > self.facts.beside:
                    continue  # dear work among sums in registers is slower than a trip
            if self._can_join(cluster, node):
                self._own(cluster, node, place)
                for other, other_place in ranked:
                    if other is not cluster and self.clusters[other.number] is not None:
                        self._merge(cluster, place, other, other_place)
                return True
        return False

    def _join_partner(self, node: Node) -> bool:
        """Puts a node that stays whole into the cluster of another one that does the same work."""
        for cluster in self.clusters:
            if cluster is None or cluster.closed or id(node) in self.apart:
                continue
            if all(partner(node, n) for n in cluster.nodes) and self._can_join(cluster, node):
                self._own(cluster, node, tuple(axes_of(node.shape)))
                return True
        return False

    def _candidates(self, source: Node) -> Iterator[tuple[Cluster, Placement]]:
        """(cluster, axis of each dim of `source`): the owner of what `source` moves, if aligned."""
        dims: list[int | None] = list(range(len(source.shape)))  # dim of node -> dim of source
        top = source
        while id(source) not in self.owner:
            if source.op.name not in ("reshape", "permute", "expand"):
                return
            moved = follow(source, dims)
            if moved is None:
                return
            dims, source = moved, source.src[0]
        cluster = self.owner[id(source)]
        if cluster.closed:
            return
        place: list[int | None] = [None] * len(top.shape)
        for d, axis in enumerate(cluster.place[id(source)]):
            target = dims[d]
            if target is not None and axis is not None:
                place[target] = axis
        yield cluster, tuple(place)

    def _complete(self, cluster: Cluster, place: Placement, shape: Shape) -> Placement | None:
        """The placement with broadcast dims put on the reduced axes; None if it doesn't fit."""
        open_dims = [d for d, n in enumerate(shape) if n != 1 and place[d] is None]
        used = {a for a in place if a is not None}
        if cluster.reduced is None:
            wanted = {i for i, n in enumerate(cluster.extents) if n != 1}
            return None if open_dims or used != wanted else place
        reduced = sorted(a for a in cluster.reduced if cluster.extents[a] != 1)
        kept = {i for i, n in enumerate(cluster.extents) if n != 1 and i not in cluster.reduced}
        if not kept <= used:
            return None
        if not open_dims:
            return place if used == kept or used == kept | set(reduced) else None
        if used != kept or [shape[d] for d in open_dims] != [cluster.extents[a] for a in reduced]:
            return None
        out = list(place)
        for d, a in zip(open_dims, reduced, strict=True):
            out[d] = a
        return tuple(out)

    def _can_join(self, cluster: Cluster, node: Node) -> bool:
        """No source of the node may itself come after the cluster, and kernels stay short."""
        if cluster.work + self._cost(node) > self.facts.longest:
            return False
        bit = 1 << cluster.number
        return not any(s is not cluster and s.before & bit for s in self._sources(node))

    def _merge(self, a: Cluster, place_a: Placement, b: Cluster, place_b: Placement) -> None:
        """Makes b part of a, if both walk the same space and no path leads out and back."""
        if b.contraction is not None or a.work + b.work > self.facts.longest:
            return
        to = {y: x for x, y in zip(place_a, place_b, strict=True) if x is not None}
        axes_b = {i for i, n in enumerate(b.extents) if n != 1}
        if None in to or set(to) != axes_b:
            return
        if b.reduced is not None:
            mapped = frozenset(to[x] for x in b.reduced if x in to)
            if a.contraction is not None or a.reduced not in (None, mapped):
                return
            if flags.strict() and not stays_so(b.nodes, b.inside, to):
                return
        if self._path_between(a, b) or self._addresses(a, b) or self._addresses(b, a):
            return
        if b.reduced is not None:
            a.reduced = frozenset(to[x] for x in b.reduced if x in to)
        a.work += b.work
        for node in b.nodes:
            a.nodes.append(node)
            self.owner[id(node)] = a
        for mine, theirs in ((a.place, b.place), (a.inside, b.inside)):
            for key, place in theirs.items():
                mine[key] = tuple(None if x is None else to[x] for x in place)
        self.clusters[b.number] = None
        bit_a, bit_b = 1 << a.number, 1 << b.number
        for other in self.clusters:
            if other is not None and other.before & bit_b:
                other.before = other.before & ~bit_b | bit_a
        self._grow(a, (a.before | b.before) & ~(bit_a | bit_b))

    def _merge_siblings(self) -> None:
        """Reductions over one space that need nothing of each other and read the same values, such
        as the gradients of a norm's weight and bias, share a sweep over them."""
        groups: dict[tuple[object, ...], list[tuple[Cluster, set[int]]]] = {}
        for c in self.clusters:
            if c is None or c.closed or c.alone or c.contraction is not None or not c.reduced:
                continue
            reads = self._read_whole(c)
            group = groups.setdefault((*c.extents, c.reduced), [])
            for other, others_reads in group:
                apart = not (c.before >> other.number & 1 or other.before >> c.number & 1)
                if apart and not reads.isdisjoint(others_reads):
                    place = tuple(axes_of(tuple(c.extents)))
                    self._merge(other, place, c, place)
                if self.clusters[c.number] is None:
                    others_reads |= reads
                    break
            else:
                group.append((c, reads))

    def _read_whole(self, cluster: Cluster) -> set[int]:
        """Ids of the values, as large as the cluster's space, that its reductions are made of, up
        to those that other kernels made by more than elementwise work."""
        size = math.prod(cluster.extents)
        stack = [n.src[0] for n in cluster.nodes if id(n) in cluster.inside]
        found: set[int] = set()
        while stack and len(found) < 32:
            n = stack.pop()
            if id(n) in found or n.op is CONST or differ(math.prod(n.shape), size):
                continue
            found.add(id(n))
            owner = self.owner.get(id(n), cluster)
            made = owner is not cluster and (owner.contraction or owner.reduced)
            if n.op.family in ("elementwise", "movement") and not made:
                stack.extend(n.src)
        return found

    def _addresses(self, a: Cluster, b: Cluster) -> bool:
        """True when a node of a reads a buffer of b elsewhere than at its own element."""
        for node in a.nodes:
            if node.op.name == "contract" or node.op.name in LOOKUPS:
                for source in node.src if node.op.name == "contract" else node.src[:1]:
                    while id(source) not in self.owner and source.op.name in MOVEMENT:
                        source = source.src[0]
                    if self.owner.get(id(source)) is b:
                        return True
        return a.closed

    def _path_between(self, a: Cluster, b: Cluster) -> bool:
        """True when a third cluster comes after one of the two and before the other."""
        bits = (1 << a.number, 1 << b.number)
        for other in self.clusters:
            if other is None or other is a or other is b:
                continue
            me = 1 << other.number
            if (other.before & bits[0] and b.before & me) or (
                other.before & bits[1] and a.before & me
            ):
                return True
        return False

    # storing

    def _store_what_crosses(self, clusters: list[Cluster]) -> None:
        asked: dict[int, Node] = {}
        for cluster in clusters:
            for node in cluster.nodes:
                for source, must in self._reads(cluster, node):
                    if must:
                        asked.pop(id(source), None)
                    if id(source) in self.stored:
                        continue
                    if must or self._dear(source):
                        self.stored[id(source)] = source
                        if not must:
                            asked[id(source)] = source
        self._leave_to_readers(list(asked.values()))

    def _dear(self, node: Node) -> bool:
        """Whether storing a value is better than computing it again wherever it is read."""
        return self._recompute_cost(node) > self.facts.trip or (
            loads(node, self.stored) > _MOST_LOADS
        )

    def _leave_to_readers(self, nodes: list[Node]) -> None:
        """Does not store what follows from the result of a contraction, stored after all, and at
        most one value more: its readers compute it again, and the contraction writes less."""
        asked = set(map(id, nodes))
        for node in (n for n in self.order if id(n) in asked):
            made = self.owner[id(node)].contraction
            if made is None or node is made or id(made) not in self.stored:
                continue
            del self.stored[id(node)]
            if self._recompute_cost(node) > self.facts.trip or loads(node, self.stored) > 2:
                self.stored[id(node)] = node

    def _reads(self, cluster: Cluster, node: Node) -> Iterator[tuple[Node, bool]]:
        """(node of another cluster, whether it must lie in a buffer) for all that `node` reads."""
        alone = node.op.name in ALONE and id(node) not in self.woven
        strict = alone or node.op.name == "contract"
        for place, source in enumerate(node.src):
            must = strict or (node.op.name in LOOKUPS and place == 0)
            while source.op.name in MOVEMENT and id(source) not in self.owner:
                source = source.src[0]
            owner = self.owner.get(id(source))
            if owner is None:
                addressed = node.op.name == "argsort" or (
                    place == 0 and node.op.name in (*LOOKUPS, "searchsorted")
                )
                if addressed and source.op is not INPUT:
                    owner = self._own_leaf(source)
            if owner is not None and owner is not cluster:
                self._grow(cluster, cluster.before | 1 << owner.number)
                yield source, must

    def _own_leaf(self, node: Node) -> Cluster:
        """A constant or iota that has to lie in a buffer gets a kernel of its own."""
        cluster = self._new(node, node.shape)
        self._own(cluster, node, tuple(axes_of(node.shape)))
        return cluster

    def _cost(self, node: Node) -> int:
        """Additions that one element takes, sources not counted."""
        if node.op.name in MOVEMENT or node.op.name in ("const", "iota", "input"):
            return 0
        if node.op.name == AGAIN:
            return self.facts.trip // 2
        return self.facts.cost(node.op.name, len(coefficients(node)))

    def _recompute_cost(self, node: Node) -> int:
        """Cost of one element from stored values; a large number where it cannot be recomputed."""
        total, stack, seen = 0, [node], set()
        while stack and total <= self.facts.trip:
            n = stack.pop()
            if id(n) in seen or (n is not node and id(n) in self.stored):
                continue
            seen.add(id(n))
            owner = self.owner.get(id(n))
            if owner is not None and (
                owner.alone or n.op.name in REDUCTIONS or n.op.name in ("contract", *LOOKUPS)
            ):
                return self.facts.trip + 1
            total += self._cost(n)
            stack.extend(n.src)
        return total
