"""Chebyshev sums as compiled, for every length that the loop is cut into."""

from __future__ import annotations

import numpy as np
import pytest

from firth.base import dtype as dt
from firth.codegen.math_series import seen
from firth.ir.kernel import Affine, Apply, Axis, Buffer, Kernel, Load, Loop, Store
from firth.ops.series import _sum

from .harness import facts, run

COEFFICIENTS = tuple((-0.83) ** k for k in range(40))


def kernel(count: int, dtype, lanes: int, moving: bool = True) -> Kernel:
    i = Axis("i", 21)
    here = Affine(0, ((i, 1),))
    x = Load(0, here if moving else Affine(3), dtype)
    y = Apply("chebyshev", (x,), dtype, coefficients=COEFFICIENTS[:count])
    y = Apply("add", (y, Load(0, here, dtype)), dtype)
    body = (Loop(i, (Store(1, here, y),), lanes),)
    return Kernel("sum", (), (Buffer(dtype), Buffer(dtype, True)), body)


@pytest.mark.parametrize("dtype", [dt.float32, dt.float64])
@pytest.mark.parametrize("count", [1, 2, 3, 5, 6, 7, 10, 40])
def test_as_in_numpy(dtype, count):
    x = np.linspace(-1, 1, 21).astype(dtype.np)
    want = _sum(x.astype(np.float64), COEFFICIENTS[:count]) + x
    close = 1e-13 if dtype is dt.float64 else 3e-6
    for fma in (False, True):
        for lanes, generic in ((1, False), (4, False), (8, True)):
            y = np.zeros_like(x)
            run(kernel(count, dtype, lanes), [x, y], facts(fma=fma), generic)
            np.testing.assert_allclose(y, want, rtol=close, atol=close)


def test_lanes_have_the_same_bits():
    x = np.linspace(-1, 1, 21)
    found = []
    for lanes in (1, 2, 4, 8):
        found.append(np.zeros_like(x))
        run(kernel(40, dt.float64, lanes), [x, found[-1]], facts())
    assert all((y == found[0]).all() for y in found)


def test_what_does_not_move_is_summed_before_the_loop():
    x = np.linspace(-1, 1, 21)
    y = np.zeros_like(x)
    run(kernel(40, dt.float64, 4, moving=False), [x, y])
    np.testing.assert_allclose(y, _sum(x[3], COEFFICIENTS) + x, rtol=1e-13)


def test_terms_too_small_to_be_seen_are_left_out():
    c = (1.0, 0.5, 2.0**-20, 2.0**-29, 2.0**-29, 2.0**-60)
    assert seen(c, 23) == c[:3] and seen(c, 52) == c[:5]
    assert seen((0.0,), 23) == (0.0,) and seen((1.0, 0.0, 0.0), 52) == (1.0,)
