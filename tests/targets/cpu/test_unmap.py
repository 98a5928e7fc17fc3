"""Code that no program needs any more leaves the process: a process has few maps."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

import numpy as np
import pytest

from firth.ir.op import TABLE as T
from firth.runtime.buffer import from_array
from firth.targets.cpu import build
from firth.targets.cpu import target as cpu
from tests.passes.graphs import graph_of, run


def maps() -> int:
    return len(Path("/proc/self/maps").read_text().splitlines())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_maps_stay_few() -> None:
    x = np.ones(3, np.float32)
    counts = []
    for k in range(80):  # no collection: nothing refers in circles
        graph = graph_of(lambda x, k=k: T["exp"](x) * (k + 0.125), (3,))
        np.testing.assert_allclose(run(cpu, graph, [x])[0], np.exp(x) * (k + 0.125), rtol=1e-6)
        counts.append(maps())
    assert counts[-1] - counts[20] < 60


def test_shared_code_stays_while_a_program_needs_it() -> None:
    graph = graph_of(lambda x: T["tanh"](x) + 0.625, (5,))
    first, second = cpu.compile(graph), cpu.compile(graph)
    before = build.compilations
    del first
    gc.collect()
    cpu.compile(graph_of(lambda x: T["tanh"](x) + 0.875, (5,)))  # links: what is retired goes
    x = np.linspace(-1, 1, 5, dtype=np.float32)
    (out,) = second.run([from_array(x)])
    found = out.view(graph.outputs[0].dtype, (5,))
    np.testing.assert_allclose(found, np.tanh(x) + 0.625, rtol=1e-6)
    assert build.compilations <= before + 1
