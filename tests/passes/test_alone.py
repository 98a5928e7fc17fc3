"""Ops with a kernel of their own: concatenation, inner padding, scans, scatter, sort."""

from __future__ import annotations

import numpy as np
import pytest

from firth.base import dtype as dt
from firth.ir.graph import Graph
from firth.ir.kernel import Loop, Sort
from firth.ir.op import TABLE as T
from firth.ir.op import Expr, input_node
from firth.passes.pipeline import to_kernels
from firth.passes.schedule import Schedule
from firth.targets.cpu import target as cpu
from tests.passes.facts import FACTS
from tests.passes.graphs import graph_of, run


def steps_of(graph: Graph) -> Schedule:
    return to_kernels(graph, FACTS)[0]


def scatter_graph(shape: tuple[int, ...], count: int, mode: str) -> Graph:
    x = input_node(0, shape, dt.float32)
    updates = input_node(1, (count, *shape[1:]), dt.float32)
    rows = input_node(2, (count,), dt.int64)
    out = T["scatter"](*map(Expr, (x, updates, rows)), axes=(0,), mode=mode)
    return Graph((x, updates, rows), (out.node,))


def test_concatenation_is_one_copy_per_source_and_none_for_empty_ones() -> None:
    graph = graph_of(lambda *xs: T["concatenate"](*xs, axis=1), (3, 4), (3, 0), (3, 2))
    assert len(steps_of(graph).calls) == 2
    arrays = [np.full(n.shape, i, np.float32) for i, n in enumerate(graph.inputs)]
    np.testing.assert_array_equal(run(cpu, graph, arrays)[0], np.concatenate(arrays, 1))


def test_a_tile_spans_as_many_axes_as_make_enough_work() -> None:
    many = (8, 16, 4, 5)
    graph = graph_of(lambda *xs: T["concatenate"](*xs, axis=3), many, many)
    assert [c.kernel.tiles() for c in steps_of(graph).calls] == [1, 1]
    arrays = [np.random.default_rng(k).standard_normal(many).astype(np.float32) for k in (0, 1)]
    np.testing.assert_array_equal(run(cpu, graph, arrays)[0], np.concatenate(arrays, 3))


def test_inner_padding_fills_and_then_spreads() -> None:
    graph = graph_of(lambda x: T["pad"](x, low=(1,), high=(2,), inner=(2,), value=9.0), (3,))
    assert len(steps_of(graph).calls) == 2
    out = run(cpu, graph, [np.array([1, 2, 3], np.float32)])[0]
    np.testing.assert_array_equal(out, [9, 1, 9, 9, 2, 9, 9, 3, 9, 9])


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize(
    ("kind", "oracle"),
    [("add", np.add), ("mul", np.multiply), ("maximum", np.maximum), ("minimum", np.minimum)],
)
def test_scans_run_along_their_axis(axis: int, kind: str, oracle: np.ufunc) -> None:
    graph = graph_of(lambda x: T["cumulate"](x, axis=axis, kind=kind), (5, 37))
    (call,) = steps_of(graph).calls
    outer = call.kernel.body[0]
    assert isinstance(outer, Loop) and outer.axis.extent == (37 if axis == 0 else 5)
    x = np.random.default_rng(0).standard_normal((5, 37)).astype(np.float32)
    wanted = oracle.accumulate(x.astype(np.float64), axis)
    np.testing.assert_allclose(run(cpu, graph, [x])[0], wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("axis", [0, 1])
def test_a_recurrence_is_one_pass(axis: int) -> None:
    graph = graph_of(lambda *xs: T["recurrence"](*xs, axis=axis), (5, 37), (5, 37))
    assert len(steps_of(graph).calls) == 1
    a, b = np.random.default_rng(0).standard_normal((2, 5, 37)).astype(np.float32)
    wanted = np.moveaxis(b.astype(np.float64), axis, 0).copy()
    for k in range(1, len(wanted)):
        wanted[k] += np.moveaxis(a, axis, 0)[k] * wanted[k - 1]
    found = run(cpu, graph, [a, b])[0]
    np.testing.assert_allclose(found, np.moveaxis(wanted, 0, axis), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("right", [False, True])
def test_places_in_a_turned_row(right: bool) -> None:
    turned = lambda r, x: T["searchsorted"](T["flip"](r, axes=(1,)), x, right=right)
    graph = graph_of(turned, (3, 100), (3, 37))
    assert len(steps_of(graph).calls) == 1
    rng = np.random.default_rng(0)
    rows, x = (rng.integers(0, 50, (3, n)).astype(np.float32) for n in (100, 37))
    rows = np.sort(rows)
    wanted = [np.searchsorted(r, v, "right" if right else "left") for r, v in zip(rows, x)]
    np.testing.assert_array_equal(run(cpu, graph, [rows[:, ::-1].copy(), x])[0], wanted)


@pytest.mark.parametrize(
    ("mode", "at"), [("add", np.add.at), ("maximum", np.maximum.at), ("set", None)]
)
def test_scatter_applies_updates_in_order(mode: str, at: object) -> None:
    graph = scatter_graph((4, 70), 6, mode)
    copy, update = steps_of(graph).calls
    assert not copy.checks and update.checks
    (tiled, _), = update.kernel.grid  # tiles share no element: cut beside the indices  # fmt: skip
    assert tiled.extent == 70
    rng = np.random.default_rng(2)
    x, new = (rng.standard_normal(s).astype(np.float32) for s in ((4, 70), (6, 70)))
    rows = np.array([3, 0, 3, 1, 3, 0])
    wanted = x.copy()
    if at is None:
        for row, value in zip(rows, new, strict=True):
            wanted[row] = value
    else:
        at(wanted, rows, new)  # type: ignore[operator]
    np.testing.assert_allclose(run(cpu, graph, [x, new, rows])[0], wanted, rtol=1e-6)


def test_scatter_outside_is_an_index_error() -> None:
    graph = scatter_graph((4, 3), 1, "set")
    arrays = [np.zeros((4, 3), np.float32), np.ones((1, 3), np.float32), np.array([4])]
    with pytest.raises(IndexError, match="4"):
        run(cpu, graph, arrays)


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("axis", [0, 1])
def test_argsort_is_stable_along_any_axis(axis: int, descending: bool) -> None:
    graph = graph_of(lambda x: T["argsort"](x, axis=axis, descending=descending), (9, 40))
    (call,) = steps_of(graph).calls
    statement = call.kernel.body[0]
    while isinstance(statement, Loop):
        statement = statement.body[0]
    assert isinstance(statement, Sort)
    x = np.random.default_rng(3).integers(0, 5, (9, 40)).astype(np.float32)
    key = -x if descending else x
    np.testing.assert_array_equal(
        run(cpu, graph, [x])[0], np.argsort(key, axis=axis, kind="stable")
    )
