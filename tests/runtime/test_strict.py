"""Strict mode: the same bits however a graph is cut into kernels, and in whichever way it runs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks.networks import NETWORKS
from firth.base import dtype as dt
from firth.base import flags
from firth.targets.cpu import compiler, plans
from firth.targets.cpu import target as cpu
from tests.fuzz.graphs import random_graph
from tests.fuzz.test_graphs import run
from tests.runtime import networks

ROOT = Path(__file__).resolve().parents[2]

COUNT = int(os.environ.get("FIRTH_FUZZ", "60"))
START = int(os.environ.get("FIRTH_FUZZ_SEED", "0"))
CHUNK = 20


@pytest.fixture(autouse=True)
def strict() -> Iterator[None]:
    flags.put("FIRTH_STRICT", "1")
    yield
    flags.put("FIRTH_STRICT", None)


def bits(arrays: list[np.ndarray]) -> list[bytes]:
    """Values as bytes; every NaN is the same."""
    return [
        np.where(np.isnan(a), np.float64("nan"), a).astype(a.dtype).tobytes()
        if a.dtype.kind == "f" else a.tobytes()
        for a in arrays
    ]  # fmt: skip


@pytest.mark.parametrize("first", range(START, START + COUNT, CHUNK))
def test_kernels_by_themselves_or_fused_specialised_or_generic(first: int) -> None:
    for seed in range(first, min(first + CHUNK, START + COUNT)):
        graph, arrays = random_graph(seed, dt.float32)
        wanted = bits(run(cpu.specialise(graph, fused=False), graph, arrays))
        for generic in (False, True):
            found = bits(run(cpu.specialise(graph, generic), graph, arrays))
            for place, (f, w) in enumerate(zip(found, wanted, strict=True)):
                assert f == w, f"seed {seed} generic {generic} output {place}"


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_eager_jitted_and_reloaded(name: str, tmp_path: Path) -> None:
    environment = {**os.environ, "FIRTH_STRICT": "1", "FIRTH_CACHE": str(tmp_path)}
    jitted = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-m", "tests.runtime.networks", name],
            capture_output=True, text=True, env=environment, cwd=ROOT,
        )  # fmt: skip
        jitted.append(done.stdout.split())
        assert not done.returncode, done.stderr
    (compiled, count), (reloaded, none) = jitted
    assert int(count) > 0 and none == "0"
    assert compiled == reloaded == networks.bits(name, "eager") == networks.bits(name, "read")


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_on_any_number_of_threads(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only in strict mode."""
    flags.put("FIRTH_STRICT", None)
    monkeypatch.setattr(compiler, "_small", lambda plan: False)
    monkeypatch.setattr(plans, "key_of", lambda graph, signature: None)
    found = set()
    try:
        for threads in ("1", "2", "4"):
            flags.put("FIRTH_THREADS", threads)
            found.add(networks.bits(name, "jit"))
    finally:
        flags.put("FIRTH_THREADS", None)
    assert len(found) == 1
