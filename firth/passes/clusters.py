"""What fusion finds: clusters of nodes that one kernel computes, and the nodes in buffers."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from firth.ir.node import Node
from firth.passes.affine import Layout, View, whole
from firth.passes.placement import Placement


@dataclass(eq=False)
class Cluster:
    """Nodes of one kernel.

    extents: of its axes. place: where the dims of each node lie on them. inside: where the dims of
    each reduction's source lie. reduced: the axes that its reductions run over.
    """

    number: int
    extents: list[int]
    nodes: list[Node] = field(default_factory=list)
    place: dict[int, Placement] = field(default_factory=dict)
    inside: dict[int, Placement] = field(default_factory=dict)
    reduced: frozenset[int] | None = None
    contraction: Node | None = None
    alone: bool = False
    closed: bool = False  # nothing else may join
    work: int = 0  # cheap operations for one element, all nodes together
    before: int = 0  # bit set of the clusters that must run earlier


@dataclass(eq=False)
class Fusion:
    """The result: clusters in an order that can run, and the nodes that live in buffers.

    layouts: of the stored nodes that do not lie row-major.
    """

    clusters: list[Cluster]
    owner: dict[int, Cluster]
    stored: dict[int, Node]
    position: dict[int, int]  # of each node in the order of the graph
    layouts: dict[int, Layout] = field(default_factory=dict)

    def whole(self, node: Node) -> View:
        """A stored node in its buffer."""
        return whole(node, self.layouts.get(id(node)))

    def elements(self, node: Node) -> int:
        """How many elements the buffer of a stored node holds."""
        layout = self.layouts.get(id(node))
        return math.prod(node.shape if layout is None else layout.room(node.shape))


def in_order(clusters: list[Cluster]) -> list[Cluster]:
    """Clusters so that each comes after those it needs, otherwise as recorded."""
    alive = sum(1 << c.number for c in clusters)
    done, out, waiting = 0, [], list(clusters)
    while waiting:
        place = next(i for i, c in enumerate(waiting) if not c.before & alive & ~done)
        done |= 1 << waiting[place].number
        out.append(waiting.pop(place))
    return out
