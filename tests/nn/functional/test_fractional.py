"""Fractional pooling against PyTorch, with the same numbers drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import firth
from firth.base.errors import ArgumentError, FirthError
from firth.nn import functional as F
from tests.nn.oracle import Oracle

ORACLE = Oracle()
CASES: list[tuple[int, tuple[int, ...], dict[str, Any]]] = [
    (2, (2, 3, 9, 7), {"kernel_size": (2, 3), "output_size": (5, 3)}),
    (2, (2, 3, 9, 7), {"kernel_size": 2, "output_ratio": (0.6, 0.6)}),
    (2, (3, 6, 5), {"kernel_size": 3, "output_size": 1}),
    (3, (2, 2, 5, 6, 4), {"kernel_size": 2, "output_ratio": (0.5, 0.7, 0.5)}),
]


@pytest.mark.parametrize(("spatial", "shape", "options"), CASES)
def test_values_places_and_gradients(
    spatial: int, shape: tuple[int, ...], options: dict[str, Any]
) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=shape)
    lead = shape[: len(shape) - spatial]
    draws = rng.random(size=(*(1,) * (2 - len(lead)), *lead, spatial))
    name = f"fractional_max_pool{spatial}d"
    ours, theirs = getattr(F, name), getattr(torch.nn.functional, name)
    mine, other = firth.tensor(draws), torch.tensor(draws)
    ORACLE.function(
        lambda a: ours(a, _random_samples=mine, **options),
        lambda b: theirs(b, _random_samples=other, **options), x,
    )  # fmt: skip
    options = {**options, "return_indices": True}
    _, places = ours(firth.tensor(x), _random_samples=mine, **options)
    _, right = theirs(torch.tensor(x), _random_samples=other, **options)
    ORACLE.close(places, right)


def test_places_are_drawn_anew() -> None:
    x = firth.randn(1, 1, 40, 40)
    pool = lambda x: F.fractional_max_pool2d(x, 2, 25)
    first, second = pool(x), pool(x)
    assert first.shape == (1, 1, 25, 25) and not firth.equal(first, second)
    step = firth.jit(pool)
    assert not firth.equal(step(x), step(x))


@pytest.mark.parametrize(
    ("shape", "options", "words"),
    [
        ((1, 9, 9), {"kernel_size": 2}, "not said, or twice"),
        ((1, 9, 9), {"kernel_size": 2, "output_size": 3, "output_ratio": 0.5}, "or twice"),
        ((1, 9, 9), {"kernel_size": 3, "output_size": 8}, "do not fit; got 8 of 3 elements in 9"),
        ((9, 9), {"kernel_size": 2, "output_size": 3}, "wrong number of dimensions"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(shape: Any, options: Any, words: str) -> None:
    with pytest.raises(FirthError, match=words):
        F.fractional_max_pool2d(firth.ones(*shape), **options)


def test_a_ratio_shrinks() -> None:
    with pytest.raises(ArgumentError, match=r"FractionalMaxPool3d: a ratio that does not shrink"):
        firth.nn.FractionalMaxPool3d(2, output_ratio=1.5)
