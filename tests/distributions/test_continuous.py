"""Distributions with simple inverses against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

import firth
from firth.distributions import Exponential, Gumbel, Laplace, Pareto, Uniform, Weibull
from tests.distributions.against import check_moments, check_pathwise, compare

SPREAD = {"loc": [0.0, 1.5], "scale": [0.5, 2.0]}
INVERSE = ("entropy", "mean", "variance", "cdf", "icdf")


def test_densities_and_moments():
    compare("Uniform", {"low": [0.0, 1.0], "high": [2.0, 5.0]}, [0.5, 2.0], *INVERSE, "stddev")
    compare("Exponential", {"rate": [0.5, 3.0]}, [0.5, 2.0], *INVERSE, "mode", "stddev")
    compare("Laplace", SPREAD, [0.5, -2.0], *INVERSE, "mode", "stddev")
    compare("Cauchy", SPREAD, [0.5, -2.0], "entropy", "cdf", "icdf", "mode")
    compare("Gumbel", SPREAD, [0.5, -2.0], *INVERSE, "mode", "stddev")
    positive = {"scale": [0.5, 2.0], "concentration": [1.5, 3.0]}
    compare("Weibull", positive, [0.5, 2.0], *INVERSE, "mode")
    compare("Pareto", {"scale": [0.5, 1.0], "alpha": [3.5, 5.0]}, [0.7, 2.0], *INVERSE, "mode")
    assert Uniform(0.0, 1.0).log_prob(2.0).item() == -np.inf


@pytest.mark.parametrize(
    "made",
    [
        Uniform(1.0, 3.0), Exponential(2.0), Laplace(1.0, 2.0), Gumbel(0.0, 1.0),
        Weibull(2.0, 1.5), Pareto(1.0, 9.0),
    ],
    ids=repr,
)  # fmt: skip
def test_samples(made):
    check_moments(made)


def test_gradients_of_samples():
    rate = firth.tensor(2.0, requires_grad=True)
    check_pathwise(Exponential(rate), rate, -4 / 2.0**3, 0.1)  # E[x^2] = 2 / rate^2
    high = firth.tensor(3.0, requires_grad=True)
    check_pathwise(Uniform(0.0, high), high, 2.0, 0.05)  # high^2 / 3
