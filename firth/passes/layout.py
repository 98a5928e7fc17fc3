"""The storage order of values between kernels.

Users see row-major values, (N, C, H, W) for images; inputs and outputs of a program are stored so.
What lives in the arena may lie in any order, because kernels address memory by strides: another
order is other coefficients, movement stays free, and no node is added or changed.

- What feeds or leaves a contraction over windows lies channels last: its sums then run along memory
  and its columns, the output channels, fill vectors. What other windows read (pooling) does too.
- Zeros that windows see around a value are kept in memory as rims, written once by the producer, so
  that reading a window needs no guards. A padded input of the program is copied once, at the edge.
- Weights are copied once per run into the order in which they are read.
- What attention makes lies in the order that a permute gives it: heads side by side, for what reads
  it next.
- Values that share a kernel with such a value are stored in the same order as it.

A value that is read in a way that only row-major memory allows stays row-major: `plain`.
"""

from __future__ import annotations

import math
from collections.abc import Container, Sequence
from dataclasses import dataclass
from itertools import pairwise

from firth.base.facts import TargetFacts
from firth.ir.graph import Graph
from firth.ir.node import Node
from firth.ir.verify import SCHEDULED
from firth.passes.affine import Layout
from firth.passes.clusters import Cluster, Fusion
from firth.passes.fuse import MOVEMENT
from firth.passes.placement import Placement, follow
from firth.passes.simplify import scalar_value
from firth.passes.stored import strip, whole_values
from firth.passes.winograd import by_winograd

FEWEST_CHANNELS = 4  # windows over fewer are reduced as they lie


@dataclass(frozen=True, eq=False, slots=True)
class Windowed:
    """A contraction that reads windows through source number `place`."""

    node: Node
    place: int
    window: Node

    @property
    def spatial(self) -> int:
        """Dimensions that the windows move along."""
        return len(self.window.attrs[0])

    @property
    def other(self) -> Node:
        """The source that is multiplied with the windows."""
        return self.node.src[1 - self.place]

    def forward(self) -> bool:
        """Whether it sums over the places inside a window, so that `other` is a weight."""
        labels = self.node.attrs[self.place][-self.spatial :]
        return not set(labels) & set(self.node.attrs[2])

    def rank(self, *, remainders: bool = False) -> dict[int, float]:
        """For each label of the windows how far inside it lies in memory: places and the kernel
        are neighbours, channels the innermost.

        remainders: columns that stand behind a place in the result are finer steps along it.
        """
        n, labels = self.spatial, self.node.attrs[self.place]
        lead = len(labels) - 2 * n
        ranks = [0, *range(2 * n + 1, 2 * n + lead), *range(1, 2 * n, 2), *range(2, 2 * n + 1, 2)]
        found: dict[int, float] = dict(zip(labels, ranks, strict=True))
        places = labels[lead : lead + n]
        for before, label in pairwise(self.node.attrs[2] if remainders else ()):
            if before in places and label not in found:
                found[label] = found[before] + 0.5
        return found


def windowed(node: Node) -> Windowed | None:
    """The contraction as one over windows, if it is."""
    if node.op.name == "contract":
        for place, source in enumerate(node.src):
            if source.op.name == "window" and len(source.shape) > 2 * len(source.attrs[0]) + 1:
                return Windowed(node, place, source)
    return None


def copied(graph: Graph, facts: TargetFacts) -> dict[int, Node]:
    """Movement to be stored all the same, by id: what windows read of the program's inputs and
    outputs, and weights, each in an order of its own."""
    fixed = {id(strip(o)) for o in graph.outputs} | {id(n) for n in graph.inputs}
    found: dict[int, Node] = {}
    for conv in filter(None, map(windowed, graph.nodes())):
        if by_winograd(conv.node, facts):
            continue  # its transforms read in any order
        top, base = _image(conv.window)
        if id(base) in fixed and id(top) not in fixed and scalar_value(base) is None:
            found[id(top)] = top
        weight = _weight(conv)
        if weight is not None:
            found[id(weight)] = weight
    for window, weight in filter(None, map(_by_channel, graph.nodes())):
        top, base = _image(window)
        if id(base) in fixed and id(top) not in fixed and scalar_value(base) is None:
            found[id(top)] = top
        if _is_kernel(window, weight) or id(strip(weight)) in fixed:
            found[id(weight)] = weight
    return {key: n for key, n in found.items() if 0 not in n.shape}


