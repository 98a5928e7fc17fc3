"""firth.nn.utils against PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import firth
from firth import nn

RNG = np.random.default_rng(0)
GRADS = [RNG.normal(size=s) for s in ((3, 4), (5,), (2, 2))]


def params(make: Any) -> list[Any]:
    out = [make(np.zeros_like(g)).requires_grad_() for g in GRADS]
    for p, g in zip(out, GRADS, strict=True):
        p.grad = make(g)
    return out


@pytest.mark.parametrize("norm", [1.0, 2.0, 3.0, float("inf")])
@pytest.mark.parametrize("limit", [0.5, 1e6])
def test_clip_grad_norm(norm: float, limit: float) -> None:
    ours, theirs = params(firth.tensor), params(torch.tensor)
    a = nn.utils.clip_grad_norm_(ours, limit, norm)
    b = torch.nn.utils.clip_grad_norm_(theirs, limit, norm)
    assert abs(a.item() - b.item()) < 1e-12
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-12)


def test_clip_grad_norm_of_nothing_and_of_nan() -> None:
    assert nn.utils.clip_grad_norm_([firth.zeros(2, requires_grad=True)], 1.0).item() == 0.0
    p = firth.zeros(2, requires_grad=True)
    p.grad = firth.tensor([float("nan"), 1.0])
    with pytest.raises(RuntimeError, match="finite"):
        nn.utils.clip_grad_norm_(p, 1.0, error_if_nonfinite=True)


def test_clip_grad_value() -> None:
    ours = params(firth.tensor)
    nn.utils.clip_grad_value_(ours, 0.3)
    for p, g in zip(ours, GRADS, strict=True):
        np.testing.assert_array_equal(p.grad.numpy(), g.clip(-0.3, 0.3))


def test_vectors() -> None:
    layer = nn.Linear(3, 2)
    vector = nn.utils.parameters_to_vector(layer.parameters())
    assert vector.shape == (8,)
    nn.utils.vector_to_parameters(firth.arange(8.0), layer.parameters())
    assert layer.weight.tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    assert layer.bias.tolist() == [6.0, 7.0]
