"""Loads and stores of every dtype, whole vectors and tails, and guards that need no test."""

import numpy as np
import pytest

from firth.base import dtype as dt
from firth.codegen.emit import emit
from firth.ir.kernel import Affine, Axis, Buffer, Guard, Kernel, Load, Loop, Store
from tests.codegen.harness import ALL_FACTS, facts, run

RNG = np.random.default_rng(7)


def copy(n, dtype, lanes, guards=(), block=0):
    i = Axis("i", n)
    here = Affine(0, ((i, 1),))
    guards = tuple(Guard(Affine(low, ((i, 1),)), extent) for low, extent in guards)
    loop = Loop(i, (Store(1, here, Load(0, here, dtype, guards)),), lanes)
    grid = ((i, block),) if block else ()
    return Kernel("copy", grid, (Buffer(dtype), Buffer(dtype, True)), (loop,))


@pytest.mark.parametrize("target", ALL_FACTS)
@pytest.mark.parametrize("dtype", [d for d in dt.ALL if d.kind != "c"], ids=str)
def test_copies(target, dtype):
    for n in (1, 7, 40):
        x = RNG.integers(0, 2, n * dtype.itemsize * 8).astype(np.uint8)
        x = np.packbits(x).view(dtype.np) if dtype.kind != "b" else x[:n].astype(bool)
        y = np.zeros(n, dtype.np)
        run(copy(n, dtype, target.lanes(dtype.itemsize)), [x, y], target)
        assert x.tobytes() == y.tobytes()


def test_guards_that_always_hold_cost_nothing():
    plain = emit(copy(40, dt.float32, 8), facts())
    assert emit(copy(40, dt.float32, 8, [(0, 40)]), facts()) == plain
    assert emit(copy(40, dt.float32, 8, [(-1, 40)]), facts()) != plain


@pytest.mark.parametrize("target", ALL_FACTS)
def test_a_guard_that_never_holds_reads_nothing(target):
    x, y = np.ones(40, np.float32), np.ones(40, np.float32)
    run(copy(40, dt.float32, target.lanes(4), [(-100, 10)]), [x, y], target)
    assert (y == 0).all()


@pytest.mark.parametrize("target", ALL_FACTS)
@pytest.mark.parametrize("block", [0, 64, 48, 24])
@pytest.mark.parametrize("low", [-32, -33])
def test_guards_between_vectors_and_inside_of_them(target, block, low):
    x, y = np.arange(1, 201, dtype=np.float32), np.full(200, -1, np.float32)
    run(copy(200, dt.float32, 2 * target.lanes(4), [(low, 96)], block), [x, y], target)
    i = np.arange(200)
    np.testing.assert_array_equal(y, np.where((i + low >= 0) & (i + low < 96), x, 0))


def test_a_guard_that_begins_and_ends_with_vectors_is_tested_once_for_each():
    wide = facts(64)
    between, inside = (
        emit(copy(256, dt.float32, 16, [(low, 96)]), wide).text for low in (-32, -33)
    )
    assert "masked.load" in inside
    assert "masked.load" not in between
