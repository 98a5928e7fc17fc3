"""Making tensors."""

from __future__ import annotations

import numpy as np
import pytest

import firth
from tests.tensor.parity import check

EXPRESSIONS = [
    "m.arange(5)",
    "m.arange(1,10,2)",
    "m.arange(0,1,0.25)",
    "m.linspace(0,1,5)",
    "m.eye(3)",
    "m.full((2,2),3)",
    "m.full((2,2),3.)",
    "m.zeros(2,3,dtype=m.int64)",
    "m.ones_like(x)",
    "m.tensor([1,2.5])",
    "m.tensor([[True]])",
    "m.tensor(3)",
]


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_as_pytorch(text: str) -> None:
    check(text)


def test_python_data_takes_the_default_dtypes() -> None:
    assert firth.tensor([1, 2]).dtype is firth.int64
    assert firth.tensor([1.0, 2]).dtype is firth.float32
    assert firth.tensor([True]).dtype is firth.bool
    assert firth.tensor(np.float64(1)).dtype is firth.float64
    assert firth.tensor([firth.tensor(1.0), 2]).tolist() == [1.0, 2.0]
    firth.set_default_dtype(firth.float64)
    try:
        assert firth.tensor([1.0]).dtype is firth.float64 and firth.zeros(1).dtype is firth.float64
    finally:
        firth.set_default_dtype(firth.float32)


@pytest.mark.parametrize("data", [[[1], [1, 2]], "text", [None], object()])
def test_what_is_no_data_is_refused(data: object) -> None:
    with pytest.raises((firth.FirthError, TypeError)):
        firth.tensor(data)


def test_gradients_need_floats() -> None:
    with pytest.raises(firth.FirthError, match="only floats"):
        firth.tensor([1], requires_grad=True)
    assert firth.zeros(2, requires_grad=True).is_leaf


def test_other_devices_are_refused() -> None:
    with pytest.raises(firth.FirthError, match="no such device"):
        firth.zeros(2, device="cuda")


@pytest.mark.parametrize("range_", [(0, 3, -1), (3, 0), (0.0, float("inf")), (0, float("nan"))])
def test_ranges_that_lead_nowhere(range_: tuple[float, ...]) -> None:
    with pytest.raises(firth.FirthError, match="no such range"):
        firth.arange(*range_)
    with pytest.raises(firth.FirthError, match="not an integer"):
        firth.linspace(0, 1, 3.0)
