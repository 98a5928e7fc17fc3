"""The exact remainder far from one: huge quotients, subnormal divisors, signs, infinities."""

import math

import numpy as np
import pytest

from firth.base import dtype as dt
from tests.codegen.test_arith import apply, same_bits

CASES = [
    (1e300, 3e-300), (-1e300, 7.0), (5e-324, 3.0), (1.0, 5e-324), (1e-300, 4e-320),
    (-5e-324, 1e308), (1e308, -5e-324), (2.0**53 + 2, 3.0), (-1.0, math.inf), (math.inf, 2.0),
    (3.0, 0.0), (-0.0, 2.0), (0.0, -2.0), (6.0, -3.0), (-6.0, 3.0), (5.5, -2.0), (-5.5, 2.0),
]  # fmt: skip


@pytest.mark.parametrize("dtype", [dt.float32, dt.float64], ids=str)
def test_remainder(dtype):
    with np.errstate(all="ignore"):
        x = np.array([a for a, _ in CASES]).astype(dtype.np)
        y = np.array([b for _, b in CASES]).astype(dtype.np)
        want = np.remainder(x, y)
    same_bits(apply("remainder", [x, y], dtype)[0], want)
