"""What the body of a contraction reads is asked for before the sum."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from firth.codegen.emit import emit
from firth.ir.op import TABLE as T
from firth.ir.op import Expr
from firth.passes.pipeline import to_kernels
from firth.targets.cpu import target as cpu
from firth.targets.ref import target as ref
from tests.passes.facts import FACTS
from tests.passes.graphs import graph_of, run

LABELS = {"a_labels": (0, 1), "b_labels": (1, 2), "out_labels": (0, 2)}


def scaled(a: Expr, b: Expr, x: Expr) -> Expr:
    return T["contract"](a, b, **LABELS) * T["erf"](x)


def biased(a: Expr, b: Expr, x: Expr) -> Expr:
    row = T["slice"](x, starts=(0, 0), sizes=(1, x.shape[1]), steps=(1, 1))
    return T["contract"](a, b, **LABELS) + T["expand"](row, shape=x.shape)


def prefetches(build: Callable[..., Expr], generic: bool = False) -> int:
    graph = graph_of(build, (30, 20), (20, 50), (30, 50))
    kernels = [c.kernel for c in to_kernels(graph, FACTS, generic)[0].calls]
    (product,) = (k for k in kernels if k.name == "contract")
    return emit(product, FACTS, generic).text.count("call void @llvm.prefetch")


def test_rows_of_the_result_are_asked_for_and_one_row_for_all_is_not() -> None:
    assert prefetches(scaled) > prefetches(biased)
    assert prefetches(scaled, generic=True) == prefetches(biased, generic=True)


@pytest.mark.parametrize(
    "shape", [(30, 20, 50), (15, 300, 33), (1, 7, 40), (129, 64, 257)], ids=str
)
def test_values(shape: tuple[int, int, int]) -> None:
    m, k, n = shape
    shapes = (m, k), (k, n), (m, n)
    arrays = [np.random.default_rng(0).standard_normal(s).astype(np.float32) for s in shapes]
    graph = graph_of(scaled, *shapes)
    got, want = run(cpu, graph, arrays)[0], run(ref, graph, arrays)[0]
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)
