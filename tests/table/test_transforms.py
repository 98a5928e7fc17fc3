"""Every op of the table under vmap (against a loop) and jvp (against central differences)."""

from __future__ import annotations

import numpy as np
import pytest

from firth.base import dtype as dt
from firth.ir.graph import Graph
from firth.ir.node import Node
from firth.ir.op import HOST, Op, input_node, make
from firth.ops.batching import batch
from firth.ops.rules import Case
from firth.passes.grad import substitute
from firth.passes.jvp import tangents
from tests.table.table_tools import OPS, apply, inputs, rng, run, samples

EXAMPLES = 2
STEP = 1e-6


def _cases(op: Op) -> list[Case]:
    dtype = dt.float64 if dt.float64 in op.sample.dtypes else op.sample.dtypes[0]
    return [case for _, case in samples(op, [dtype]) if case.args][:4]


def _patterns(count: int) -> list[list[bool]]:
    """Which sources are batched: all, and each one alone."""
    alone = [[i == j for i in range(count)] for j in range(count)] if count > 1 else []
    return [[True] * count, *alone]


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_a_batch_is_a_loop(op: Op) -> None:
    for case in _cases(op):
        args = [np.asarray(a) for a in case.args]
        for flags in _patterns(len(args)):
            rows = [
                [_other(op, a, i) if f else a for a, f in zip(args, flags, strict=True)]
                for i in range(EXAMPLES)
            ]
            expected = [run(apply(op, row, case.attrs), row)[0] for row in rows]
            graph, together = _batched(op, case, args, rows, flags)
            (found,) = run(graph, together)
            assert found.dtype == expected[0].dtype
            np.testing.assert_allclose(
                found, np.stack(expected), rtol=1e-9, atol=1e-9, err_msg=str((flags, case.attrs))
            )


def _other(op: Op, array: np.ndarray, i: int) -> np.ndarray:
    """Another example: other places, or where those matter (factorisations) other values."""
    if op.family == HOST and array.dtype.kind in "fc":
        return array * (1 + i / 4)
    return np.roll(array, i) if array.ndim else array


def _batched(
    op: Op, case: Case, args: list[np.ndarray], rows: list[list[np.ndarray]], flags: list[bool]
) -> tuple[Graph, list[np.ndarray]]:
    each = inputs(args)
    root = make(op, each, op.bind(case.attrs))
    together = [np.stack([row[i] for row in rows]) if f else args[i] for i, f in enumerate(flags)]
    wide = inputs(together)
    pairs = list(zip(each, wide, flags, strict=True))
    ((node, is_batched),) = batch([root], {id(e): w for e, w, f in pairs if f}, EXAMPLES)
    assert is_batched
    return Graph(wide, (substitute(node, {id(e): w for e, w, f in pairs if not f}),)), together


SMOOTH = [op for op in OPS if op.sample.smooth and dt.float64 in op.sample.dtypes]


@pytest.mark.parametrize("op", SMOOTH, ids=lambda op: op.name)
def test_tangents_are_differences(op: Op) -> None:
    for _, case in samples(op, [dt.float64]):
        args = [np.asarray(a) for a in case.args]
        graph = apply(op, args, case.attrs)
        (out,) = graph.outputs
        places = [i for i, a in enumerate(args) if a.dtype == np.float64]
        if out.dtype.kind != "f" or 0 in out.shape or not places:
            continue
        generator = rng(op)
        moves = {i: generator.standard_normal(args[i].shape) for i in places}
        found = _tangent(graph, out, args, moves)
        sides = [
            run(graph, [a + sign * STEP * moves[i] if i in moves else a
                        for i, a in enumerate(args)])[0]
            for sign in (1, -1)
        ]  # fmt: skip
        expected = (sides[0] - sides[1]) / (2 * STEP)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6, err_msg=str(case.attrs))


def _tangent(
    graph: Graph, out: Node, args: list[np.ndarray], moves: dict[int, np.ndarray]
) -> np.ndarray:
    count = len(args)
    nodes = [input_node(count + k, m.shape, dt.float64) for k, m in enumerate(moves.values())]
    moved = {id(graph.inputs[i]): n for i, n in zip(moves, nodes, strict=True)}
    (found,) = tangents([out], moved)
    if found is None:
        return np.zeros(out.shape)
    return run(Graph((*graph.inputs, *nodes), (found,)), [*args, *moves.values()])[0]