def _by_channel(node: Node) -> tuple[Node, Node] | None:
    """(window, factor) of a product of windows with a weight for each channel and element, or
    with a gradient for each channel and place."""
    if node.op.name == "mul":
        for window, other in (node.src, node.src[::-1]):
            if window.op.name == "window" and other.op.name == "expand":
                weight = other.src[0]
                if weight.op.name == "reshape" and _channels(window) >= FEWEST_CHANNELS:
                    return window, weight
    return None


def _is_kernel(window: Node, factor: Node) -> bool:
    """Whether a factor of windows differs along the kernel, not along the places."""
    n = len(window.attrs[0])
    return any(size > 1 for size in factor.shape[-n:])


def not_joined(graph: Graph) -> set[int]:
    """Contractions whose results nothing else should join, by id: gradients of weights, whose
    order is another than that of the weights they change."""
    convs = filter(None, map(windowed, graph.nodes()))
    return {id(c.node) for c in convs if not c.forward() and math.prod(c.window.attrs[0]) > 1}


def layouts(graph: Graph, fusion: Fusion, plain: Container[int]) -> dict[int, Layout]:
    """The storage of every stored node that is not row-major, by id."""
    choice = _Choice(graph, fusion, plain)
    for node in graph.nodes():
        choice.anchor(node)
    for cluster in (*fusion.clusters, *reversed(fusion.clusters)):
        choice.agree(cluster)
    return choice.finished()


class _Choice:
    def __init__(self, graph: Graph, fusion: Fusion, plain: Container[int]) -> None:
        self.fusion, self.plain = fusion, plain
        self.fixed = set(map(id, whole_values(graph)))
        self.orders: dict[int, tuple[int, ...]] = {}
        self.wanted: dict[int, tuple[int, ...]] = {}  # of nodes that are not stored, too
        self.rims: dict[int, list[tuple[int, int]]] = {}

    def finished(self) -> dict[int, Layout]:
        """The layouts that differ from row-major."""
        out = {}
        for key, order in self.orders.items():
            node = self.fusion.stored[key]
            rims = tuple(self.rims.get(key, [(0, 0)] * len(order)))
            if order != tuple(range(len(order))) or any(map(any, rims)):
                out[key] = Layout(order, rims)
            assert len(order) == len(node.shape)
        return out

    def anchor(self, node: Node) -> None:
        """The orders that a contraction over windows, a reduction of windows, or a permute of what
        attention made asks for."""
        if node.op.name == "permute" and node.src[0].op.name in SCHEDULED:
            self._set(node.src[0], node.attrs[0])
            return
        conv = windowed(node)
        if conv is not None:
            self._convolution(conv)
        elif node.op.name != "contract":
            pair = _by_channel(node)
            if pair is not None:
                window, weight = pair
                self._set(weight, _factor_order(window, weight))
            for source in node.src:
                if source.op.name == "window" and _channels(source) >= FEWEST_CHANNELS:
                    self._image(source)

    def agree(self, cluster: Cluster) -> None:
        """What the kernel stores besides takes the order of what it reads or stores already."""
        axes = self._axes(cluster)
        if axes is None:
            return
        ranks = {axis: rank for rank, axis in enumerate(axes)}
        for node in cluster.nodes:
            place = cluster.place[id(node)]
            if all(a is None or a in ranks for a in place):
                keys = [-1 if a is None else ranks[a] for a in place]
                self._set(node, tuple(sorted(range(len(keys)), key=keys.__getitem__)))

    def _set(self, node: Node, order: tuple[int, ...]) -> None:
        """Gives a node its order, if its storage is free to choose and not chosen yet; what shares
        its kernel follows all the same."""
        key = id(node)
        self.wanted.setdefault(key, order)
        if key in self.fusion.stored and key not in self.fixed and key not in self.plain:
            self.orders.setdefault(key, order)

    def _convolution(self, conv: Windowed) -> None:
        self._image(conv.window)
        ranks, labels = conv.rank(), conv.node.attrs
        self._set(conv.node, _order(labels[2], conv.rank(remainders=True)))
        if conv.forward():
            self._set(conv.other, _order(labels[1 - conv.place], ranks))
        else:
            base = _base(conv.other, conv.spatial)
            if base is not None:
                self._set(base, _channels_last(base, conv.spatial))

    def _image(self, window: Node) -> None:
        """What windows read: channels last, with rims for its padding."""
        n = len(window.attrs[0])
        top, base = _image(window)
        for node in (top, base):
            if len(node.shape) > n + 1:
                self._set(node, _channels_last(node, n))
        if top is base or top.op.name != "pad" or id(top) in self.fusion.stored:
            return
        low, high, inner, fill = top.attrs
        zeros = fill == 0 and not any(inner) and low[0] <= 0 and high[0] <= 0
        if id(base) in self.orders and len(low) == len(base.shape) and zeros:
            rims = self.rims.setdefault(id(base), [(0, 0)] * len(low))
            for d, (a, b) in enumerate(zip(low, high, strict=True)):
                rims[d] = (max(rims[d][0], a), max(rims[d][1], b))

    def _axes(self, cluster: Cluster) -> list[int] | None:
        """The axes of a cluster from the outermost in memory to the innermost, if some value that
        it stores or reads says so."""
        for node in cluster.nodes:
            if id(node) in self.wanted:
                return _axes_in_order(self.wanted[id(node)], cluster.place[id(node)])
        for node in cluster.nodes:
            for source in (node,) if node.op.name == "pad" else node.src:
                place = cluster.inside.get(id(node), cluster.place[id(node)])
                found = self._read(source, place)
                if found is not None:
                    return found
        return None

    def _read(self, source: Node, place: Placement) -> list[int] | None:
        if len(place) != len(source.shape):
            return None
        dims: list[int | None] = list(range(len(source.shape)))
        while id(source) not in self.orders:
            same = source.op.name == "slice" and source.shape == source.src[0].shape
            if not same and source.op.name not in ("reshape", "permute", "expand", "pad"):
                return None
            moved = dims if same or source.op.name == "pad" else follow(source, dims)
            if moved is None:
                return None
            dims, source = moved, source.src[0]
        return _axes_in_order(
            self.orders[id(source)], tuple(None if d is None else place[d] for d in dims)
        )


