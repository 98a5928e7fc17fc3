"""NumPy's special functions against SciPy."""

import math

import numpy as np
import pytest

from firth.ops import special_values as ours

theirs = pytest.importorskip("scipy.special")
RNG = np.random.default_rng(0)


def test_zeta_and_polygamma():
    s, q = RNG.uniform(1.1, 12, 300), RNG.uniform(0.01, 40, 300)
    np.testing.assert_allclose(ours.zeta(s, q), theirs.zeta(s, q), rtol=1e-12)
    x = RNG.uniform(-15, 15, 300)
    for n in (1, 2, 5):
        np.testing.assert_allclose(ours.polygamma(n, x), theirs.polygamma(n, x), rtol=1e-10)


def test_zeta_at_its_edges():
    s = np.array([1.0, 0.5, 2.0, 2.5, 3.0, np.nan])
    q = np.array([2.0, 1.0, -3.0, -0.5, np.inf, 1.0])
    expected = [np.inf, np.nan, np.inf, np.nan, 0.0, np.nan]
    np.testing.assert_array_equal(ours.zeta(s, q), expected)


def test_incomplete_gamma():
    a, x = RNG.uniform(0.01, 150, 400), RNG.uniform(0, 220, 400)
    np.testing.assert_allclose(ours.igamma(a, x), theirs.gammainc(a, x), rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(ours.igammac(a, x), theirs.gammaincc(a, x), rtol=1e-11, atol=1e-14)
    edges = np.array([0.0, 0.0, 1.0, 1.0, -1.0])
    at = np.array([1.0, 0.0, 0.0, np.inf, 1.0])
    np.testing.assert_array_equal(ours.igamma(edges, at), [1.0, np.nan, 0.0, 1.0, np.nan])


def test_lgamma_of_one_number():
    assert ours.lgamma(0.0) == math.inf and ours.lgamma(-3.0) == math.inf
    assert ours.lgamma(-0.5) == pytest.approx(1.2655121234846454)
    assert math.isnan(ours.lgamma(math.nan))


@pytest.mark.parametrize(
    ("kind", "name"),
    [("chebyshev_t", "chebyt"), ("chebyshev_u", "chebyu"), ("hermite_h", "hermite"),
     ("hermite_he", "hermitenorm"), ("laguerre_l", "laguerre"), ("legendre_p", "legendre")],
)  # fmt: skip
def test_polynomials(kind, name):
    x, n = np.linspace(-2, 2, 9)[:, None], np.arange(7)
    right = getattr(theirs, f"eval_{name}")(n, x)
    np.testing.assert_allclose(ours.polynomial(x, n, kind), right, rtol=1e-10, atol=1e-12)
    assert ours.polynomial(np.array(0.5), np.array(-1.0), kind) == 0
