"""Counts and classes against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

import firth
from firth.base.errors import ArgumentError
from firth.distributions import (
    Bernoulli,
    Binomial,
    Categorical,
    Geometric,
    Multinomial,
    NegativeBinomial,
    OneHotCategorical,
    OneHotCategoricalStraightThrough,
    Poisson,
)
from tests.distributions.against import check_moments, compare

PROBS = {"probs": [0.2, 0.9]}
LOGITS = {"logits": [0.2, -3.0]}
CLASSES = ({"probs": [[0.1, 0.2, 0.7], [0.5, 0.3, 0.2]]}, {"logits": [[0.1, -0.2, 0.7]] * 2})


@pytest.mark.parametrize("given", [PROBS, LOGITS], ids=["probs", "logits"])
def test_coins(given):
    compare("Bernoulli", given, [1.0, 0.0], "entropy", "mean", "variance", "mode")
    compare("Geometric", given, [3.0, 1.0], "entropy", "mean", "variance", "mode")
    compare("Binomial", {"total_count": 5, **given}, [3.0, 1.0], "entropy", "mean", "variance")
    compare(
        "NegativeBinomial", {"total_count": [2.0, 4.5], **given}, [3.0, 1.0], "mean", "variance"
    )


@pytest.mark.parametrize("given", CLASSES, ids=["probs", "logits"])
def test_classes(given):
    compare("Categorical", given, [0.0, 2.0], "entropy", "mode")
    compare("OneHotCategorical", given, [0.0, 0.0, 1.0], "entropy", "mean", "variance", "mode")
    compare(
        "Multinomial", {"total_count": 4, **given}, [1.0, 1.0, 2.0], "mean", "variance", "entropy"
    )


def test_counts():
    compare("Poisson", {"rate": [0.5, 7.0]}, [0.0, 4.0], "mean", "variance", "mode")


@pytest.mark.parametrize(
    "made",
    [
        Bernoulli(firth.tensor([0.2, 0.9])), Geometric(0.3), Binomial(7, firth.tensor([0.2, 0.9])),
        NegativeBinomial(3.5, 0.4), Poisson(firth.tensor([0.0, 0.5, 300.0])),
        OneHotCategorical(firth.tensor([0.2, 0.5, 0.3])), Multinomial(5, firth.tensor([0.2, 0.8])),
    ],
    ids=repr,
)  # fmt: skip
def test_samples(made):
    check_moments(made)


def test_classes_are_drawn_as_often_as_they_should_be():
    made = Categorical(firth.tensor([[0.1, 0.2, 0.7], [0.5, 0.5, 0.0]]))
    firth.manual_seed(0)
    drawn = made.sample((4000,))
    assert drawn.dtype is firth.int64 and drawn.shape == (4000, 2)
    counts = [np.bincount(drawn[:, i].numpy(), minlength=3) / 4000 for i in range(2)]
    np.testing.assert_allclose(counts, made.probs.numpy(), atol=0.03)


def test_straight_through_and_supports():
    logits = firth.zeros(3).requires_grad_()
    x = OneHotCategoricalStraightThrough(logits=logits).rsample()
    assert sorted(x.tolist()) == [0, 0, 1]
    (x * firth.tensor([1.0, 2.0, 3.0])).sum().backward()
    np.testing.assert_allclose(logits.grad.numpy(), [-1 / 3, 0, 1 / 3], atol=1e-6)
    assert Bernoulli(firth.tensor([0.5, 0.5])).enumerate_support().tolist() == [[0, 0], [1, 1]]
    assert Categorical(firth.ones(3)).enumerate_support().tolist() == [0, 1, 2]


def test_expanding_and_refusals():
    made = Bernoulli(logits=firth.tensor([0.2, -1.0])).expand((3, 2))
    assert made.batch_shape == (3, 2) and made.sample((4,)).shape == (4, 3, 2)
    assert Categorical(firth.ones(3)).expand((2,)).sample().shape == (2,)
    assert Multinomial(2, firth.ones(3)).expand((2,)).sample().shape == (2, 3)
    with pytest.raises(ArgumentError, match="Bernoulli: one of two is needed; got both"):
        Bernoulli(0.5, 0.5)
