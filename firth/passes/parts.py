"""Gradients of the weights of convolutions, summed for parts of the batch.

Their sums are long, over the places of all images, and their results few: too few for several tiles
where a network has few channels. The sum over each part of the batch is then a result of its own,
and the parts are added. How many depends on the shape alone, never on threads.
"""

from __future__ import annotations

import math

from firth.base.facts import TargetFacts
from firth.ir.graph import Graph
from firth.ir.node import Node
from firth.passes.layout import Windowed, windowed
from firth.passes.simplify import Simplifier
from firth.passes.winograd import by_winograd

# products from which several tiles are worth it, how many, and how large
LARGE_SUM = 1 << 22
TILES = 16
TILE_RESULTS = 1 << 14


def parts(graph: Graph, facts: TargetFacts) -> Graph:
    """The graph with its gradients of few weights in two steps."""
    counts = {id(n): _count(n, facts) for n in graph.nodes() if n.op.name == "contract"}
    if set(counts.values()) <= {1}:
        return graph
    maker = Simplifier()
    made: dict[int, Node] = {id(n): n for n in graph.inputs}
    for node in graph.nodes():
        if id(node) not in made:
            src = tuple(made[id(s)] for s in node.src)
            conv = windowed(node) if counts.get(id(node), 1) > 1 else None
            if conv is not None:
                maker.origin = node.origin
                made[id(node)] = _by_batch(maker, conv, src, counts[id(node)])
            else:
                made[id(node)] = maker.again(node, src)
    return graph.replace(made[id(o)] for o in graph.outputs)


def _count(node: Node, facts: TargetFacts) -> int:
    """In how many parts a contraction is done."""
    conv = windowed(node)
    return 1 if conv is None or by_winograd(node, facts) else _parts(conv)


def _parts(conv: Windowed) -> int:
    """In how many parts the sum of a weight's gradient over the batch is done."""
    node, label = conv.node, conv.node.attrs[conv.place][0]
    if conv.forward() or label in node.attrs[2] or label != node.attrs[1 - conv.place][0]:
        return 1
    batch, results = conv.window.shape[0], math.prod(node.shape)
    n, windows = conv.spatial, conv.window.shape
    places = math.prod(windows[len(windows) - 2 * n : len(windows) - n])
    if results * batch * places < LARGE_SUM:
        return 1
    most = TILES // max(1, results // TILE_RESULTS)
    return max((d for d in range(1, most + 1) if batch % d == 0), default=1)


def _by_batch(maker: Simplifier, conv: Windowed, src: tuple[Node, ...], parts: int) -> Node:
    """The gradient of each part of the batch, and their sum."""

    def cut(x: Node) -> Node:
        return maker.call("reshape", x, shape=(parts, x.shape[0] // parts, *x.shape[1:]))

    window = src[conv.place]
    sources = [cut(s) for s in src]
    sources[conv.place] = maker.make(window.op, (cut(window.src[0]),), window.attrs)
    labels = conv.node.attrs
    part = max(max(row) for row in labels) + 1
    cuts = tuple((part, *row) for row in labels)
    partial = maker.make(conv.node.op, tuple(sources), cuts)
    return maker.call("sum", partial, axes=(0,), keepdims=False)
