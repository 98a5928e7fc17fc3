"""The namespace as a whole."""

from __future__ import annotations

import pytest

import firth
from firth import array_api as xp


def test_a_tensor_names_it() -> None:
    x = firth.tensor([1.0])
    assert x.__array_namespace__() is xp
    assert x.__array_namespace__(api_version="2025.12") is xp
    with pytest.raises(ValueError, match="no such version"):
        x.__array_namespace__(api_version="1999.12")


def test_every_name_is_there() -> None:
    assert [name for name in xp.__all__ if not hasattr(xp, name)] == []


def test_gradients_go_through() -> None:
    x = firth.tensor([1.0, 2.0], requires_grad=True)
    xp.sum(xp.hypot(x, xp.copysign(x, -1.0))).backward()
    assert x.grad.tolist() == pytest.approx([2**0.5, 2**0.5])


def test_jit() -> None:
    @firth.jit
    def f(x: firth.Tensor) -> firth.Tensor:
        return xp.cumulative_sum(xp.sort(x), include_initial=True)[xp.searchsorted(xp.sort(x), x)]

    assert f(firth.tensor([3.0, 1.0, 2.0])).tolist() == [3.0, 0.0, 1.0]
