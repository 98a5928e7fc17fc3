"""firth.nn.functional.shape against PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as TF

import firth
from firth.nn import functional as F
from tests.nn.oracle import Oracle

X = np.random.default_rng(0).normal(size=(2, 3, 4, 5))


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("sizes", [(1, 2), (1, 2, 3, 0), (0, 0, 1, 1)])
def test_pad(mode: str, sizes: tuple[int, ...]) -> None:
    x = X[0] if len(sizes) == 2 else X
    Oracle().function(lambda t: F.pad(t, sizes, mode), lambda t: TF.pad(t, sizes, mode), x)


def test_pad_with_values_and_cuts() -> None:
    for sizes in ((-1, 2), (1, -2, -1, -1)):
        Oracle().function(
            lambda t, s=sizes: F.pad(t, s, value=2.5), lambda t, s=sizes: TF.pad(t, s, value=2.5), X
        )
    with pytest.raises(ValueError, match="pairs"):
        F.pad(firth.zeros(2), (1, 1, 1))
    with pytest.raises(ValueError, match="reflect"):
        F.pad(firth.zeros(1, 2), (2, 0), "reflect")
    assert F.pad(firth.tensor([True]), (1, 1)).tolist() == [False, True, False]


def test_one_hot() -> None:
    x = np.array([[0, 2], [1, 2]])
    for classes in (-1, 5):
        ours, theirs = F.one_hot(firth.tensor(x), classes), TF.one_hot(torch.tensor(x), classes)
        Oracle().close(ours, theirs)


@pytest.mark.parametrize("p", [2.0, 1.0, 3.0])
def test_normalize(p: float) -> None:
    Oracle().function(lambda t: F.normalize(t, p, -1), lambda t: TF.normalize(t, p, -1), X)


def test_cosine_similarity() -> None:
    Oracle().function(
        lambda a, b: F.cosine_similarity(a, b, 2), lambda a, b: TF.cosine_similarity(a, b, 2),
        X, X[::-1].copy(),
    )  # fmt: skip


@pytest.mark.parametrize("options", [{"size": (7, 3)}, {"scale_factor": 2}, {"size": 6}], ids=str)
def test_interpolate(options: Any) -> None:
    Oracle().function(
        lambda t: F.interpolate(t, **options), lambda t: TF.interpolate(t, **options), X
    )
