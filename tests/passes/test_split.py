"""Large reductions in two steps: same values, more tiles; small ones as they were."""

from __future__ import annotations

import numpy as np
import pytest

from firth.ir.op import TABLE as T
from firth.passes.pipeline import to_base, to_kernels
from firth.passes.split import split
from firth.targets.cpu import target as cpu
from tests.passes.graphs import graph_of, run
from tests.passes.test_fuse import FACTS


@pytest.mark.parametrize("name", ["sum", "amax"])
@pytest.mark.parametrize(
    ("shape", "axes", "keepdims"),
    [((1 << 18,), (0,), False), ((3, 1 << 18), (1,), True), ((500, 2, 600), (0, 2), False)],
)
def test_large(name: str, shape: tuple[int, ...], axes: tuple[int, ...], keepdims: bool) -> None:
    graph = graph_of(lambda x: T[name](x, axes=axes, keepdims=keepdims), shape)
    assert max(c.kernel.tiles() for c in to_kernels(graph, FACTS)[0].calls) >= 8
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    want = getattr(np, name)(x.astype(np.float64), axis=axes, keepdims=keepdims)
    np.testing.assert_allclose(run(cpu, graph, [x])[0], want, rtol=1e-5, atol=1e-2)


@pytest.mark.parametrize("shape", [(1000,), (64, 1 << 14), (131101,)])
def test_small_wide_or_prime_is_left(shape: tuple[int, ...]) -> None:
    graph = to_base(graph_of(lambda x: T["sum"](x, axes=(len(shape) - 1,), keepdims=False), shape))
    assert len(split(graph).nodes()) == len(graph.nodes())


def test_statistics_of_channels_are_summed_by_parts_of_the_batch() -> None:
    shape = (32, 16, 32, 32)
    graph = graph_of(lambda x: T["sum"](x, axes=(0, 2, 3), keepdims=False), shape)
    assert max(c.kernel.tiles() for c in to_kernels(graph, FACTS)[0].calls) >= 32
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    want = x.astype(np.float64).sum((0, 2, 3))
    np.testing.assert_allclose(run(cpu, graph, [x])[0], want, rtol=1e-4, atol=1e-2)
