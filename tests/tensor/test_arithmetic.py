"""Elementwise methods and operators against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

import firth
from tests.tensor.parity import check

EXPRESSIONS = [
    "x+1",
    "1-x",
    "x**2",
    "2**x",
    "x//0.3",
    "x%0.7",
    "-x",
    "abs(x)",
    "x>0",
    "(x>0)&(x<1)",
    "~(x>0)",
    "m.maximum(x,-x)",
    "m.exp(x)",
    "x.exp().log().sqrt()",
    "x.sigmoid()",
    "x.relu()",
    "x.tanh()",
    "x.sign()",
    "x.round()",
    "x.floor()",
    "x.abs().rsqrt()",
    "x.div(2,rounding_mode='floor')",
    "i//3",
    "i%3",
    "-i//3",
    "i/3",
    "i*1.5",
    "i+x[0]",
    "x.add(1,alpha=2)",
    "m.logical_and(x>0,x<1)",
    "x.eq(x)",
]


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_as_pytorch(text: str) -> None:
    check(text)


def test_operators_with_numpy() -> None:
    x, array = firth.ones(3), np.arange(3.0, dtype=np.float32)
    for got in (x + array, array + x, np.float32(1) + x - 1 + array):
        assert isinstance(got, firth.Tensor) and got.tolist() == [1.0, 2.0, 3.0]


def test_special_numbers_are_told_apart() -> None:
    x = firth.zeros(1)
    for _ in range(2):
        assert np.signbit((x * -0.0).numpy())[0] and not np.signbit((x * 0.0).numpy())[0]
        assert np.isnan((x + float("nan")).item())
        assert (firth.ones(1, dtype=firth.int64) + True).dtype is firth.int64
        assert (firth.ones(1, dtype=firth.int64) + 1.0).dtype is firth.float32


def test_a_result_that_does_not_fit_is_not_written() -> None:
    x = firth.zeros(3)
    with pytest.raises(firth.FirthError, match="does not fit"):
        x += firth.zeros(2, 3)
    i = firth.zeros(3, dtype=firth.int64)
    with pytest.raises(firth.FirthError, match="cannot be written in place"):
        i += 0.5


def test_foreign_operands_are_refused_with_a_fix() -> None:
    with pytest.raises(firth.FirthError, match="an operand is no tensor"):
        firth.zeros(3) + "text"
