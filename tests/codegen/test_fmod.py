"""The exact remainder far from one: huge quotients, subnormal divisors, signs, infinities."""

import math

import numpy as np
import pytest

from firth.base import dtype as dt
from firth.codegen.emit import emit
from tests.codegen.harness import facts
from tests.codegen.test_arith import apply, elementwise, same_bits

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


def test_only_huge_quotients_go_lane_by_lane():
    """The call stands behind a branch: one loop over what the vector holds, not a call a lane."""
    text = emit(elementwise("remainder", [dt.float32] * 2, dt.float32, 160, 16), facts(64)).text
    body = text[text.index("define void") :]
    assert body.count("call void @firth_fmod(") == 1
    block = body[: body.index("call void @firth_fmod(")].rsplit(":", 1)[0].rsplit("\n", 1)[1]
    assert f", label %{block}, label %" in body  # the first of two ways
