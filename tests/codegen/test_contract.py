"""Contractions of many shapes and layouts against float64 NumPy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from firth.base import dtype as dt
from firth.base import flags
from firth.base.facts import TargetFacts
from firth.codegen.emit import emit
from firth.ir.kernel import (
    Accumulator,
    Affine,
    Apply,
    Axis,
    Buffer,
    Const,
    Contract,
    Guard,
    Kernel,
    Load,
    Store,
)
from firth.passes import blocking
from firth.passes.blocking import contract_blocks, panel_columns
from tests.codegen.harness import facts, run

wide = TargetFacts(
    *(getattr(facts(64), f) for f in ("triple", "cpu", "features")), 64, 32, True, True
)
MACHINES = {
    "avx2": facts(32), "avx512": wide, "neon": facts(16, masked=False),
    "plain": facts(32, masked=False, fma=False),
}  # fmt: skip


def matmul(m, n, k, *, a_cols=False, b_rows=False, blocks=(10**6, 10**6), dtype=dt.float32,
           epilogue=None, batch=1):  # fmt: skip
    """C[i, j] = sum over p of A[i, p] B[p, j]; a_cols: A stored (k, m); b_rows: B stored (n, k)."""
    i, j, p, t = Axis("i", m), Axis("j", n), Axis("p", k), Axis("t", batch)
    head = ((t, m * k),) if batch > 1 else ()
    a_index = ((i, 1), (p, m)) if a_cols else ((i, k), (p, 1))
    a = Load(0, affine(*head, *a_index), dtype)
    head = ((t, k * n),) if batch > 1 else ()
    b_index = ((j, k), (p, 1)) if b_rows else ((p, n), (j, 1))
    b = Load(1, affine(*head, *b_index), dtype)
    result = Accumulator("sum", "add", dtype, 0)
    head = ((t, m * n),) if batch > 1 else ()
    out = affine(*head, (i, n), (j, 1))
    body = epilogue(result, out, i, j) if epilogue else (Store(2, out, result),)
    grid = ((t, 1),) if batch > 1 else ()
    grid += ((i, min(blocks[0], m)), (j, min(blocks[1], n)))
    buffers = (Buffer(dtype), Buffer(dtype), Buffer(dtype, written=True))
    return Kernel("mm", grid, buffers, (Contract((i,), (j,), (p,), a, b, result, body),))


def affine(*terms, const=0):
    return Affine(const, tuple((axis, c) for axis, c in terms if c))


def draw(rng, shape, dtype):
    if dtype.kind == "f":
        return rng.standard_normal(shape).astype(dtype.np)
    return rng.integers(-50, 50, shape).astype(dtype.np)


def check(got, a, b, want, k):
    if got.dtype.kind != "f":
        assert np.array_equal(got, want)
        return
    eps = np.finfo(got.dtype).eps
    scale = np.abs(a.astype(np.float64)) @ np.abs(b.astype(np.float64))
    assert (np.abs(got - want) <= eps * (8 + k**0.5) * scale + 1e-30).all()


def try_matmul(m, n, k, target, generic=False, dtype=dt.float32, batch=1, **options):
    rng = np.random.default_rng(m * 1000 + n * 10 + k)
    a, b = draw(rng, (batch, m, k), dtype), draw(rng, (batch, k, n), dtype)
    stored_a = np.ascontiguousarray(a.swapaxes(1, 2)) if options.get("a_cols") else a
    stored_b = np.ascontiguousarray(b.swapaxes(1, 2)) if options.get("b_rows") else b
    c = np.zeros((batch, m, n), dtype.np)
    kernel = matmul(m, n, k, dtype=dtype, batch=batch, **options)
    run(kernel, [stored_a, stored_b, c], target, generic)
    wide_type = np.float64 if dtype.kind == "f" else dtype.np
    check(c, a, b, a.astype(wide_type) @ b.astype(wide_type), k)


SHAPES = [
    (1, 1, 1), (1, 37, 5), (6, 16, 8), (13, 31, 27), (28, 64, 33), (45, 70, 130), (64, 10, 16),
    (3, 48, 200),
]  # fmt: skip


@pytest.mark.parametrize("b_rows", [False, True], ids=["b", "bT"])
@pytest.mark.parametrize("a_cols", [False, True], ids=["a", "aT"])
@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("generic", [False, True], ids=["fixed", "generic"])
def test_matmul_shapes_and_layouts(machine, a_cols, b_rows, generic):
    for m, n, k in SHAPES:
        try_matmul(m, n, k, MACHINES[machine], generic, a_cols=a_cols, b_rows=b_rows)


@pytest.mark.parametrize("b_rows", [False, True], ids=["b", "bT"])
@pytest.mark.parametrize("generic", [False, True], ids=["fixed", "generic"])
def test_tiles_that_do_not_divide(generic, b_rows):
    for machine in MACHINES.values():
        for blocks in ((14, 32), (12, 48), (20, 10), (7, 33)):
            try_matmul(53, 75, 40, machine, generic, b_rows=b_rows, blocks=blocks)


@pytest.mark.parametrize("a_cols", [False, True], ids=["a", "aT"])
@pytest.mark.parametrize("generic", [False, True], ids=["fixed", "generic"])
def test_rows_pass_by_in_blocks_that_fit_a_cache(generic, a_cols):
    for machine in ("avx512", "neon"):
        small = replace(MACHINES[machine], l2_bytes=64 * 1024)
        for k in (128, 1024, 1025):  # rows in the same sets of a cache, and not
            try_matmul(75, 130, k, small, generic, a_cols=a_cols)
        try_matmul(75, 130, 1100, small, generic, a_cols=a_cols, blocks=(70, 70))


def test_a_long_sum_is_added_up_in_parts():
    a = np.random.default_rng(0).standard_normal((100_000, 3)).astype(np.float32)
    c = np.zeros((3, 3), np.float32)
    run(matmul(3, 3, 100_000, a_cols=True), [a, a, c], MACHINES["avx512"], False)
    wide = a.astype(np.float64)
    assert np.abs(c - wide.T @ wide).max() < 0.05  # of 100,000; one sum after the other: 1.75


@pytest.mark.parametrize("generic", [False, True], ids=["fixed", "generic"])
@pytest.mark.parametrize("k", [1024, 1100, 2600])
def test_long_sums_are_cut_into_blocks(k, generic):
    for b_rows in (False, True):
        try_matmul(15, 35, k, MACHINES["avx512"], generic, b_rows=b_rows, blocks=(14, 32))
        try_matmul(15, 35, k, MACHINES["plain"], generic, a_cols=True, b_rows=b_rows)
        try_matmul(1, 35, k, MACHINES["avx2"], generic, b_rows=b_rows)


@pytest.mark.parametrize("dtype", [dt.float64, dt.int32, dt.int64, dt.int8, dt.uint8], ids=str)
def test_other_dtypes(dtype):
    for machine in MACHINES.values():
        for b_rows in (False, True):
            try_matmul(9, 21, 35, machine, dtype=dtype, b_rows=b_rows)
            try_matmul(9, 21, 35, machine, True, dtype=dtype, b_rows=b_rows)


@pytest.mark.parametrize("generic", [False, True], ids=["fixed", "generic"])
def test_batches(generic):
    for machine in MACHINES.values():
        try_matmul(10, 18, 12, machine, generic, batch=3, b_rows=True)
        try_matmul(10, 18, 12, machine, generic, batch=3, a_cols=True, blocks=(4, 16))


@pytest.mark.parametrize("generic", [False, True], ids=["fixed", "generic"])
@pytest.mark.parametrize("machine", MACHINES)
def test_epilogue_with_bias_activation_and_two_stores(machine, generic):
    m, n, k = 23, 41, 19
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((m, k), np.float32), rng.standard_normal((n, k), np.float32)
    bias, residual = rng.standard_normal(n, np.float32), rng.standard_normal((m, n), np.float32)
    i, j, p = Axis("i", m), Axis("j", n), Axis("p", k)
    result = Accumulator("sum", "add", dt.float32, 0)
    out = affine((i, n), (j, 1))
    plus = Apply("add", (result, Load(2, affine((j, 1)), dt.float32)), dt.float32)
    relu = Apply("maximum", (plus, Const(0.0, dt.float32)), dt.float32)
    both = Apply("add", (relu, Load(3, out, dt.float32)), dt.float32)
    body = (Store(4, out, plus), Store(5, affine((j, m), (i, 1)), both))
    contract = Contract(
        (i,), (j,), (p,), Load(0, affine((i, k), (p, 1)), dt.float32),
        Load(1, affine((j, k), (p, 1)), dt.float32), result, body,
    )  # fmt: skip
    buffers = tuple(Buffer(dt.float32, written=x > 3) for x in range(6))
    kernel = Kernel("e", ((i, 14), (j, 32)), buffers, (contract,))
    first, second = np.zeros((m, n), np.float32), np.zeros((n, m), np.float32)
    run(kernel, [a, b, bias, residual, first, second], MACHINES[machine], generic)
    want = a.astype(np.float64) @ b.T + bias
    assert np.allclose(first, want, atol=1e-5)
    assert np.allclose(second.T, np.maximum(want, 0) + residual, atol=1e-5)


@pytest.mark.parametrize("generic", [False, True], ids=["fixed", "generic"])
@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("stride", [1, 2])
def test_convolution_over_guarded_windows(machine, stride, generic):
    c, o, h, w, kh, kw = 3, 5, 9, 20, 3, 3
    oh, ow = (h + 2 - kh) // stride + 1, (w + 2 - kw) // stride + 1
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, c, h, w)).astype(np.float32)
    weight = rng.standard_normal((o, c, kh, kw)).astype(np.float32)
    want = np.zeros((2, o, oh, ow))
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1))).astype(np.float64)
    for y in range(kh):
        for z in range(kw):
            part = padded[:, :, y : y + stride * oh : stride, z : z + stride * ow : stride]
            want += np.einsum("nchw,oc->nohw", part[:, :, :oh, :ow], weight[:, :, y, z])
    n_, o_, y_, x_ = Axis("n", 2), Axis("o", o), Axis("y", oh), Axis("x", ow)
    c_, i_, j_ = Axis("c", c), Axis("i", kh), Axis("j", kw)
    row = affine((y_, stride), (i_, 1), const=-1)
    col = affine((x_, stride), (j_, 1), const=-1)
    index = affine((n_, c * h * w), (c_, h * w), (y_, stride * w), (i_, w), (x_, stride), (j_, 1),
                   const=-w - 1)  # fmt: skip
    image = Load(0, index, dt.float32, (Guard(row, h), Guard(col, w)))
    filters = Load(1, affine((o_, c * kh * kw), (c_, kh * kw), (i_, kw), (j_, 1)), dt.float32)
    result = Accumulator("sum", "add", dt.float32, 0)
    buffers = (Buffer(dt.float32), Buffer(dt.float32), Buffer(dt.float32, written=True))
    reduce = (c_, i_, j_)
    # pixels as columns (results stored NCHW), then as rows (NHWC)
    out = Store(2, affine((n_, o * oh * ow), (o_, oh * ow), (y_, ow), (x_, 1)), result)
    contract = Contract((o_,), (y_, x_), reduce, filters, image, result, (out,))
    kernel = Kernel("conv", ((n_, 1), (y_, 3)), buffers, (contract,))
    got = np.zeros(want.shape, np.float32)
    run(kernel, [x, weight, got], MACHINES[machine], generic)
    assert np.allclose(got, want, atol=1e-5)
    out = Store(2, affine((n_, o * oh * ow), (y_, o * ow), (x_, o), (o_, 1)), result)
    contract = Contract((y_, x_), (o_,), reduce, image, filters, result, (out,))
    kernel = Kernel("conv", ((n_, 1), (y_, 3)), buffers, (contract,))
    got = np.zeros((2, oh, ow, o), np.float32)
    run(kernel, [x, weight, got], MACHINES[machine], generic)
    assert np.allclose(got.transpose(0, 3, 1, 2), want, atol=1e-5)


@pytest.mark.parametrize("generic", [False, True], ids=["fixed", "generic"])
def test_half_operands_and_elementwise_work(generic):
    m, n, k = 11, 37, 50
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((m, k)).astype(np.float16), rng.standard_normal((n, k), np.float32)
    i, j, p = Axis("i", m), Axis("j", n), Axis("p", k)
    result = Accumulator("sum", "add", dt.float32, 0)
    left = Apply("cast", (Load(0, affine((i, k), (p, 1)), dt.float16),), dt.float32)
    right = Apply("exp", (Load(1, affine((j, k), (p, 1)), dt.float32),), dt.float32)
    store = Store(2, affine((i, n), (j, 1)), result)
    contract = Contract((i,), (j,), (p,), left, right, result, (store,))
    buffers = (Buffer(dt.float16), Buffer(dt.float32), Buffer(dt.float32, written=True))
    kernel = Kernel("half", ((i, m), (j, 16)), buffers, (contract,))
    want = a.astype(np.float64) @ np.exp(b.astype(np.float64)).T
    for machine in MACHINES.values():
        got = np.zeros((m, n), np.float32)
        run(kernel, [a, b, got], machine, generic)
        assert np.allclose(got, want, rtol=1e-5, atol=1e-4)


def test_no_rows_columns_or_sum():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal(40).astype(np.float32), rng.standard_normal(40).astype(np.float32)
    i, j, p = Axis("i", 40), Axis("j", 40), Axis("p", 40)
    buffers = (Buffer(dt.float32), Buffer(dt.float32), Buffer(dt.float32, written=True))
    result = Accumulator("sum", "add", dt.float32, 0)
    x, y = (Load(n, affine((p, 1)), dt.float32) for n in (0, 1))
    dot = Contract((), (), (p,), x, y, result, (Store(2, affine(), result),))
    x, y = Load(0, affine((i, 1)), dt.float32), Load(1, affine((j, 1)), dt.float32)
    outer = Contract((i,), (j,), (), x, y, result, (Store(2, affine((i, 40), (j, 1)), result),))
    for machine in MACHINES.values():
        for generic in (False, True):
            got = np.zeros(1, np.float32)
            run(Kernel("dot", (), buffers, (dot,)), [a, b, got], machine, generic)
            assert np.allclose(got, a @ b, atol=1e-4)
            got = np.zeros((40, 40), np.float32)
            run(Kernel("outer", ((i, 14),), buffers, (outer,)), [a, b, got], machine, generic)
            assert np.allclose(got, np.outer(a, b))


@pytest.mark.parametrize("generic", [False, True], ids=["fixed", "generic"])
def test_empty_sums_are_zero(generic):
    for machine in MACHINES.values():
        c = np.ones((3, 20), np.float32)
        empty = np.zeros(0, np.float32)
        run(matmul(3, 20, 0, b_rows=True), [empty, empty, c], machine, generic)
        assert not c.any()


def test_one_row_times_transposed_halves():
    n, k = 300, 37
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal(k).astype(np.float32), rng.standard_normal((n, k)).astype(np.float16)
    i, j, p = Axis("i", 1), Axis("j", n), Axis("p", k)
    result = Accumulator("sum", "add", dt.float32, 0)
    right = Apply("cast", (Load(1, affine((j, k), (p, 1)), dt.float16),), dt.float32)
    store = Store(2, affine((j, 1)), result)
    left = Load(0, affine((p, 1)), dt.float32)
    contract = Contract((i,), (j,), (p,), left, right, result, (store,))
    buffers = (Buffer(dt.float32), Buffer(dt.float16), Buffer(dt.float32, written=True))
    for machine in MACHINES.values():
        got = np.zeros(n, np.float32)
        run(Kernel("v", ((j, n),), buffers, (contract,)), [a, b, got], machine)
        assert np.allclose(got, b.astype(np.float64) @ a, atol=1e-4)


def test_strict_mode_gives_the_same_bits_at_every_width():
    rng = np.random.default_rng(0)
    m, n, k = 3, 50, 1100
    a, b = rng.standard_normal((m, k), np.float32), rng.standard_normal((n, k), np.float32)
    found = []
    flags.put("FIRTH_STRICT", "1")
    try:
        for machine in MACHINES.values():
            c = np.zeros((m, n), np.float32)
            run(matmul(m, n, k, b_rows=True), [a, b, c], machine)
            found.append(c)
    finally:
        flags.put("FIRTH_STRICT", None)
    assert all(np.array_equal(found[0], c) for c in found[1:])


def test_generic_text_is_the_same_for_all_sizes():
    from firth.codegen.emit import emit

    for machine in MACHINES.values():
        texts = {
            emit(matmul(m, n, k, b_rows=True, blocks=(28, 64)), machine, True).name
            for m, n, k in ((30, 40, 50), (128, 96, 64), (17, 3, 2000), (100, 1000, 10))
        }
        assert len(texts) == 1


def test_blocks_are_whole_panels_and_share_big_work_evenly():
    for machine in MACHINES.values():
        nr = panel_columns(4, machine)
        for m, n, k in ((1024, 1024, 256), (64, 784, 3136), (4096, 32, 288), (1, 4096, 1024)):
            rows, cols = contract_blocks(m, n, k, 4, machine)
            assert cols % nr == 0 and -(-m // rows) * rows - m < -(-m // rows)
            if m * n * k > 1 << 24:
                assert -(-m // rows) * -(-n // cols) >= 4


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("b_rows", [False, True])
def test_a_tiny_product_is_ordinary_loops(machine, b_rows, monkeypatch):
    """The same sums in the same order, in a fraction of the text."""
    m, n, k = 7, 19, 3
    kernel = matmul(m, n, k, b_rows=b_rows)
    rng = np.random.default_rng(5)
    a = rng.standard_normal((m, k)).astype(np.float32)
    b = rng.standard_normal((n, k) if b_rows else (k, n)).astype(np.float32)
    found, texts = [], []
    for most in (0, 1 << 12):
        monkeypatch.setattr(blocking, "TINY_STEPS", most)
        out = np.zeros((m, n), np.float32)
        run(kernel, [a, b, out], MACHINES[machine])
        found.append(out)
        texts.append(emit(kernel, MACHINES[machine]).text)
    np.testing.assert_array_equal(*found)
    assert "@mk_" in texts[0] and "@mk_" not in texts[1]
