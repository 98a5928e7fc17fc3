"""The formulas of special functions, as NumPy evaluates them, against SciPy."""

import numpy as np
import pytest

from firth.ops import TABLE
from firth.ops import special as ours

theirs = pytest.importorskip("scipy.special")

WIDE = np.concatenate([np.linspace(-25, 25, 999), [0.0, 1e-9, np.inf, np.nan]])
POSITIVE = np.concatenate([np.geomspace(1e-7, 1e4, 500), [0.0, -1.0, np.inf]])
SHARES = np.concatenate([np.linspace(0, 1, 501), np.geomspace(1e-300, 0.5, 99), [-0.1]])
CASES = {
    "lgamma": (ours._lgamma, theirs.gammaln, WIDE), "digamma": (ours._digamma, theirs.psi, WIDE),
    "erfcx": (ours._erfcx, theirs.erfcx, WIDE),
    "erfinv": (ours._erfinv, theirs.erfinv, SHARES * 2 - 1),
    "ndtri": (ours._ndtri, theirs.ndtri, SHARES),
    "log_ndtr": (ours._log_ndtr, theirs.log_ndtr, WIDE),
    "i0e": (ours._i0e, theirs.i0e, WIDE[:-2]), "i1e": (ours._i1e, theirs.i1e, WIDE[:-2]),
    "j0": (ours._j0, theirs.j0, WIDE[:-2]), "j1": (ours._j1, theirs.j1, WIDE[:-2]),
    "y0": (ours._y0, theirs.y0, POSITIVE[:-1]), "y1": (ours._y1, theirs.y1, POSITIVE[:-1]),
    "k0": (lambda x: ours._k0(x, 0), theirs.k0, POSITIVE[:-1]),
    "k1": (lambda x: ours._k1(x, 0), theirs.k1, POSITIVE[:-1]),
    "k0e": (lambda x: ours._k0(x, 1), theirs.k0e, POSITIVE[:-1]),
    "k1e": (lambda x: ours._k1(x, 1), theirs.k1e, POSITIVE[:-1]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_as_in_scipy(name):
    mine, right, x = CASES[name]
    poles = (x <= 0) & (x == np.floor(x)) if "gamma" in name else np.zeros(x.shape, bool)
    x = x[~poles]
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(mine(x), right(x), rtol=2e-11, atol=2e-12)


def test_every_function_is_an_op_with_samples():
    for name in ("lgamma", "erfinv", "bessel_y1", "igamma", "polynomial"):
        assert TABLE[name].sample is not None
