"""What all distributions share: shapes, expanding, what they lack."""

from __future__ import annotations

import pytest

import firth
from firth.base.errors import ArgumentError, MissingRule
from firth.distributions import Categorical, Distribution, Independent, MultivariateNormal, Normal
from firth.distributions.distribution import floats, require, softplus


def test_numbers_take_the_dtype_of_tensors():
    a, b = floats(1, firth.tensor([1.0, 2.0], dtype=firth.float64))
    assert a.dtype is b.dtype is firth.float64 and a.shape == (2,)
    assert floats(2)[0].dtype is firth.float32
    assert softplus(firth.tensor([-1e4, 0.0, 1e4])).tolist() == pytest.approx([0, 0.6931472, 1e4])


def test_expanding():
    made = MultivariateNormal(firth.zeros(2), scale_tril=firth.eye(2)).expand((4, 3))
    assert made.batch_shape == (4, 3) and made.sample((5,)).shape == (5, 4, 3, 2)
    many = Independent(Normal(firth.zeros(3), 1.0), 1).expand((2,))
    assert many.log_prob(firth.zeros(2, 3)).shape == (2,)
    assert repr(Normal(firth.zeros(3), 1.0)) == "Normal(loc: (3,), scale: (3,))"


def test_what_is_not_there():
    for call in ("rsample", "entropy", "enumerate_support"):
        with pytest.raises(MissingRule, match=f"Distribution: it has no {call}"):
            getattr(Distribution(), call)()
    with pytest.raises(MissingRule, match="Categorical: it has no rsample"):
        Categorical(firth.ones(3)).rsample()
    with pytest.raises(ArgumentError, match="Independent: the batch has fewer dims"):
        Independent(Normal(0.0, 1.0), 1)
    with pytest.raises(ArgumentError, match="x: a parameter is not small"):
        require(True, "x", "small", firth.tensor(3.0) < 1, firth.tensor(3.0))
