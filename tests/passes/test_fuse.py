"""What shares a kernel."""

from __future__ import annotations

import numpy as np
import pytest

from firth.ir.op import TABLE as T
from firth.ir.op import Expr
from firth.passes.pipeline import to_kernels
from firth.targets.cpu import target as cpu
from firth.targets.ref import target as ref
from tests.passes.facts import FACTS
from tests.passes.graphs import Build, graph_of, run, softmax


def norm(x: Expr, w: Expr) -> Expr:
    mean = T["sum"](x, axes=(1,), keepdims=True) * (1 / x.shape[1])
    centered = x - mean
    var = T["sum"](centered * centered, axes=(1,), keepdims=True) * (1 / x.shape[1])
    return centered / T["sqrt"](var + 1e-5) * w


def momentum(x: Expr, w: Expr, v: Expr, y: Expr) -> list[Expr]:
    g = T["matmul"](T["permute"](x, axes=(1, 0)), y)
    v2 = v * 0.9 + g
    return [w - v2 * 0.1, v2]


def woven(a: Expr, b: Expr) -> Expr:
    """Two values of what shares its inputs, one beside the other: (...) -> (..., 2)."""
    parts = (a * b - T["exp"](b), T["tanh"](a) + b)
    rows = [T["reshape"](p, shape=(*p.shape, 1)) for p in parts]
    return T["concatenate"](*rows, axis=2)


CASES: dict[str, tuple[Build, tuple[tuple[int, ...], ...], int]] = {
    "elementwise chain": (lambda x: T["tanh"](x * 2.0) + T["exp"](x), ((40, 30),), 1),
    "broadcast": (lambda x, b: x + b * 2.0, ((40, 30), (30,)), 1),
    "softmax": (softmax, ((40, 30),), 1),
    "interleaved values": (woven, ((40, 30), (40, 30)), 1),
    "interleaved values that are read": (lambda a, b: woven(a, b) * 2.0, ((4, 3), (4, 3)), 5),
    "softmax of a chain": (lambda x: softmax(T["tanh"](x) * 3.0), ((40, 30),), 1),
    "softmax along rows": (
        lambda x: T["permute"](softmax(T["permute"](x, axes=(1, 0))), axes=(1, 0)),
        ((40, 30),),
        2,
    ),
    "layer norm": (norm, ((40, 30), (30,)), 1),
    "epilogue": (lambda x, w, b: T["tanh"](T["matmul"](x, w) + b), ((9, 8), (8, 7), (7,)), 1),
    "optimizer in the epilogue": (momentum, ((6, 5), (5, 4), (5, 4), (6, 4)), 1),
    "two contractions": (
        lambda x, w, v: T["matmul"](T["tanh"](T["matmul"](x, w)), v),
        ((9, 8), (8, 7), (7, 5)),
        2,
    ),
    "cheap values are recomputed": (
        lambda x: (
            T["sum"](x * 2.0, axes=(0,), keepdims=False)
            + T["sum"](x * 2.0, axes=(1,), keepdims=False)
        ),
        ((30, 30),),
        2,
    ),
    "movement is an index map": (
        lambda x: (
            T["pad"](T["flip"](x, axes=(0,)), low=(1, 0), high=(0, 2), inner=(0, 0), value=0.0)
            * 2.0
        ),
        ((5, 6),),
        1,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_kernel_counts_and_values(name: str) -> None:
    build, shapes, kernels = CASES[name]
    graph = graph_of(build, *shapes)
    schedule, _ = to_kernels(graph, FACTS)
    assert len(schedule.calls) == kernels, [c.kernel.name for c in schedule.calls]
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(s).astype(np.float32) for s in shapes]
    for want, got in zip(run(ref, graph, arrays), run(cpu, graph, arrays), strict=True):
        np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-6)


def test_a_path_that_leaves_and_returns_is_not_fused() -> None:
    def build(x: Expr) -> Expr:
        s = T["sum"](x, axes=(0,), keepdims=True)  # other axes: another cluster
        t = T["sum"](s * x, axes=(1,), keepdims=True)
        return x * t + s

    graph = graph_of(build, (6, 7))
    x = np.random.default_rng(0).standard_normal((6, 7)).astype(np.float32)
    np.testing.assert_allclose(
        run(cpu, graph, [x])[0], run(ref, graph, [x])[0], rtol=1e-5, atol=1e-5
    )


def test_reductions_of_the_same_values_share_a_sweep() -> None:
    def gradients(g, x):  # type: ignore[no-untyped-def]
        keep = {"axes": (0,), "keepdims": False}
        return T["sum"](g, **keep), T["sum"](g * x, **keep)

    def apart(g, x):  # type: ignore[no-untyped-def]
        keep = {"axes": (0,), "keepdims": False}
        return T["sum"](g, **keep), T["sum"](x, **keep)

    shapes = (40, 1000), (40, 1000)
    assert len(to_kernels(graph_of(gradients, *shapes), FACTS)[0].calls) == 1
    assert len(to_kernels(graph_of(apart, *shapes), FACTS)[0].calls) == 2
    g, x = (np.random.default_rng(k).standard_normal(shapes[0]).astype(np.float32) for k in (0, 1))
    sums = run(cpu, graph_of(gradients, *shapes), [g, x])
    wide = g.astype(np.float64)
    np.testing.assert_allclose(sums[0], wide.sum(0), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(sums[1], (wide * x).sum(0), rtol=1e-5, atol=1e-5)


def test_what_follows_from_a_stored_product_is_left_to_its_readers() -> None:
    """A norm's gradient reads products of one matrix product: the product alone is stored."""

    def build(a: Expr, b: Expr, x: Expr) -> list[Expr]:
        g = T["contract"](a, b, a_labels=(0, 1), b_labels=(1, 2), out_labels=(0, 2))
        rows = {"axes": (1,), "keepdims": True}
        columns = {"axes": (0,), "keepdims": False}
        back = g - x * T["sum"](g * x, **rows)
        return [back, T["sum"](g, **columns), T["sum"](g * x, **columns)]

    graph = graph_of(build, (30, 20), (20, 50), (30, 50))
    calls = to_kernels(graph, FACTS)[0].calls
    product = next(c.kernel for c in calls if c.kernel.name == "contract")
    assert sum(b.written for b in product.buffers) == 1
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(s).astype(np.float32) for s in ((30, 20), (20, 50), (30, 50))]
    for want, got in zip(run(ref, graph, arrays), run(cpu, graph, arrays), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-3)


def test_reductions_of_different_kernels_results_are_apart() -> None:
    """A sweep over what was just made does not wait for what is made from it much later."""

    def build(a: Expr, b: Expr, x: Expr) -> list[Expr]:
        g = T["contract"](a, b, a_labels=(0, 1), b_labels=(1, 2), out_labels=(0, 2))
        columns = {"axes": (0,), "keepdims": False}
        normed = g / T["sum"](g * g, axes=(1,), keepdims=True)
        later = x + T["contract"](normed, b, a_labels=(0, 1), b_labels=(2, 1), out_labels=(0, 2))
        return [T["sum"](g, **columns), T["sum"](normed, **columns), T["sum"](later, **columns)]

    calls = to_kernels(graph_of(build, (40, 40), (40, 40), (40, 40)), FACTS)[0].calls
    assert sum(c.kernel.name == "sum" for c in calls) == 3
