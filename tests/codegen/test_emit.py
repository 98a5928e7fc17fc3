"""Maps, reductions and row kernels, against NumPy."""

import numpy as np
import pytest

from firth.base import dtype as dt
from firth.codegen.emit import emit
from firth.ir.kernel import (
    Accumulate,
    Accumulator,
    Affine,
    Apply,
    Axis,
    Buffer,
    Const,
    Guard,
    Kernel,
    Load,
    Loop,
    Store,
)
from tests.codegen.harness import ALL_FACTS, facts, run

RNG = np.random.default_rng(1)
IDS = [f"{f.vector_bytes}{'m' if f.masked else ''}" for f in ALL_FACTS]
targets = pytest.mark.parametrize("target", ALL_FACTS, ids=IDS)
both = pytest.mark.parametrize("generic", [False, True], ids=["static", "generic"])


def affine(*terms, const=0):
    return Affine(const, tuple(t for t in terms if t[1] != 0))


def floats(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def map_kernel(n, block, lanes):
    i = Axis("i", n)
    here = affine((i, 1))
    x, y = Load(0, here, dt.float32), Load(1, here, dt.float32)
    s = Apply("add", (Apply("mul", (x, Const(2.5, dt.float32)), dt.float32), y), dt.float32)
    body = (Loop(i, (Store(2, here, s),), vector=lanes),)
    buffers = (Buffer(dt.float32), Buffer(dt.float32), Buffer(dt.float32, True))
    return Kernel("map", ((i, block),), buffers, body)


@targets
@both
@pytest.mark.parametrize("n", [1, 3, 8, 37, 64, 200])
def test_map(target, generic, n):
    for block in (16, 64, n):
        x, y, z = floats(n), floats(n), np.zeros(n, np.float32)
        run(map_kernel(n, block, 4 * target.lanes(4)), [x, y, z], target, generic)
        np.testing.assert_array_equal(z, x * np.float32(2.5) + y)


def row_sums(rows, cols, lanes, op="add", init=0.0):
    i, j = Axis("i", rows), Axis("j", cols)
    total = Accumulator("total", op, dt.float32, init)
    x = Load(0, affine((i, cols), (j, 1)), dt.float32)
    body = (
        Loop(j, (Accumulate(total, x),), lanes, (total,)),
        Store(1, affine((i, 1)), total),
    )
    return Kernel("rows", ((i, 1),), (Buffer(dt.float32), Buffer(dt.float32, True)), body)


@targets
@both
@pytest.mark.parametrize("cols", [1, 5, 16, 100, 131])
def test_row_sum(target, generic, cols):
    x, y = floats(3, cols), np.zeros(3, np.float32)
    run(row_sums(3, cols, 4 * target.lanes(4)), [x, y], target, generic)
    np.testing.assert_allclose(y, x.astype(np.float64).sum(1), rtol=1e-5, atol=1e-5)


@targets
def test_row_maximum_keeps_nan(target):
    x, y = floats(3, 77), np.zeros(3, np.float32)
    x[1, 5] = np.nan
    x[2, 76] = np.nan
    run(row_sums(3, 77, 2 * target.lanes(4), "maximum", -np.inf), [x, y], target)
    np.testing.assert_array_equal(y, x.max(1))
    x[:] = -np.abs(x)
    run(row_sums(3, 77, 2 * target.lanes(4), "minimum", 0.25), [x, y], target)
    np.testing.assert_array_equal(y, x.min(1))


def test_empty_reduction_gives_the_start():
    y = np.ones(3, np.float32)
    run(row_sums(3, 0, 8), [np.zeros((3, 0), np.float32), y])
    assert (y == 0).all()
    run(row_sums(3, 0, 8), [np.zeros((3, 0), np.float32), y], generic=True)
    assert (y == 0).all()


def softmax_like(rows, cols, lanes):
    """x - max, squared into scratch, divided by the sum: three loops over one row."""
    i, j = Axis("i", rows), Axis("j", cols)
    f = dt.float32
    top, total = Accumulator("top", "maximum", f, -np.inf), Accumulator("total", "add", f, 0.0)
    at = affine((i, cols), (j, 1))
    x = Load(0, at, f)
    d = Apply("sub", (x, top), f)
    square = Apply("mul", (d, d), f)
    kept = Load(2, affine((j, 1)), f)
    body = (
        Loop(j, (Accumulate(top, x),), lanes, (top,)),
        Loop(j, (Store(2, affine((j, 1)), square), Accumulate(total, square)), lanes, (total,)),
        Loop(j, (Store(1, at, Apply("div", (kept, total), f)),), lanes),
    )
    buffers = (Buffer(f), Buffer(f, True), Buffer(f, True, cols))
    return Kernel("softmax", ((i, 1),), buffers, body)


@targets
@both
@pytest.mark.parametrize("cols", [2, 10, 64, 99])
def test_row_kernel_with_scratch(target, generic, cols):
    x, y = floats(4, cols), np.zeros((4, cols), np.float32)
    run(softmax_like(4, cols, target.lanes(4)), [x, y], target, generic)
    d = (x - x.max(1, keepdims=True)).astype(np.float64) ** 2
    np.testing.assert_allclose(y, d / d.sum(1, keepdims=True), rtol=1e-5)


def column_sums(rows, cols, lanes):
    """Lanes are columns; a serial loop over rows inside the vector loop."""
    i, j = Axis("i", rows), Axis("j", cols)
    total = Accumulator("total", "add", dt.float32, 0.5)
    x = Load(0, affine((i, cols), (j, 1)), dt.float32)
    inner = Loop(i, (Accumulate(total, x),), 0, (total,))
    body = (Loop(j, (inner, Store(1, affine((j, 1)), total)), lanes),)
    return Kernel("cols", ((j, 48),), (Buffer(dt.float32), Buffer(dt.float32, True)), body)


@targets
@both
@pytest.mark.parametrize("rows,cols", [(1, 1), (7, 48), (30, 71), (3, 200)])
def test_column_sum(target, generic, rows, cols):
    x, y = floats(rows, cols), np.zeros(cols, np.float32)
    run(column_sums(rows, cols, 2 * target.lanes(4)), [x, y], target, generic)
    np.testing.assert_allclose(y, 0.5 + x.astype(np.float64).sum(0), rtol=1e-5, atol=1e-5)


@targets
@both
def test_sum_of_everything_carries_lanes_through_the_outer_loop(target, generic):
    rows, cols = 9, 45
    i, j = Axis("i", rows), Axis("j", cols)
    total, count = (Accumulator(n, "add", dt.float32, 0.0) for n in ("total", "count"))
    x = Load(0, affine((i, cols), (j, 1)), dt.float32)
    one = Const(1.0, dt.float32)
    row = Loop(j, (Accumulate(total, x), Accumulate(count, one)), 4 * target.lanes(4))
    body = (
        Loop(i, (row, Accumulate(count, one)), 0, (total, count)),
        Store(1, affine(), total),
        Store(1, affine(const=1), count),
    )
    kernel = Kernel("all", (), (Buffer(dt.float32), Buffer(dt.float32, True)), body)
    x, y = floats(rows, cols), np.zeros(2, np.float32)
    run(kernel, [x, y], target, generic)
    np.testing.assert_allclose(y[0], x.astype(np.float64).sum(), rtol=1e-4)
    assert y[1] == rows * cols + rows


@both
def test_running_sum_stores_every_step(generic):
    rows, cols = 3, 10
    i, j = Axis("i", rows), Axis("j", cols)
    total = Accumulator("total", "add", dt.float32, 0.0)
    at = affine((i, cols), (j, 1))
    inner = (Accumulate(total, Load(0, at, dt.float32)), Store(1, at, total))
    body = (Loop(j, inner, 0, (total,)),)
    kernel = Kernel("scan", ((i, 1),), (Buffer(dt.float32), Buffer(dt.float32, True)), body)
    x, y = floats(rows, cols), np.zeros((rows, cols), np.float32)
    run(kernel, [x, y], generic=generic)
    np.testing.assert_array_equal(y, np.cumsum(x, 1))
    # the same with rows as lanes
    body = (Loop(i, (Loop(j, inner, 0, (total,)),), 8),)
    kernel = Kernel("scan", (), (Buffer(dt.float32), Buffer(dt.float32, True)), body)
    y[:] = 0
    run(kernel, [x, y], generic=generic)
    np.testing.assert_array_equal(y, np.cumsum(x, 1))


@targets
@both
@pytest.mark.parametrize("stride", [1, -1, 2, -3])
def test_strided_and_reversed(target, generic, stride):
    n = 53
    i = Axis("i", n)
    reach = (n - 1) * abs(stride)
    at = affine((i, stride), const=reach if stride < 0 else 0)
    body = (Loop(i, (Store(1, affine((i, 1)), Load(0, at, dt.float32)),), target.lanes(4)),)
    kernel = Kernel("in", (), (Buffer(dt.float32), Buffer(dt.float32, True)), body)
    x, y = floats(reach + 1), np.zeros(n, np.float32)
    run(kernel, [x, y], target, generic)
    np.testing.assert_array_equal(y, x[::stride])
    body = (Loop(i, (Store(1, at, Load(0, affine((i, 1)), dt.float32)),), target.lanes(4)),)
    kernel = Kernel("out", (), (Buffer(dt.float32), Buffer(dt.float32, True)), body)
    z = np.zeros(reach + 1, np.float32)
    run(kernel, [y, z], target, generic)
    np.testing.assert_array_equal(z[::stride], y)


@targets
@both
@pytest.mark.parametrize("dtype", [dt.float32, dt.int8, dt.bool_, dt.float64], ids=str)
def test_pad_and_slice_guards(target, generic, dtype):
    """y[a, b] = x[a - 2, b - 3] inside x, else fill; then z = y[::1, 3::2]-like dilated pad."""
    rows, cols = 4, 21
    low, high = (2, 3), (1, 5)
    out = (rows + low[0] + high[0], cols + low[1] + high[1])
    i, j = Axis("i", out[0]), Axis("j", out[1])
    guards = (
        Guard(affine((i, 1), const=-low[0]), rows),
        Guard(affine((j, 1), const=-low[1]), cols),
    )
    at = affine((i, cols), (j, 1), const=-low[0] * cols - low[1])
    x = Load(0, at, dtype, guards, fill=1)
    loop = Loop(j, (Store(1, affine((i, out[1]), (j, 1)), x),), target.lanes(4))
    kernel = Kernel("pad", ((i, 1),), (Buffer(dtype), Buffer(dtype, True)), (loop,))
    a = (RNG.standard_normal((rows, cols)) * 50).astype(dtype.np)
    y = np.zeros(out, dtype.np)
    run(kernel, [a, y], target, generic)
    expected = np.pad(a, tuple(zip(low, high, strict=True)), constant_values=1)
    np.testing.assert_array_equal(y, expected)
    # a reversed read, guarded
    flipped = affine((i, cols), (j, -1), const=-low[0] * cols + low[1] + cols - 1)
    guards = (guards[0], Guard(affine((j, -1), const=low[1] + cols - 1), cols))
    x = Load(0, flipped, dtype, guards, fill=1)
    loop = Loop(j, (Store(1, affine((i, out[1]), (j, 1)), x),), target.lanes(4))
    kernel = Kernel("flip", ((i, 1),), (Buffer(dtype), Buffer(dtype, True)), (loop,))
    run(kernel, [a, y], target, generic)
    expected = np.pad(a[:, ::-1], tuple(zip(low, high, strict=True)), constant_values=1)
    np.testing.assert_array_equal(y, expected)


@targets
@both
def test_zeros_between_elements(target, generic):
    """pad's inner: y[j] = x[j / 3] where j is a multiple of 3 (the load's index counts steps)."""
    n = 14
    m = 3 * n - 2
    j, k = Axis("j", m), Axis("k", n)
    x = floats(m)
    load = Load(0, affine((j, 1)), dt.float32, (Guard(affine((j, 1)), m, 3),), fill=0.0)
    loop = Loop(j, (Store(1, affine((j, 1)), load),), target.lanes(4))
    kernel = Kernel("inner", (), (Buffer(dt.float32), Buffer(dt.float32, True)), (loop,))
    y = np.zeros(m, np.float32)
    run(kernel, [x, y], target, generic)
    np.testing.assert_array_equal(y, np.where(np.arange(m) % 3 == 0, x, 0))
    assert k.extent == n


@targets
@both
def test_guarded_stores(target, generic):
    """Two sources side by side: each stores where it is."""
    n, m = 19, 30
    i = Axis("i", n + m)
    here = affine((i, 1))
    second = affine((i, 1), const=-n)
    a, b = (
        Load(0, here, dt.float32, (Guard(here, n),)),
        Load(1, second, dt.float32, (Guard(second, m),)),
    )
    loop = Loop(
        i, (Store(2, here, a, (Guard(here, n),)), Store(2, here, b, (Guard(second, m),))), 8
    )
    buffers = (Buffer(dt.float32), Buffer(dt.float32), Buffer(dt.float32, True))
    x, y, z = floats(n), floats(m), np.zeros(n + m, np.float32)
    run(Kernel("cat", (), buffers, (loop,)), [x, y, z], target, generic)
    np.testing.assert_array_equal(z, np.concatenate([x, y]))


def test_one_text_for_every_size():
    texts = {
        emit(map_kernel(n, b, 16), facts(), True).text for n, b in ((5, 3), (1000, 64), (64, 64))
    }
    assert len(texts) == 1
    texts = {emit(softmax_like(r, c, 16), facts(), True).text for r, c in ((5, 3), (100, 64))}
    assert len(texts) == 1
    texts = {emit(column_sums(r, c, 16), facts(), True).text for r, c in ((5, 3), (100, 64))}
    assert len(texts) == 1


def test_name_is_a_hash_of_the_text():
    a, b = emit(map_kernel(64, 64, 8), facts()), emit(map_kernel(64, 64, 8), facts())
    assert a == b and a.name.startswith("k_") and f"@{a.name}(" in a.text
    assert emit(map_kernel(65, 64, 8), facts()).name != a.name


@targets
def test_stores_in_a_row_read_before_they_write(target):
    """x and y change places in their own memory."""
    n = 37
    i = Axis("i", n)
    here = affine((i, 1))
    x, y = Load(0, here, dt.float32), Load(1, here, dt.float32)
    loop = Loop(i, (Store(2, here, y), Store(3, here, x)), target.lanes(4))
    buffers = (*[Buffer(dt.float32)] * 2, *[Buffer(dt.float32, True)] * 2)
    a, b = floats(n), floats(n)
    old = a.copy(), b.copy()
    run(Kernel("swap", (), buffers, (loop,)), [a, b, a, b], target)
    np.testing.assert_array_equal(a, old[1])
    np.testing.assert_array_equal(b, old[0])
