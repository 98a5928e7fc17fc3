"""Signs and neighbours: special values."""

from __future__ import annotations

import numpy as np
import pytest

import firth

VALUES = np.array([0.0, -0.0, np.nan, np.inf, -np.inf, 1.0, -1.0, 5e-324, 1.7e308, -1.7e308])
A, B = (x.ravel() for x in np.meshgrid(VALUES, VALUES))


@pytest.mark.parametrize("name", ["copysign", "nextafter", "hypot"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_special_values(name: str, dtype: type) -> None:
    with np.errstate(all="ignore"):
        a, b = A.astype(dtype), B.astype(dtype)
        want = getattr(np, name)(a, b)
    got = getattr(firth, name)(firth.tensor(a), firth.tensor(b)).numpy()
    np.testing.assert_allclose(got, want, rtol=1e-6 if name == "hypot" else 0)
    if name == "copysign":
        np.testing.assert_array_equal(np.signbit(got), np.signbit(want))


def test_neighbours_of_half_floats() -> None:
    x = firth.tensor([1.0, 0.0, -1.0], dtype=firth.bfloat16)
    up = firth.nextafter(x, firth.full_like(x, 2.0)).double().tolist()
    assert up == [1 + 2**-7, 2.0**-133, -1 + 2**-8]
