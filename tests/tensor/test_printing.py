"""Printing as PyTorch prints."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import firth
from tests.tensor.parity import torch

ARRAYS = [
    np.array([1.0, 2.0], np.float32), np.array([1.5, -2.25], np.float32),
    np.arange(6).reshape(2, 3),
    np.array([1e-6, 1.0], np.float32), np.array([1e5, 0.5], np.float32), np.array(3.5, np.float32),
    np.arange(2000), np.zeros((2, 2, 2), np.float32), np.array([True, False]),
    np.array([np.nan, np.inf, 1.0], np.float32), np.arange(60.0, dtype=np.float32),
    np.arange(3000.0, dtype=np.float32).reshape(50, 60), np.zeros((0,), np.float32),
    np.zeros((2, 0), np.float32), np.array(7), np.array([[-1.0, 100000.0]], np.float32),
]  # fmt: skip


@pytest.mark.parametrize("array", ARRAYS, ids=lambda a: f"{a.dtype}{list(a.shape)}")
def test_as_pytorch(array: Any) -> None:
    assert repr(firth.from_numpy(array)) == repr(torch.from_numpy(array))


def test_dtype_and_gradient_are_shown() -> None:
    assert repr(firth.zeros(1, dtype=firth.float64)) == "tensor([0.], dtype=firth.float64)"
    w = firth.zeros(1, requires_grad=True)
    assert repr(w) == "tensor([0.], requires_grad=True)"
    assert "grad_fn" in repr(w * 2)
