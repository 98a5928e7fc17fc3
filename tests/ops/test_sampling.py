"""Gamma slopes against differences of the quantile; Poisson counts against their cdf."""

from __future__ import annotations

import numpy as np
import pytest

from firth import ops
from firth.base import dtype as dt
from firth.base.errors import LinAlgError, MissingRule
from firth.ir.op import Expr, input_node
from firth.ops.sampling import gamma_slope
from firth.ops.special_values import igamma, igammac
from firth.passes.grad import gradient
from tests.table.table_tools import apply, run


def test_slopes_keep_the_probability():
    rng = np.random.default_rng(0)
    a = np.exp(rng.uniform(-2, 6, 300))
    x = np.maximum(rng.gamma(a), 1e-9)
    step = 1e-4
    moved = [igamma(a * (1 + s), x + a * s * gamma_slope(a, x)) for s in (step, -step)]
    inside = np.abs(igamma(a, x) - 0.5) < 0.499
    np.testing.assert_allclose(moved[0][inside], moved[1][inside], atol=1e-8)
    assert gamma_slope(np.array([2.0, -1.0]), np.array([0.0, 1.0])).tolist()[0] == 0


def test_slopes_have_no_gradient():
    a, x = (input_node(i, (2,), dt.float64) for i in range(2))
    y = ops.standard_gamma_grad(Expr(a), Expr(x)).node
    with pytest.raises(MissingRule, match="standard_gamma_grad: how gamma samples move"):
        gradient([y], [None], [a])


def test_counts():
    rate = np.array([0.0, 1e-3, 0.7, 4.0, 100.0])[:, None]
    u = np.random.default_rng(1).random((5, 50))
    (k,) = run(apply(ops.poisson_quantile, [rate, u], {}), [rate, u], "cpu")
    assert (k[0] == 0).all()
    wide = np.broadcast_to(rate, k.shape)[1:]
    reached = igammac(k[1:] + 1, wide)
    before = np.where(k[1:] > 0, igammac(np.maximum(k[1:], 1), wide), 0)
    assert (reached >= u[1:]).all() and (before < u[1:]).all()
    with pytest.raises(LinAlgError, match="a rate is negative or NaN"):
        run(apply(ops.poisson_quantile, [-rate, u], {}), [-rate, u], "cpu")


def test_large_counts():
    u = np.array([1e-6, 0.1, 0.5, 0.9, 1 - 1e-6])
    for rate in (600.0, 1e5):
        given = [np.float64(rate), u]
        (k,) = run(apply(ops.poisson_quantile, given, {}), given)
        reached, before = (igammac(k + step, np.full(5, rate)) for step in (1, 0))
        assert (reached > u - 1e-4).all() and (before < u + 1e-4).all()
