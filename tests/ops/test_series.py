"""Chebyshev sums and their derivatives against NumPy's."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.polynomial import chebyshev as theirs

import firth
from firth.ops.series import _sum, series, slopes
from firth.tensor.record import apply

COEFFICIENTS = tuple(np.random.default_rng(7).normal(size=19).tolist())
X = np.linspace(-1, 1, 101)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 19])
def test_sums_and_slopes(count: int) -> None:
    c = COEFFICIENTS[:count]
    np.testing.assert_allclose(_sum(X, c), theirs.chebval(X, c), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(slopes(c), theirs.chebder(c), rtol=1e-14, atol=1e-14)


def test_a_table_maps_its_range() -> None:
    x = np.linspace(2.0, 10.0, 9)
    got = series((2.0, 10.0, COEFFICIENTS), x)
    np.testing.assert_allclose(got, theirs.chebval((x - 6) / 4, COEFFICIENTS), rtol=1e-12)


def test_third_derivative() -> None:
    x = firth.tensor(X, requires_grad=True)
    y = apply("chebyshev", x, coefficients=COEFFICIENTS)
    for _ in range(3):
        (y,) = firth.autograd.grad(y.sum(), [x], create_graph=True)
    right = theirs.chebval(X, theirs.chebder(COEFFICIENTS, 3))
    np.testing.assert_allclose(y.detach().numpy(), right, rtol=1e-10, atol=1e-9)
