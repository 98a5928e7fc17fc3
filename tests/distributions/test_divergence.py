"""Divergences against PyTorch, gradients included; rules of users."""

from __future__ import annotations

import numpy as np
import pytest

import firth
from firth.base.errors import MissingRule
from firth.distributions import Distribution, Normal, Poisson, kl_divergence, register_kl
from tests.distributions.against import LIBRARIES, tensors

SPREAD = ({"loc": [0.0, 1.5], "scale": [0.5, 2.0]}, {"loc": [1.0, 1.0], "scale": [1.5, 0.4]})
COINS = ({"probs": [0.2, 0.9]}, {"probs": [0.5, 0.7]})
SHAPES = ({"concentration": [0.5, 3.0], "rate": [2.0, 0.7]},
          {"concentration": [1.5, 2.0], "rate": [1.0, 1.7]})  # fmt: skip
PAIRS = {
    "Normal": SPREAD, "LogNormal": SPREAD, "Laplace": SPREAD, "Cauchy": SPREAD, "Gumbel": SPREAD,
    "HalfNormal": ({"scale": [0.5, 2.0]}, {"scale": [1.0, 0.3]}),
    "Uniform": ({"low": [0.0, 1.0], "high": [1.0, 2.0]}, {"low": [-1.0, 0.5], "high": [2.0, 1.5]}),
    "Exponential": ({"rate": [0.5, 2.0]}, {"rate": [1.0, 0.3]}),
    "Pareto": ({"scale": [2.0, 1.0], "alpha": [2.0, 3.0]},
               {"scale": [1.0, 2.0], "alpha": [1.5, 2.0]}),
    "Gamma": SHAPES,
    "Beta": ({"concentration1": [0.5, 2.0], "concentration0": [1.0, 3.0]},
             {"concentration1": [1.5, 1.0], "concentration0": [2.0, 0.3]}),
    "Dirichlet": ({"concentration": [0.5, 2.0, 1.0]}, {"concentration": [1.5, 1.0, 3.0]}),
    "MultivariateNormal": (
        {"loc": [0.0, 1.0], "covariance_matrix": [[2.0, 0.5], [0.5, 1.0]]},
        {"loc": [1.0, 1.0], "covariance_matrix": [[1.0, 0.2], [0.2, 3.0]]},
    ),
    "Bernoulli": COINS, "Geometric": COINS,
    "Binomial": ({"total_count": 4, **COINS[0]}, {"total_count": 4, **COINS[1]}),
    "Poisson": ({"rate": [0.5, 2.0]}, {"rate": [1.0, 0.3]}),
    "Categorical": ({"probs": [0.2, 0.8]}, {"probs": [0.5, 0.5]}),
    "OneHotCategorical": ({"probs": [0.2, 0.8]}, {"probs": [0.5, 0.5]}),
}  # fmt: skip


@pytest.mark.parametrize("name", PAIRS)
def test_pairs(name):
    rows = []
    for lib, package in LIBRARIES:
        given = [tensors(lib, p) for p in PAIRS[name]]
        p, q = (getattr(package, name)(**g) for g in given)
        found = package.kl_divergence(p, q)
        leaves = [v for g in given for v in g.values() if not isinstance(v, int)]
        finite = found[found.isfinite()] if found.ndim else found
        grads = lib.autograd.grad(finite.sum(), leaves, allow_unused=True)
        rows.append([found, *(g for g in grads if g is not None)])
    for a, b in zip(*rows, strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-8, atol=1e-11)


def test_mixed_and_independent():
    rows = []
    for lib, package in LIBRARIES:
        rate = lib.tensor([0.5, 2.0], dtype=lib.float64)
        waits, shapes = package.Exponential(rate), package.Gamma(rate * 2, rate)
        many = [package.Independent(package.Normal(rate * k, rate), 1) for k in (1, 2)]
        found = [package.kl_divergence(*pair) for pair in ((waits, shapes), (shapes, waits), many)]
        found += [many[0].log_prob(rate), many[0].entropy()]
        assert many[0].sample((3,)).shape == (3, 2) and tuple(many[0].event_shape) == (2,)
        rows.append(found)
    for a, b in zip(*rows, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-9)


def test_rules_of_users():
    class Mine(Distribution):
        pass

    @register_kl(Mine, Normal)
    def rule(p, q):
        return q.scale

    assert kl_divergence(Mine(), Normal(0.0, 3.0)).item() == 3
    with pytest.raises(MissingRule, match="kl_divergence: no rule for these two; got Normal and P"):
        kl_divergence(Normal(0.0, 1.0), Poisson(firth.tensor(1.0)))
