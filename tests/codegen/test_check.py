"""FIRTH_CHECK=1: kernels that reach outside of their buffers touch nothing and say so."""

from __future__ import annotations

import numpy as np
import pytest

from firth.base import dtype as dt
from firth.base import flags
from firth.codegen.emit import emit
from firth.ir.kernel import (
    Accumulator,
    Affine,
    Apply,
    Axis,
    Buffer,
    Contract,
    Guard,
    Kernel,
    Load,
    Loop,
    Sort,
    Store,
)
from tests.codegen.harness import ALL_FACTS, facts, run_text

SITE = 7


@pytest.fixture(autouse=True)
def checking():
    flags.put("FIRTH_CHECK", "1")
    yield
    flags.put("FIRTH_CHECK", None)


def run(kernel, arrays, target=None, generic=False):
    return run_text(emit(kernel, target or facts(), generic, SITE), kernel, arrays)


def copy(n: int, read: Affine, write: Affine, axis: Axis, vector: int, **extra) -> Kernel:
    """out[write] = in[read] for every value of the axis; both buffers hold n elements."""
    store = Store(1, write, Load(0, read, dt.float32, **extra))
    buffers = (Buffer(dt.float32, elements=n), Buffer(dt.float32, True, elements=n))
    return Kernel("copy", (), buffers, (Loop(axis, (store,), vector),))


@pytest.mark.parametrize("generic", [False, True])
@pytest.mark.parametrize("target", ALL_FACTS)
@pytest.mark.parametrize("vector", [0, 8])
@pytest.mark.parametrize(("offset", "wrong"), [(0, None), (1, 20), (-1, -1), (5, 20)])
def test_a_load_outside_gives_zero_and_is_recorded(target, vector, offset, wrong, generic):
    i = Axis("i", 20)
    plain = Affine(0, ((i, 1),))
    x = np.arange(1, 21, dtype=np.float32)
    out = np.zeros(20, np.float32)
    kernel = copy(20, Affine(offset, ((i, 1),)), plain, i, vector)
    site, value = run(kernel, [x, out], target, generic)
    places = np.arange(20) + offset
    good = (places >= 0) & (places < 20)
    np.testing.assert_array_equal(out, np.where(good, x[places.clip(0, 19)], 0))
    assert (site, value) == ((0, 0) if wrong is None else (SITE, wrong))


@pytest.mark.parametrize("target", ALL_FACTS)
@pytest.mark.parametrize("vector", [0, 8])
@pytest.mark.parametrize("step", [1, 2, -1])
def test_a_store_outside_writes_nothing(target, vector, step):
    i = Axis("i", 20)
    x = np.arange(1, 21, dtype=np.float32)
    out = np.zeros(20, np.float32)
    write = Affine(3 if step > 0 else 18, ((i, step),))
    site, _ = run(copy(20, Affine(0, ((i, 1),)), write, i, vector), [x, out], target)
    expected = np.zeros(20, np.float32)
    for k in range(20):
        place = write.const + step * k
        if 0 <= place < 20:
            expected[place] = x[k]
    np.testing.assert_array_equal(out, expected)
    assert site == SITE


@pytest.mark.parametrize("target", ALL_FACTS)
@pytest.mark.parametrize("vector", [0, 8])
def test_guarded_lanes_are_not_looked_at(target, vector):
    i = Axis("i", 20)
    read = Affine(-4, ((i, 1),))
    x = np.arange(1, 21, dtype=np.float32)
    out = np.zeros(20, np.float32)
    kernel = copy(20, read, Affine(0, ((i, 1),)), i, vector, guards=(Guard(read, 20),), fill=9)
    assert run(kernel, [x, out], target) == (0, 0)
    np.testing.assert_array_equal(out, np.r_[np.full(4, 9), x[:16]].astype(np.float32))


@pytest.mark.parametrize("vector", [0, 8])
def test_looked_up_places_are_checked(vector):
    i = Axis("i", 20)
    here = Affine(0, ((i, 1),))
    index = Load(2, here, dt.int64)
    store = Store(1, here, Load(0, Affine(), dt.float32, dynamic=((index, 1),)))
    buffers = (
        Buffer(dt.float32, elements=20), Buffer(dt.float32, True, elements=20),
        Buffer(dt.int64, elements=20),
    )  # fmt: skip
    places = np.arange(20)
    places[13] = 1000
    x, out = np.arange(1, 21, dtype=np.float32), np.zeros(20, np.float32)
    kernel = Kernel("lookup", (), buffers, (Loop(i, (store,), vector),))
    assert run(kernel, [x, out, places]) == (SITE, 1000)
    x[13] = 0
    np.testing.assert_array_equal(out, x)


@pytest.mark.parametrize("short", [0, 1])
@pytest.mark.parametrize("transposed", [False, True])
def test_operands_of_contractions_are_checked(short, transposed):
    m, n, k = 9, 17, 12
    i, j, r = Axis("i", m), Axis("j", n), Axis("k", k)
    result = Accumulator("c", "add", dt.float32, 0)
    a = Load(0, Affine(0, ((i, k), (r, 1))), dt.float32)
    b = Load(1, Affine(0, ((r, 1), (j, k)) if transposed else ((r, n), (j, 1))), dt.float32)
    body = (Store(2, Affine(0, ((i, n), (j, 1))), result),)
    buffers = (
        Buffer(dt.float32, elements=m * k - short), Buffer(dt.float32, elements=n * k),
        Buffer(dt.float32, True, elements=m * n),
    )  # fmt: skip
    kernel = Kernel("contract", (), buffers, (Contract((i,), (j,), (r,), a, b, result, body),))
    x = np.linspace(-1, 1, m * k, dtype=np.float32).reshape(m, k)
    y = np.linspace(-2, 1, n * k, dtype=np.float32).reshape((n, k) if transposed else (k, n))
    out = np.zeros((m, n), np.float32)
    assert run(kernel, [x, y, out]) == ((SITE, m * k - 1) if short else (0, 0))
    if short:
        x = x.copy()
        x[-1, -1] = 0
    np.testing.assert_allclose(out, x @ (y.T if transposed else y), rtol=1e-5, atol=1e-5)


def test_positions_of_a_sort_are_checked():
    i = Axis("i", 6)
    here = Affine(0, ((i, 1),))
    buffers = (
        Buffer(dt.float32, elements=6), Buffer(dt.int64, True, elements=4),
        Buffer(dt.float32, True, 12), Buffer(dt.int64, True, 12),
    )  # fmt: skip
    sort = Sort(i, Load(0, here, dt.float32), 1, here, False, 2, 3)
    x = np.array([3, 1, 2, 6, 5, 4], np.float32)
    out = np.full(6, -1)
    site, value = run(Kernel("sort", (), buffers, (sort,)), [x, out])
    assert (site, value) == (SITE, 4)
    np.testing.assert_array_equal(out, [1, 2, 0, 5, -1, -1])


def test_unknown_buffers_and_sites_change_nothing():
    i = Axis("i", 20)
    here = Affine(0, ((i, 1),))
    bare = Kernel(
        "copy", (), (Buffer(dt.float32), Buffer(dt.float32, True)),
        (Loop(i, (Store(1, here, Apply("neg", (Load(0, here, dt.float32),), dt.float32)),), 8),),
    )  # fmt: skip
    flags.put("FIRTH_CHECK", "0")
    plain = emit(bare, facts(), False, SITE).text
    flags.put("FIRTH_CHECK", "1")
    assert emit(bare, facts(), False, SITE).text == plain == emit(bare, facts()).text
