"""Rims: the zeros that are kept around a stored value, written before its elements."""

from __future__ import annotations

import math

from firth.base.facts import TargetFacts
from firth.ir.kernel import Axis, Buffer, Const, Kernel, Loop, Statement, Store
from firth.ir.node import Node
from firth.passes.affine import combine, of_axis
from firth.passes.clusters import Fusion
from firth.passes.loops import TILE, Call


def schedule_rims(fusion: Fusion, node: Node, facts: TargetFacts) -> Call:
    """A kernel that fills the rims of a node's buffer; a tile is some of its outermost dim."""
    layout, view = fusion.layouts[id(node)], fusion.whole(node)
    room = layout.room(node.shape)
    axes = [Axis(f"i{d}", n) for d, n in enumerate(node.shape)]
    first = axes[layout.order[0]]
    lanes = facts.lanes(node.dtype.itemsize)
    body: list[Statement] = []
    for place, d in enumerate(layout.order):
        inner = layout.order[place + 1 :]
        corner = view.offset - sum(layout.rims[i][0] * view.strides[i] for i in inner)
        around = [axes[i] for i in layout.order[:place]]
        walked = [(of_axis(axes[i]), view.strides[i]) for i in layout.order[:place]]
        before, after = layout.rims[d]
        for start, count in ((-before, before), (node.shape[d], after)):
            run = Axis("r", count * math.prod(room[i] for i in inner))
            if run.extent:
                address = combine([*walked, (of_axis(run), 1)], corner + start * view.strides[d])
                zeros: Statement = Store(0, address, Const(0, node.dtype))
                body.append(_nest([a for a in around if a is not first], run, zeros, lanes))
    work = math.prod(room[i] for i in layout.order[1:])
    block = min(first.extent, max(1, TILE // max(work, 1)))
    loops = (Loop(first, tuple(body)),) if first.extent > 1 else tuple(body)
    grid = ((first, block),) if first.extent > 1 else ()
    buffer = Buffer(node.dtype, True, 0, fusion.elements(node))
    return Call(Kernel("rims", grid, (buffer,), loops), (node,))


def _nest(axes: list[Axis], run: Axis, body: Statement, lanes: int) -> Statement:
    """The statement along the run, around it the axes that are more than one step."""
    if run.extent > 1:
        body = Loop(run, (body,), lanes)
    for axis in reversed(axes):
        if axis.extent > 1:
            body = Loop(axis, (body,))
    return body
