"""Normal distributions and their kin against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

import firth
from firth.base.errors import ArgumentError
from firth.distributions import HalfNormal, LogNormal, MultivariateNormal, Normal
from tests.distributions.against import check_moments, check_pathwise, compare, theirs, torch

SPREAD = {"loc": [0.0, 1.5], "scale": [0.5, 2.0]}
ALL = ("entropy", "mean", "mode", "variance", "stddev", "cdf", "icdf")


def test_densities_and_moments():
    compare("Normal", SPREAD, [[0.3, -1.0], [2.0, 0.0]], *ALL, "perplexity")
    compare("LogNormal", SPREAD, [0.3, 4.0], *ALL)
    compare("HalfNormal", {"scale": [0.5, 2.0]}, [0.3, 4.0], *ALL)
    assert HalfNormal(1.0).log_prob(-1.0).item() == -np.inf


@pytest.mark.parametrize("which", ["covariance_matrix", "precision_matrix", "scale_tril"])
def test_multivariate(which):
    matrix = [[2.0, 0.0], [0.5, 1.0]] if which == "scale_tril" else [[2.0, 0.5], [0.5, 1.0]]
    given = {"loc": [[0.0, 1.0], [1.0, 1.0]], which: matrix}
    measures = ("entropy", "mean", "variance", "covariance_matrix", "precision_matrix")
    compare("MultivariateNormal", given, [[0.3, 4.0], [0.0, 1.0]], *measures)
    check_moments(MultivariateNormal(firth.zeros(2), **{which: firth.tensor(matrix)}))


def test_samples():
    for made in (Normal(firth.tensor([0.0, 3.0]), 2.0), LogNormal(0.0, 0.5), HalfNormal(2.0)):
        check_moments(made)
    loc = firth.tensor(1.0, requires_grad=True)
    check_pathwise(Normal(loc, 0.5), loc, 2.0, 0.02)


def test_seeds_repeat_samples_and_compiled_functions_draw_them():
    firth.manual_seed(3)
    first = Normal(0.0, 1.0).sample((4,)).tolist()
    firth.manual_seed(3)
    assert Normal(0.0, 1.0).sample((4,)).tolist() == first

    @firth.jit
    def draw(loc):
        return Normal(loc, 1.0).rsample((3,))

    a, b = draw(firth.tensor(5.0)).tolist(), draw(firth.tensor(5.0)).tolist()
    assert a != b and len(a) == 3


def test_what_is_refused():
    with pytest.raises(ArgumentError, match="MultivariateNormal: one of three is needed"):
        MultivariateNormal(firth.zeros(2))
    with pytest.raises(ArgumentError, match="Normal: a parameter is not above 0"):
        Normal(0.0, -1.0, validate_args=True)
    assert theirs.Normal(0.0, 1.0).log_prob(torch.tensor(0.0)).item() == pytest.approx(
        Normal(0.0, 1.0).log_prob(0.0).item(), rel=1e-6
    )
