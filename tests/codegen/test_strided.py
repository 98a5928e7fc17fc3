"""Lanes a few elements apart: whole vectors are loaded, shuffled and stored, and nothing beside."""

import numpy as np
import pytest

from firth.base import dtype as dt
from firth.codegen.emit import emit
from firth.ir.kernel import Affine, Apply, Axis, Buffer, Const, Kernel, Load, Loop, Store
from tests.codegen.harness import ALL_FACTS, facts, run

RNG = np.random.default_rng(8)


def every(n, step, first, dtype, lanes):
    """y[i] = x[first + step * i]."""
    i = Axis("i", n)
    x = Load(0, Affine(first, ((i, step),)), dtype)
    loop = Loop(i, (Store(1, Affine(0, ((i, 1),)), x),), lanes)
    return Kernel("every", (), (Buffer(dtype), Buffer(dtype, True)), (loop,))


@pytest.mark.parametrize("target", ALL_FACTS)
@pytest.mark.parametrize("step", [2, 3, 4, 5, -2, -3])
@pytest.mark.parametrize("dtype", [dt.float32, dt.float64, dt.int16], ids=str)
def test_loads_reach_from_the_first_to_the_last_element(target, step, dtype):
    lanes = target.lanes(dtype.itemsize)
    for n in (2, lanes, 3 * lanes + 1):
        x = RNG.integers(0, 999, (n - 1) * abs(step) + 1).astype(dtype.np)  # not one more
        y = np.zeros(n, dtype.np)
        kernel = every(n, step, 0 if step > 0 else len(x) - 1, dtype, lanes)
        for generic in (False, True):
            run(kernel, [x, y], target, generic)
            np.testing.assert_array_equal(y, x[::step])
        if n >= lanes > 1 and dtype.itemsize >= 4 and abs(step) <= 4:
            assert emit(kernel, target).text.count("load <") >= 2


def points(n, count, lanes, order=None):
    """y[i, c] = x[c, i] + c, and stores in another order than they lie."""
    i = Axis("i", n)
    stores = []
    for c in order or range(count):
        x = Load(0, Affine(c * n, ((i, 1),)), dt.float32)
        value = Apply("add", (x, Const(float(c), dt.float32)), dt.float32)
        stores.append(Store(1, Affine(c, ((i, count),)), value))
    buffers = (Buffer(dt.float32), Buffer(dt.float32, True))
    return Kernel("points", (), buffers, (Loop(i, tuple(stores), lanes),))


@pytest.mark.parametrize("target", ALL_FACTS)
@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_neighbours_are_stored_together(target, count):
    lanes = target.lanes(4)
    for n in (1, lanes, 2 * lanes + 3):
        x = RNG.standard_normal((count, n)).astype(np.float32)
        y = np.zeros((n, count), np.float32)
        kernel = points(n, count, lanes, range(count)[::-1])
        for generic in (False, True):
            run(kernel, [x, y], target, generic)
            np.testing.assert_array_equal(y, (x + np.arange(count, dtype=np.float32)[:, None]).T)


def test_neighbours_take_one_vector_each():
    """And only where all of them are there."""
    assert emit(points(16, 3, 8), facts(32)).text.count("store <8 x float>") == 3
    assert emit(points(16, 3, 8, (0, 2)), facts(32)).text.count("store <") == 0


def test_the_last_lanes_alone_are_touched():
    text = emit(points(3, 3, 8), facts(32)).text
    assert text.count("call void @llvm.masked.store") == 2 and "store float" not in text
    text = emit(every(3, 3, 0, dt.float32, 8), facts(32)).text
    assert text.count("= call <8 x float> @llvm.masked.load") == 1


@pytest.mark.parametrize("target", ALL_FACTS)
@pytest.mark.parametrize("count", [2, 3, 4])
def test_tiles_of_any_length_keep_to_themselves(target, count):
    """y[i, c] = x[i, c] + c in tiles of which the last one is short: its length is no constant."""
    lanes = target.lanes(4)
    block = lanes + lanes // 2
    for n in (block + 1, 2 * block, 3 * block - 1):
        i = Axis("i", n)
        stores = []
        for c in range(count):
            x = Load(0, Affine(c, ((i, count),)), dt.float32)
            value = Apply("add", (x, Const(float(c), dt.float32)), dt.float32)
            stores.append(Store(1, Affine(c, ((i, count),)), value))
        buffers = (Buffer(dt.float32), Buffer(dt.float32, True))
        kernel = Kernel("tiles", ((i, block),), buffers, (Loop(i, tuple(stores), lanes),))
        x = RNG.standard_normal((n, count)).astype(np.float32)
        y = np.full((n + 4, count), 7, np.float32)
        run(kernel, [x, y], target, False)
        np.testing.assert_array_equal(y[:n], x + np.arange(count, dtype=np.float32))
        assert (y[n:] == 7).all()
