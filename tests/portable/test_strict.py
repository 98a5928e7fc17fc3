"""Strict mode: random graphs give the same bits on cpu and wasm."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from firth.base import dtype as dt
from firth.base import flags
from firth.targets.cpu import target as cpu
from firth.targets.wasm import target as wasm
from tests.fuzz.graphs import random_graph
from tests.fuzz.test_graphs import run

pytest.importorskip("ziglang", reason="needs wasm-ld, from the extra `wasm`")
pytest.importorskip("wasmtime", reason="needs wasmtime, from the extra `wasm`")


@pytest.fixture(autouse=True)
def strict() -> Iterator[None]:
    flags.put("FIRTH_STRICT", "1")
    yield
    flags.put("FIRTH_STRICT", None)


@pytest.mark.parametrize("generic", [False, True])
@pytest.mark.parametrize("first", range(100, 120, 10))
def test_random_graphs(first: int, generic: bool) -> None:
    for seed in range(first, first + 10):
        for real in (dt.float32, dt.float64):
            graph, arrays = random_graph(seed, real)
            wanted = run(cpu.specialise(graph, generic), graph, arrays)
            found = run(wasm.specialise(graph, generic), graph, arrays)
            for place, (f, w) in enumerate(zip(found, wanted, strict=True)):
                assert f.tobytes() == w.tobytes(), (
                    f"seed {seed} {real.name} generic {generic} output {place}"
                )
