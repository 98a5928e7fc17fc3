"""firth.optim.muon against PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import firth
from firth import optim
from firth.base.errors import ArgumentError, DTypeError, ShapeError
from tests.optim.along import check


@pytest.mark.parametrize("options", [
    {"lr": 0.05}, {"lr": 0.05, "nesterov": False, "weight_decay": 0.0, "momentum": 0.5},
    {"lr": 0.05, "adjust_lr_fn": "match_rms_adamw", "ns_steps": 3},
])  # fmt: skip
def test_trajectory(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.Tensor, "bfloat16", torch.Tensor.clone)  # its only other dtype
    check("Muon", **options)


def test_steps_of_tall_matrices_are_orthogonal_and_longer() -> None:
    p = firth.zeros(8, 2, dtype=firth.float64, requires_grad=True)
    p.grad = firth.tensor(np.random.default_rng(0).normal(size=(8, 2)))
    optim.Muon([p], lr=1.0).step()
    found = np.linalg.svd(p.detach().numpy(), compute_uv=False) / 2
    assert found == pytest.approx(1, abs=0.35)


def test_what_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"Muon: a parameter is no matrix; got shape \(3,\)"):
        optim.Muon([firth.zeros(3, requires_grad=True)])
    p = firth.zeros(3, 3, requires_grad=True)
    with pytest.raises(DTypeError, match="a parameter is complex; got complex64"):
        optim.Muon([firth.zeros(2, 2, dtype=firth.complex64, requires_grad=True)])
    with pytest.raises(ArgumentError, match="no such adjust_lr_fn; got 'x'"):
        optim.Muon([p], adjust_lr_fn="x")
    with pytest.raises(ArgumentError, match="no such iteration; got 100 steps"):
        optim.Muon([p], ns_steps=100)
