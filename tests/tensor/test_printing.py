"""Printing as PyTorch prints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import firth
from firth.base.errors import ArgumentError
from tests.tensor.parity import torch

random = np.random.default_rng(0)
WIDE = random.standard_normal((3, 30, 20))
ARRAYS = [
    np.array([1.0, 2.0]), np.array([1.5, -2.25]), np.arange(6).reshape(2, 3),
    np.array([1e-6, 1.0]), np.array([1e5, 0.5]), np.array(3.5), np.arange(2000),
    np.zeros((2, 2, 2)), np.array([True, False]), np.array([np.nan, np.inf, 1.0]),
    np.arange(60.0), np.arange(3000.0).reshape(50, 60), np.zeros((0,)), np.zeros((2, 0)),
    np.array(7), np.array([[-1.0, 100000.0]]), np.array([1e9, 1.0]), np.array([np.nan, -np.inf]),
    WIDE, WIDE[0] * 1e-5, WIDE[:, :2] + 1j * WIDE[:, 2:4], np.array([1 + 2j, -3j]), np.array(1j),
    WIDE[0] > 0, random.integers(0, 200, (5, 40)), WIDE[0, 0] * 10.0 ** np.arange(-10, 10),
]  # fmt: skip
DTYPES = {
    "f": ("float16", "float32", "float64"), "i": ("int8", "int32", "int64", "uint8"),
    "b": ("bool",), "c": ("complex64", "complex128"),
}  # fmt: skip
CASES = [(a, d) for a in ARRAYS for d in DTYPES[a.dtype.kind]]
CHOICES: list[dict[str, Any]] = [
    {}, {"profile": "short"}, {"precision": 8, "linewidth": 120}, {"threshold": 10, "edgeitems": 2},
    {"sci_mode": True}, {"sci_mode": False, "linewidth": 40},
]  # fmt: skip


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    yield
    firth.set_printoptions(profile="default")
    torch.set_printoptions(profile="default")


@pytest.mark.parametrize("choice", CHOICES, ids=str)
@pytest.mark.filterwarnings("ignore:overflow")
def test_as_pytorch(choice: dict[str, Any]) -> None:
    firth.set_printoptions(**choice)
    torch.set_printoptions(**choice)
    for array, dtype in CASES:
        values = array.astype(dtype)
        expected = repr(torch.from_numpy(values)).replace("torch.", "firth.")
        assert repr(firth.from_numpy(values)) == expected


def test_a_full_profile_leaves_nothing_out() -> None:
    firth.set_printoptions(profile="full")
    assert "..." not in repr(firth.arange(2000))
    firth.set_printoptions(precision=2)
    assert "..." not in repr(firth.arange(2000))
    firth.set_printoptions(profile="default", edgeitems=0)
    assert repr(firth.arange(2000)) == "tensor([...])"


@pytest.mark.parametrize(
    "wrong",
    [{"profile": "long"}, {"precision": -1}, {"threshold": float("nan")}, {"edgeitems": 2.5}],
)
def test_wrong_options_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match=f"set_printoptions: {next(iter(wrong))}"):
        firth.set_printoptions(**wrong)


def test_dtype_and_gradient_are_shown() -> None:
    assert repr(firth.zeros(1, dtype=firth.float64)) == "tensor([0.], dtype=firth.float64)"
    w = firth.zeros(1, requires_grad=True)
    assert repr(w) == "tensor([0.], requires_grad=True)"
    assert "grad_fn" in repr(w * 2)
