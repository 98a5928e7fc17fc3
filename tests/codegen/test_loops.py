"""Loops: unrolling, order of reductions, widths of accumulators."""

import numpy as np
import pytest

from firth.base import dtype as dt
from firth.codegen.emit import emit
from firth.codegen.loops import walk
from firth.ir.kernel import (
    Accumulate,
    Accumulator,
    Affine,
    Apply,
    Axis,
    Buffer,
    Const,
    Kernel,
    Load,
    Loop,
    Store,
)
from tests.codegen.harness import ALL_FACTS, facts, run

RNG = np.random.default_rng(6)


def pooling(size, window, lanes):
    """out[i] = max over two axes of x[i + a + b], lanes are outputs."""
    i, a, b = Axis("i", size), Axis("a", window), Axis("b", window)
    top = Accumulator("top", "maximum", dt.float32, -np.inf)
    x = Load(0, Affine(0, ((i, 1), (a, 1), (b, 2))), dt.float32)
    inner = Loop(b, (Accumulate(top, x),))
    outer = Loop(a, (inner,), 0, (top,))
    body = (Loop(i, (outer, Store(1, Affine(0, ((i, 1),)), top)), lanes),)
    return Kernel("pool", (), (Buffer(dt.float32), Buffer(dt.float32, True)), body)


@pytest.mark.parametrize("target", ALL_FACTS)
@pytest.mark.parametrize("window", [1, 2, 3, 5])
def test_windows(target, window):
    size = 29
    x = RNG.standard_normal(size + 3 * window).astype(np.float32)
    out = np.zeros(size, np.float32)
    for generic in (False, True):
        run(pooling(size, window, 2 * target.lanes(4)), [x, out], target, generic)
        want = [
            max(x[i + a + 2 * b] for a in range(window) for b in range(window)) for i in range(size)
        ]
        np.testing.assert_array_equal(out, np.array(want, np.float32))


def test_short_loops_become_straight_text_and_long_ones_do_not():
    def loops(window):
        return emit(pooling(64, window, 8), facts()).text.count("\nloop")

    assert loops(2) == loops(3) == loops(4) == 1
    assert loops(5) == 3


def test_the_sum_does_not_depend_on_tiles_or_masks():
    """A row's sum is the same number whatever the rest of the kernel looks like."""
    cols = 1003
    x = RNG.standard_normal((6, cols)).astype(np.float32)
    results = []
    for block in (1, 2, 6):
        i, j = Axis("i", 6), Axis("j", cols)
        total = Accumulator("total", "add", dt.float32, 0.0)
        load = Load(0, Affine(0, ((i, cols), (j, 1))), dt.float32)
        row = (
            Loop(j, (Accumulate(total, load),), 16, (total,)),
            Store(1, Affine(0, ((i, 1),)), total),
        )
        body = row if block == 1 else (Loop(i, row),)
        kernel = Kernel("k", ((i, block),), (Buffer(dt.float32), Buffer(dt.float32, True)), body)
        for generic in (False, True):
            out = np.zeros(6, np.float32)
            run(kernel, [x, out], generic=generic)
            results.append(out)
    for out in results[1:]:
        np.testing.assert_array_equal(out, results[0])


def test_walk_knows_the_lanes():
    kernel = pooling(8, 2, 4)
    found = [(type(s).__name__, lanes) for s, lanes in walk(kernel.body, lambda s: s.vector)]
    assert found == [("Loop", 1), ("Loop", 4), ("Loop", 4), ("Accumulate", 4), ("Store", 4)]


def test_a_short_row_is_summed_in_one_register():
    """Wide steps that never happen have no lanes to fold; the sum stays the same bits."""
    x = RNG.standard_normal(20).astype(np.float32)
    found = []
    for generic in (False, True):
        i, total = Axis("i", 20), Accumulator("total", "add", dt.float32, 0.0)
        load = Load(0, Affine(0, ((i, 1),)), dt.float32)
        body = (Loop(i, (Accumulate(total, load),), 64, (total,)), Store(1, Affine(), total))
        kernel = Kernel("k", (), (Buffer(dt.float32), Buffer(dt.float32, True)), body)
        assert ("<64 x float>" in emit(kernel, facts(), generic).text) == generic
        found.append(np.zeros(1, np.float32))
        run(kernel, [x, found[-1]], facts(), generic)
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("target", [*ALL_FACTS, facts(32, True, False)])
def test_sums_of_products(target):
    """Fused where the machine can; either way the row's dot product."""
    rows, cols = 3, 77
    i, j = Axis("i", rows), Axis("j", cols)
    total = Accumulator("total", "add", dt.float32, 1.0)
    at = Affine(0, ((i, cols), (j, 1)))
    x, y = Load(0, at, dt.float32), Load(1, Affine(0, ((j, 1),)), dt.float32)
    product = Apply("mul", (x, y), dt.float32)
    body = (
        Loop(j, (Accumulate(total, product),), 2 * target.lanes(4), (total,)),
        Store(2, Affine(0, ((i, 1),)), total),
    )
    buffers = (Buffer(dt.float32), Buffer(dt.float32), Buffer(dt.float32, True))
    kernel = Kernel("dot", ((i, 1),), buffers, body)
    a, b = (RNG.standard_normal(s).astype(np.float32) for s in ((rows, cols), cols))
    out = np.zeros(rows, np.float32)
    for generic in (False, True):
        run(kernel, [a, b, out], target, generic)
        np.testing.assert_allclose(out, 1 + a.astype(np.float64) @ b, rtol=1e-5, atol=1e-5)
    assert ("llvm.fma" in emit(kernel, target).text) == target.fma


def long_body(n, work):
    """y[i] = x[i], multiplied twice `work` times."""
    i = Axis("i", n)
    here = Affine(0, ((i, 1),))
    value = Load(0, here, dt.float32)
    for _ in range(work):
        for factor in (1.125, 0.875):
            value = Apply("mul", (value, Const(factor, dt.float32)), dt.float32)
    buffers = (Buffer(dt.float32), Buffer(dt.float32, True))
    return Kernel("k", (), buffers, (Loop(i, (Store(1, here, value),), 8),))


@pytest.mark.parametrize("target", ALL_FACTS)
@pytest.mark.parametrize("n", [5, 8, 19, 40])
def test_a_long_body_means_the_same_written_once(target, n):
    x = RNG.uniform(1, 2, n).astype(np.float32)
    want = x
    for _ in range(40):
        want = want * np.float32(1.125) * np.float32(0.875)
    for generic in (False, True):
        out = np.full(n + 8, 7, np.float32)
        run(long_body(n, 40), [x, out], target, generic)
        np.testing.assert_array_equal(out[:n], want)
        assert (out[n:] == 7).all()


def test_a_long_body_is_written_once():
    def products(n, work):
        return emit(long_body(n, work), facts()).text.count("fmul") / (2 * work)

    assert products(19, 40) == products(40, 40) == products(5, 40) == 1
    assert products(19, 20) == 2
