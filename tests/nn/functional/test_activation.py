"""firth.nn.functional.activation against PyTorch: what no module covers, and extremes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as TF

import firth
from firth.nn import functional as F
from tests.nn.oracle import Oracle

CASES: list[tuple[str, dict[str, Any]]] = [
    ("hardshrink", {"lambd": 0.7}),
    ("softshrink", {"lambd": 0.7}),
    ("threshold", {"threshold": 0.3, "value": -2.0}),
    ("softmin", {"dim": 0}),
    ("glu", {"dim": 0}),
    ("relu6", {}),
    ("hardtanh", {"min_val": -0.2, "max_val": 0.1}),
]


@pytest.mark.parametrize("case", CASES, ids=lambda c: c[0])
def test_against_pytorch(case: Any) -> None:
    name, options = case
    x = np.random.default_rng(0).normal(size=(4, 5))
    Oracle().function(
        lambda t: getattr(F, name)(t, **options), lambda t: getattr(TF, name)(t, **options), x
    )


SMOOTH = ["softplus", "logsigmoid", "sigmoid", "silu", "gelu", "mish", "elu", "tanh", "softsign"]


@pytest.mark.parametrize("name", SMOOTH)
def test_extremes_do_not_overflow(name: str) -> None:
    x = np.array([-1e4, -800.0, -40.0, -1e-20, 0.0, 1e-20, 40.0, 800.0, 1e4])
    Oracle().function(getattr(F, name), getattr(TF, name), x)


def test_softmax_in_another_dtype() -> None:
    x = firth.tensor([1.0, 2.0])
    assert F.softmax(x, 0, dtype=firth.float64).dtype is firth.float64
    expected = TF.log_softmax(torch.tensor([1.0, 2.0]), 0, dtype=torch.float64).tolist()
    assert F.log_softmax(x, 0, dtype=firth.float64).tolist() == pytest.approx(expected, rel=1e-14)


def test_what_is_refused() -> None:
    x = firth.zeros(2)
    with pytest.raises(ValueError, match="dimension"):
        F.softmax(x)
    with pytest.raises(ValueError, match="approximation"):
        F.gelu(x, "sigmoid")
