"""Random graphs: a batch is a loop, and forward mode is the transpose of reverse mode."""

from __future__ import annotations

import os

import numpy as np
import pytest

from firth.base import dtype as dt
from firth.base.errors import FirthError
from firth.ir.graph import Graph
from firth.ir.node import Node
from firth.ir.op import input_node
from firth.ops.batching import batch
from firth.passes.grad import gradient, substitute_all
from firth.passes.jvp import tangents
from tests.fuzz.graphs import random_graph
from tests.table.table_tools import run

COUNT = int(os.environ.get("FIRTH_FUZZ", "500")) // 8
START = int(os.environ.get("FIRTH_FUZZ_SEED", "0"))
CHUNK = 25
EXAMPLES = 3


def _plain(graph: Graph) -> Graph:
    return Graph(graph.inputs, graph.outputs)


def check_batch(seed: int) -> None:
    graph, arrays = random_graph(seed, dt.float64)
    rng = np.random.default_rng(seed)
    flags = [bool(f) for f in rng.random(len(arrays)) < 0.6]
    scales = [
        1 if a.dtype.kind != "f" else 1 + rng.random((EXAMPLES, *a.shape)) / 8 for a in arrays
    ]
    rows = [
        [a * s[i] if f and not isinstance(s, int) else a
         for a, s, f in zip(arrays, scales, flags, strict=True)]
        for i in range(EXAMPLES)
    ]  # fmt: skip
    wide = tuple(
        input_node(i, (EXAMPLES, *n.shape) if f else n.shape, n.dtype)
        for i, (n, f) in enumerate(zip(graph.inputs, flags, strict=True))
    )
    pairs = list(zip(graph.inputs, wide, flags, strict=True))
    found = batch(graph.outputs, {id(n): w for n, w, f in pairs if f}, EXAMPLES)
    nodes = substitute_all([n for n, _ in found], {id(n): w for n, w, f in pairs if not f})
    together = [np.stack([row[i] for row in rows]) if f else arrays[i] for i, f in enumerate(flags)]
    try:
        expected = [run(_plain(graph), row) for row in rows]
    except FirthError:
        return
    for k, (value, (_, is_batched)) in enumerate(
        zip(run(Graph(wide, tuple(nodes)), together), found, strict=True)
    ):
        for i in range(EXAMPLES):
            one = value[i] if is_batched else value
            np.testing.assert_allclose(
                one, expected[i][k], rtol=1e-9, atol=1e-9, equal_nan=True, err_msg=str(seed)
            )


def _overwrites(node: Node) -> bool:
    """Places written twice: reverse mode gives both updates the gradient, as PyTorch does."""
    return node.op.name == "scatter" and node.attr("mode") == "set"


def check_transpose(seed: int) -> None:
    graph, arrays = random_graph(seed, dt.float64)
    rng = np.random.default_rng(seed)
    ins = [n for n in graph.inputs if n.dtype is dt.float64]
    outs = [n for n in graph.outputs if n.dtype is dt.float64]
    if not ins or not outs or any(map(_overwrites, graph.nodes())):
        return
    count = len(graph.inputs)
    more: list[Node] = []
    for n in (*ins, *outs):
        more.append(input_node(count + len(more), n.shape, n.dtype))
    values = [rng.standard_normal(n.shape) for n in more]
    moves, starts = more[: len(ins)], more[len(ins) :]
    ahead = tangents(outs, {id(n): m for n, m in zip(ins, moves, strict=True)})
    back = gradient(outs, starts, ins)
    made = [n for n in (*ahead, *back) if n is not None]
    if not made:
        return
    results = iter(run(Graph((*graph.inputs, *more), tuple(made)), [*arrays, *values]))
    found = [None if n is None else next(results) for n in (*ahead, *back)]
    pairs = list(zip(found, [*values[len(ins) :], *values[: len(ins)]], strict=True))
    sums = [0.0 if f is None else float((f * v).sum()) for f, v in pairs]
    size = sum(0.0 if f is None else float(np.abs(f * v).sum()) for f, v in pairs)
    a, b = sum(sums[: len(outs)]), sum(sums[len(outs) :])
    if np.isfinite(size):
        assert abs(a - b) <= 1e-8 * (1 + size), (seed, a, b)


@pytest.mark.parametrize("first", range(START, START + COUNT, CHUNK))
def test_batches_and_tangents(first: int) -> None:
    for seed in range(first, min(first + CHUNK, START + COUNT)):
        with np.errstate(all="ignore"):
            check_batch(seed)
            check_transpose(seed)
