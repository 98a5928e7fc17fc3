"""Graphs through WebAssembly, against ref."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import firth.ops  # noqa: F401 (fills the table)
from firth.base import dtype as dt
from firth.base.errors import ArgumentError, IndexOutOfRange
from firth.ir.graph import Graph
from firth.ir.op import TABLE, Expr, input_node
from firth.passes.lower import lower
from firth.runtime.buffer import from_array
from firth.targets.ref import target as ref
from firth.targets.wasm import target as wasm
from tests.fuzz.graphs import random_graph
from tests.fuzz.test_graphs import compare, run

pytest.importorskip("ziglang", reason="needs wasm-ld, from the extra `wasm`")
pytest.importorskip("wasmtime", reason="needs wasmtime, from the extra `wasm`")


@pytest.mark.parametrize("generic", [False, True])
@pytest.mark.parametrize("first", range(0, 30, 10))
def test_random_graphs(first: int, generic: bool) -> None:
    for seed in range(first, first + 10):
        graph, arrays = random_graph(seed, dt.float32)
        exact_graph, exact_arrays = random_graph(seed, dt.float64)
        with np.errstate(all="ignore"):
            exact = run(ref.compile(exact_graph), exact_graph, exact_arrays)
            plain = [run(ref.compile(g), g, arrays) for g in (graph, lower(graph))]
        found = run(wasm.specialise(graph, generic), graph, arrays)
        compare(f"seed {seed} generic {generic}", exact, plain, found)


def test_a_failed_run_changes_no_input() -> None:
    table, places = input_node(0, (4,), dt.float32), input_node(1, (3,), dt.int64)
    taken = TABLE["gather"](Expr(table), Expr(places), axes=(0,))
    total = TABLE["sum"](taken, axes=(0,), keepdims=False)
    graph = Graph((table, places), ((Expr(table) + total).node,), ((0, 0),))
    compiled = wasm.compile(graph)
    weights = from_array(np.arange(4, dtype=np.float32))
    with pytest.raises(IndexOutOfRange, match="index 7 is out of range"):
        compiled.run([weights, from_array(np.array([1, 7, 2]))])
    np.testing.assert_array_equal(weights.view(dt.float32, (4,)), [0, 1, 2, 3])
    (out,) = compiled.run([weights, from_array(np.array([1, 3, 2]))])
    assert out is weights
    np.testing.assert_array_equal(weights.view(dt.float32, (4,)), [6, 7, 8, 9])


def test_empty_graphs_and_values() -> None:
    x = input_node(0, (0, 3), dt.float32)
    graph = Graph((x,), ((Expr(x) * 2.0).node,))
    (out,) = wasm.compile(graph).run([from_array(np.zeros((0, 3), np.float32))])
    assert out.nbytes == 0
    assert wasm.compile(Graph((x,), ())).run([out]) == []


def test_a_program_beyond_32_bits_is_refused() -> None:
    x = input_node(0, (1,), dt.float32)
    wide = TABLE["expand"](Expr(x), shape=(1 << 31,))
    compiled = wasm.compile(Graph((x,), ((wide + 1.0).node,)))
    with pytest.raises(ArgumentError, match="does not fit WebAssembly's memory"):
        compiled.run([from_array(np.zeros(1, np.float32))])


def test_a_missing_runtime_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    x = input_node(0, (2,), dt.float32)
    graph = Graph((x,), ((Expr(x) + 1.0).node,))
    monkeypatch.setitem(sys.modules, "wasmtime", None)
    with pytest.raises(ArgumentError, match=r"pip install 'firth\[wasm\]'"):
        wasm.compile(graph)
