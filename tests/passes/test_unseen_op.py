"""An op that exists nowhere else, in one declaration: fused, differentiated and documented."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from firth.base import dtype as dt
from firth.cli import pages
from firth.ir.graph import Graph
from firth.ir.op import TABLE, Expr, Op, declare, input_node
from firth.passes.grad import gradient
from firth.passes.pipeline import to_kernels
from firth.targets.cpu import target as cpu
from firth.targets.ref import target as ref
from tests.passes.graphs import graph_of, run
from tests.passes.test_fuse import FACTS

NAME = "unseen_rms_silu"


def rms_silu(x: Expr, w: Expr) -> Expr:
    mean = TABLE["mean"](x * x, axes=(x.ndim - 1,), keepdims=True)
    normed = x / TABLE["sqrt"](mean + 1e-6) * w
    return normed * TABLE["sigmoid"](x)


def meaning(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    z = x.astype(np.float64)
    return (z / np.sqrt((z**2).mean(-1, keepdims=True) + 1e-6) * w / (1 + np.exp(-z))).astype(
        x.dtype
    )


@pytest.fixture
def op() -> Iterator[Op]:
    yield declare(
        NAME,
        arity=2,
        doc="RMS norm of x times SiLU's gate. x: (..., C) float, w: (C,) -> (..., C) float.",
        shape=lambda x, w: x,
        dtype=lambda x, w: x,
        ref=meaning,
        lower=rms_silu,
    )
    del TABLE[NAME]


def with_gradients(op: Op, *shapes: tuple[int, ...], dtype: dt.DType) -> Graph:
    inputs = tuple(input_node(i, s, dtype) for i, s in enumerate(shapes))
    y = op(*map(Expr, inputs)).node
    grads = gradient([y], [None], inputs)
    return Graph(inputs, (y, *(g for g in grads if g is not None)))


def test_two_forward_kernels_at_most(op: Op) -> None:
    graph = graph_of(lambda x, w: op(x, w), (64, 48), (48,))
    assert len(to_kernels(graph, FACTS)[0].calls) <= 2
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(s).astype(np.float32) for s in ((64, 48), (48,))]
    np.testing.assert_allclose(
        run(cpu, graph, arrays)[0], run(ref, graph, arrays)[0], rtol=1e-5, atol=1e-6
    )


def test_derived_backward_passes_finite_differences(op: Op) -> None:
    shapes = ((3, 5), (5,))
    graph = with_gradients(op, *shapes, dtype=dt.float64)
    rng = np.random.default_rng(1)
    arrays = [rng.standard_normal(s) for s in shapes]
    _, *found = run(cpu, graph, arrays)
    step = 1e-6
    for which, grad in enumerate(found):
        for place in np.ndindex(grad.shape):
            values = []
            for sign in (1, -1):
                moved = [a.copy() for a in arrays]
                moved[which][place] += sign * step
                values.append(run(cpu, graph, moved)[0].sum())
            assert grad[place] == pytest.approx((values[0] - values[1]) / (2 * step), abs=1e-7)


def test_it_has_a_page(op: Op) -> None:
    text = pages.ops_page()
    assert NAME in text
    assert "RMS norm of x times SiLU's gate" in text
