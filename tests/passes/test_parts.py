"""Gradients of weights by parts of the batch: same values, more tiles; others as they were."""

from __future__ import annotations

import numpy as np

from firth.ir.op import TABLE as T
from firth.ir.op import Expr
from firth.passes.parts import parts
from firth.passes.pipeline import to_base
from firth.targets.cpu import target as cpu
from tests.passes.facts import FACTS
from tests.passes.graphs import graph_of, run


def weight_gradient(x: Expr, g: Expr) -> Expr:
    w = T["window"](x, sizes=(3, 3), strides=(1, 1), dilations=(1, 1))
    return T["contract"](w, g, a_labels=(0, 1, 2, 3, 4, 5), b_labels=(0, 6, 2, 3),
                         out_labels=(6, 1, 4, 5))  # fmt: skip


def test_gradients_of_few_weights_are_summed_by_parts_of_the_batch() -> None:
    graph = graph_of(weight_gradient, (8, 4, 34, 34), (8, 16, 32, 32))
    names = [n.op.name for n in parts(to_base(graph), FACTS).nodes()]
    assert names[-1] == "sum"
    rng = np.random.default_rng(0)
    x, g = (rng.standard_normal(i.shape).astype(np.float32) for i in graph.inputs)
    windows = np.lib.stride_tricks.sliding_window_view(x.astype(np.float64), (3, 3), (2, 3))
    want = np.einsum("nchwij,nfhw->fcij", windows, g.astype(np.float64))
    np.testing.assert_allclose(run(cpu, graph, [x, g])[0], want, rtol=1e-4, atol=1e-2)


def test_gradients_of_many_weights_and_small_ones_are_left() -> None:
    for shapes in (((8, 256, 6, 6), (8, 256, 4, 4)), ((2, 4, 6, 6), (2, 4, 4, 4))):
        graph = to_base(graph_of(weight_gradient, *shapes))
        names = [n.op.name for n in parts(graph, FACTS).nodes()]
        assert names[-1] == "contract"