def _axes_in_order(order: Sequence[int], place: Placement) -> list[int]:
    return [a for d in order if (a := place[d]) is not None]


def _factor_order(window: Node, factor: Node) -> tuple[int, ...]:
    """How what is multiplied with windows, channel by channel, lies best: channels last."""
    rank, n = len(factor.shape), len(window.attrs[0])
    kernel, places = range(rank - n, rank), range(rank - 2 * n, rank - n)
    first = kernel if _is_kernel(window, factor) else (0, *places)
    return (*first, *(d for d in range(rank) if d not in first))


def _order(labels: Sequence[int], ranks: dict[int, float]) -> tuple[int, ...]:
    """Dims by the rank of their labels; those that the windows lack come last."""
    keys = [ranks.get(label, len(ranks)) for label in labels]
    return tuple(sorted(range(len(keys)), key=keys.__getitem__))


def _channels_last(node: Node, spatial: int) -> tuple[int, ...]:
    rank = len(node.shape)
    return (0, *range(rank - spatial, rank), *range(1, rank - spatial))


def _channels(window: Node) -> int:
    return math.prod(window.shape[1 : len(window.shape) - 2 * len(window.attrs[0])])


def _image(window: Node) -> tuple[Node, Node]:
    """(padding below a window, or what it reads, if there is none; the value under the movement).

    Both are the window's source where the places do not lie where they did.
    """
    n = len(window.attrs[0])
    top = node = window.src[0]
    base = _base(node, n)
    if base is None:
        return top, top
    while node is not base:
        if node.op.name == "pad":
            return node, base
        node = node.src[0]
    return top, base


def _base(node: Node, spatial: int) -> Node | None:
    """The value under movement that leaves the places where they are, if it does."""
    while node.op.name in MOVEMENT:
        if node.op.name not in ("reshape", "pad", "slice", "flip") or any(_inner(node)):
            return node
        source = node.src[0]
        if node.op.name == "reshape" and node.shape[-spatial:] != source.shape[-spatial:]:
            return None
        node = source
    return node


def _inner(node: Node) -> tuple[int, ...]:
    return node.attrs[2] if node.op.name == "pad" else ()


def _weight(conv: Windowed) -> Node | None:
    """The movement of a weight that is worth storing in the order in which it is read."""
    sizes: tuple[int, ...] = conv.window.attrs[0]
    moved = conv.other.op.name in MOVEMENT and scalar_value(conv.other) is None
    return conv.other if conv.forward() and moved and any(n > 1 for n in sizes) else None
