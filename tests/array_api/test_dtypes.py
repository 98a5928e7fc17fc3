"""Dtypes of the namespace: the standard's rules."""

from __future__ import annotations

import pytest

from firth import array_api as xp
from tests.array_api.same import check


@pytest.mark.parametrize("text", [
    "xp.astype(a, xp.int8)", "xp.can_cast(xp.int8, xp.int16)", "xp.can_cast(xp.int16, xp.uint32)",
    "xp.isdtype(xp.uint8, 'unsigned integer')", "xp.isdtype(xp.bool, ('integral', xp.bool))",
])  # fmt: skip
def test_as_numpy(text: str) -> None:
    check(text)


def test_limits_name_the_dtype() -> None:
    assert xp.finfo(xp.complex64).dtype is xp.float32
    assert xp.iinfo(xp.asarray([1], dtype=xp.uint8)).max == 255


def test_numbers_are_weak() -> None:
    assert xp.result_type(xp.uint8, xp.int8, 3) is xp.int16
    assert xp.result_type(xp.asarray(1.0, dtype=xp.float64), 1.5) is xp.float64
    with pytest.raises(ValueError, match="no dtype"):
        xp.result_type(1, 2)


def test_copies() -> None:
    x = xp.ones(3)
    assert xp.astype(x, xp.float32, copy=False) is x
    y = xp.astype(x, xp.float32)
    y[0] = 5
    assert x[0] == 1
