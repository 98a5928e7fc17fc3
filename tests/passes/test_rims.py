"""Rims of zeros around stored values: exactly what lies outside of the value is written."""

from __future__ import annotations

import numpy as np
import pytest

from firth.ir.kernel import Affine, Const, Loop, Statement, Store
from firth.ir.op import TABLE as T
from firth.passes.affine import Layout
from firth.passes.fuse import fuse
from firth.passes.rims import schedule_rims
from tests.passes.facts import FACTS
from tests.passes.graphs import graph_of

CASES = {
    "an image": ((2, 3, 4, 5), Layout((0, 2, 3, 1), ((0, 0), (0, 0), (1, 1), (2, 1)))),
    "one side only": ((2, 3, 4, 5), Layout((0, 2, 3, 1), ((0, 0), (0, 0), (0, 2), (0, 0)))),
    "one dimension": ((3, 2, 7), Layout((0, 2, 1), ((0, 0), (0, 0), (1, 2)))),
    "one image of one row": ((1, 2, 1, 3), Layout((0, 2, 3, 1), ((0, 0), (0, 0), (1, 1), (1, 1)))),
}


def writes(body: tuple[Statement, ...], at: dict[object, int], seen: np.ndarray) -> None:
    for s in body:
        if isinstance(s, Loop):
            for i in range(s.axis.extent):
                writes(s.body, {**at, s.axis: i}, seen)
        else:
            assert isinstance(s, Store) and isinstance(s.value, Const) and s.value.value == 0
            seen[position(s.index, at)] += 1


def position(index: Affine, at: dict[object, int]) -> int:
    return index.const + sum(c * at[axis] for axis, c in index.terms)


@pytest.mark.parametrize("name", CASES)
def test_everything_around_is_written_once(name: str) -> None:
    shape, layout = CASES[name]
    graph = graph_of(lambda x: T["exp"](x), shape)
    fusion = fuse(graph, FACTS, {})
    node = graph.outputs[0]
    fusion.layouts[id(node)] = layout
    kernel = schedule_rims(fusion, node, FACTS).kernel
    seen = np.zeros(fusion.elements(node), int)
    writes(kernel.body, {}, seen)
    room = np.zeros([layout.room(shape)[d] for d in layout.order], int)
    room[tuple(slice(layout.rims[d][0], layout.rims[d][0] + shape[d]) for d in layout.order)] = 1
    np.testing.assert_array_equal(seen.reshape(room.shape) + room, 1)
