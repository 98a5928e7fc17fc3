"""Which kernels can be the first to fail."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from firth.base import dtype as dt
from firth.base.errors import IndexOutOfRange
from firth.ir.graph import Graph
from firth.ir.op import TABLE as T
from firth.ir.op import Expr, input_node
from firth.passes.checks import failing
from firth.passes.pipeline import to_kernels
from firth.passes.schedule import schedule
from firth.runtime.buffer import from_array
from firth.targets.cpu import target as cpu
from tests.passes.facts import FACTS

ROWS = {"axes": (0,)}
ADD = {"axes": (0,), "mode": "add"}


def calls_that_fail(build: Callable[..., list[Expr]]) -> list[str]:
    """Kinds of the kernels that can be the first to fail; build: (table, sums, positions)."""
    inputs = (
        input_node(0, (50, 4), dt.float32),
        input_node(1, (50, 4), dt.float32),
        input_node(2, (30,), dt.int64),
    )
    graph = Graph(inputs, tuple(x.node for x in build(*map(Expr, inputs))))
    calls = schedule(graph, FACTS).calls
    return [c.kernel.name.split("_")[0] for k, c in enumerate(calls) if failing(calls) >> k & 1]


def test_positions_that_were_checked_before() -> None:
    def build(x: Expr, y: Expr, i: Expr) -> list[Expr]:
        rows = T["gather"](x, i, **ROWS)
        return [rows, T["scatter"](y, T["exp"](rows), i, **ADD)]

    assert calls_that_fail(build) == ["gather"]


def test_a_smaller_table_is_another_check() -> None:
    def build(x: Expr, y: Expr, i: Expr) -> list[Expr]:
        rows = T["gather"](x, i, **ROWS)
        small = T["slice"](y, starts=(0, 0), sizes=(20, 4), steps=(1, 1))
        return [rows, T["scatter"](small, T["exp"](rows), i, **ADD)]

    assert calls_that_fail(build) == ["gather", "scatter"]


def test_some_of_the_positions_are_not_all() -> None:
    def build(x: Expr, y: Expr, i: Expr) -> list[Expr]:
        some = T["slice"](i, starts=(1,), sizes=(29,), steps=(1,))
        rows = T["gather"](x, some, **ROWS)
        return [rows, T["scatter"](y, T["expand"](T["sum"](rows, axes=(0,), keepdims=True),
                                                  shape=(30, 4)), i, **ADD)]  # fmt: skip

    assert calls_that_fail(build) == ["gather", "scatter"]


def test_positions_that_are_known() -> None:
    def build(x: Expr, y: Expr, i: Expr) -> list[Expr]:
        return [T["scatter"](x, y, T["iota"](extent=50, dtype=dt.int64), **ADD)]

    assert calls_that_fail(build) == []


def test_an_update_comes_before_the_gradients_of_rows() -> None:
    """It needs the check of the first lookup alone, and still changes nothing if that fails."""

    def build(x: Expr, w: Expr, i: Expr) -> list[Expr]:
        rows = T["gather"](x, i, **ROWS)
        h = T["contract"](rows, w, a_labels=(0, 1), b_labels=(1, 2), out_labels=(0, 2))
        back = T["contract"](h, w, a_labels=(0, 2), b_labels=(1, 2), out_labels=(0, 1))
        sums = T["scatter"](x * 0.0, back, i, **ADD)
        change = T["contract"](rows, h, a_labels=(0, 1), b_labels=(0, 2), out_labels=(1, 2))
        return [w - change * 0.1, x - sums]

    arrays = [np.ones((50, 40), np.float32), np.ones((40, 40), np.float32), np.arange(30)]
    inputs = tuple(input_node(k, a.shape, dt.from_numpy(a.dtype)) for k, a in enumerate(arrays))
    x, w, i = map(Expr, inputs)
    new_w, new_x = build(x, w, i)
    graph = Graph(inputs, (new_w.node, new_x.node), ((0, 1), (1, 0)))
    _, plan = to_kernels(graph, FACTS)
    update = next(k for k, s in enumerate(plan.steps) if ("input", 1) in s.places and s.guarded)
    last = max(k for k, s in enumerate(plan.steps) if s.kernel.name == "scatter")
    assert update < last

    arrays[2][7] = 50
    buffers = [from_array(a) for a in arrays]
    with pytest.raises(IndexOutOfRange, match="50"):
        cpu.compile(graph).run(buffers)
    for buffer, array in zip(buffers[:2], arrays[:2], strict=True):
        np.testing.assert_array_equal(buffer.view(dt.float32, array.shape), array)
