"""Large reductions to few results in two steps, so that several tiles share them.

The sum of 4 million elements becomes 64 partial sums and their sum. The parts depend on the shape
alone, never on threads, so the result doesn't either.
"""

from __future__ import annotations

import math

from firth.ir.graph import Graph
from firth.ir.node import Node
from firth.passes.fuse import REDUCTIONS
from firth.passes.simplify import Simplifier

LARGE = 1 << 17  # elements of a row from which it is worth parts
COLUMNS = 64  # results side by side that one tile adds up
ENOUGH = 8  # tiles that keep several cores busy
PART = 1 << 15  # elements from which a part is worth a tile
PARTS = 64


def split(graph: Graph) -> Graph:
    """The graph with its large reductions in two steps."""
    cuts = {id(n): parts for n in graph.nodes() if (parts := _parts(n))}
    if not cuts:
        return graph
    maker = Simplifier()
    made: dict[int, Node] = {id(n): n for n in graph.inputs}
    for node in graph.nodes():
        if id(node) not in made:
            src = tuple(made[id(s)] for s in node.src)
            parts = cuts.get(id(node))
            if parts:
                maker.origin = node.origin
                made[id(node)] = _in_two(maker, node, src[0], *parts)
            else:
                made[id(node)] = maker.again(node, src)
    return graph.replace(made[id(o)] for o in graph.outputs)


def _parts(node: Node) -> tuple[int, int] | None:
    """(axis to cut, number of parts) of a reduction that is worth it."""
    if node.op.name not in REDUCTIONS:
        return None
    shape, axes = node.src[0].shape, node.attrs[0]
    results = math.prod(n for d, n in enumerate(shape) if d not in axes)
    rows = axes == tuple(range(len(shape) - len(axes), len(shape)))
    if rows and math.prod(shape) < LARGE * results:
        return None
    tiles = results if rows else -(-results // COLUMNS)
    wanted = min(PARTS // max(tiles, 1), math.prod(shape) // PART)
    if tiles >= ENOUGH or wanted < 2:
        return None
    for axis in axes:  # the outermost that can be cut: parts stay contiguous
        divisors = [d for d in range(max(2, wanted // 8), wanted + 1) if shape[axis] % d == 0]
        if divisors:
            return axis, divisors[-1]
    return None


def _in_two(maker: Simplifier, node: Node, x: Node, axis: int, parts: int) -> Node:
    axes, keepdims = node.attrs
    name = node.op.name
    cut = (*x.shape[:axis], parts, x.shape[axis] // parts, *x.shape[axis + 1 :])
    inner = tuple(a for a in axes if a < axis) + tuple(a + 1 for a in axes if a >= axis)
    partial = maker.call(name, maker.call("reshape", x, shape=cut), axes=inner, keepdims=True)
    whole = tuple(1 if d in axes else n for d, n in enumerate(x.shape))
    out = maker.call(name, partial, axes=(axis,), keepdims=True)
    out = maker.call("reshape", out, shape=whole)
    return out if keepdims else maker.call("reshape", out, shape=node.shape)
