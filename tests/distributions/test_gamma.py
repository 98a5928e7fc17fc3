"""Gamma variables and what is made of them: values, samples, implicit gradients."""

from __future__ import annotations

import numpy as np
import pytest

import firth
from firth.distributions import Beta, Chi2, Dirichlet, FisherSnedecor, Gamma, StudentT
from firth.distributions.gamma import standard_gamma
from tests.distributions.against import check_moments, check_pathwise, compare


def test_densities_and_moments():
    given = {"concentration": [0.5, 3.0], "rate": [2.0, 0.7]}
    compare("Gamma", given, [0.5, 2.0], "entropy", "mean", "variance", "mode", "stddev")
    compare("Chi2", {"df": [3.0, 5.0]}, [0.5, 2.0], "entropy", "mean", "variance")
    given = {"concentration1": [0.5, 3.0], "concentration0": [2.0, 4.0]}
    compare("Beta", given, [0.5, 0.2], "entropy", "mean", "variance")
    given = {"concentration": [[0.5, 3.0, 1.0], [2.0, 2.0, 2.0]]}
    compare("Dirichlet", given, [0.5, 0.2, 0.3], "entropy", "mean", "variance")
    given = {"df": [3.0, 5.0], "loc": [0.0, 1.0], "scale": [1.0, 2.0]}
    compare("StudentT", given, [0.5, 2.0], "entropy", "mean", "variance", "mode")
    compare(
        "FisherSnedecor", {"df1": [3.0, 5.0], "df2": [5.0, 9.0]}, [0.5, 2.0], "mean", "variance"
    )
    assert Gamma(2.0, 1.0).cdf(2.0).item() == pytest.approx(1 - 3 * np.exp(-2), rel=1e-5)


@pytest.mark.parametrize(
    "made",
    [
        Gamma(firth.tensor([0.1, 0.9, 1.0, 30.0]), 2.0), Chi2(3.0), Beta(0.5, 2.0),
        Dirichlet(firth.tensor([0.5, 1.0, 4.0])), StudentT(9.0, 1.0, 2.0),
        FisherSnedecor(4.0, 20.0),
    ],
    ids=repr,
)  # fmt: skip
def test_samples(made):
    check_moments(made)


def test_gradients_of_samples():
    """E[x^2] of a gamma variable is a (a + 1) / rate^2."""
    for a in (0.3, 2.0, 20.0):
        shape = firth.tensor(a, requires_grad=True)
        check_pathwise(Gamma(shape, 1.0), shape, 2 * a + 1, 0.1)
    rate = firth.tensor(2.0, requires_grad=True)
    check_pathwise(Gamma(3.0, rate), rate, -2 * 12 / 8, 0.05)
    a = firth.tensor(2.0, requires_grad=True)
    step = 1e-5  # E[x^2] = a (a + 1) / ((a + b) (a + b + 1))
    second = [(x * (x + 1)) / ((x + 3) * (x + 4)) for x in (2 + step, 2 - step)]
    expected = (second[0] - second[1]) / (2 * step)
    check_pathwise(Beta(a, 3.0), a, expected, 0.05)


def test_dirichlet_samples_add_up_and_pass_gradients():
    a = firth.tensor([0.5, 2.0, 3.0], requires_grad=True)
    firth.manual_seed(0)
    x = Dirichlet(a).rsample((20000,))
    np.testing.assert_allclose(x.detach().sum(-1).numpy(), 1, rtol=1e-5)
    (grad,) = firth.autograd.grad(x[:, 0].mean(), [a])  # the mean of the first share: a0 / sum
    total = 5.5
    expected = [(total - 0.5) / total**2, -0.5 / total**2, -0.5 / total**2]
    np.testing.assert_allclose(grad.numpy(), expected, rtol=0.15)


def test_draws_need_no_gradient_and_work_compiled():
    assert not standard_gamma(firth.tensor(2.0), (3,)).requires_grad

    @firth.jit
    def draw(a):
        return Gamma(a, 1.0).sample((5,))

    assert (draw(firth.tensor(0.5)) > 0).all() and (draw(firth.tensor(0.5)) > 0).all()
