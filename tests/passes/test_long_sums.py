"""Sums of many float32 values are as good as float64 sums, whichever way the loops run."""

from __future__ import annotations

import numpy as np
import pytest

from firth.ir.op import TABLE as T
from firth.runtime.buffer import from_array
from firth.targets.cpu import target as cpu
from tests.passes.graphs import graph_of


@pytest.mark.parametrize("generic", [False, True])
@pytest.mark.parametrize(
    ("shape", "axes"),
    [((300_000, 2), (0,)), ((2, 300_000), (1,)), ((40_000, 20), (0,)), ((20, 140_000), (1,))],
)
def test_mean_of_a_long_axis(shape: tuple[int, ...], axes: tuple[int, ...], generic: bool) -> None:
    graph = graph_of(lambda x: T["sum"](T["exp"](x), axes=axes, keepdims=False), shape)
    x = (np.random.default_rng(0).random(shape) * 0.1).astype(np.float32)
    (out,) = cpu.specialise(graph, generic=generic).run([from_array(x)])
    found = out.view(graph.outputs[0].dtype, graph.outputs[0].shape)
    np.testing.assert_allclose(found, np.exp(x.astype(np.float64)).sum(axes), rtol=3e-7)
