"""Errors that compiled code found, in words."""

from __future__ import annotations

from firth.base.errors import DivisionByZero, IndexOutOfRange, VerifyError
from firth.runtime.site import UNKNOWN, Site, error_of


def test_division():
    error = error_of(Site("floor_divide", "division", ""), 0)
    assert isinstance(error, DivisionByZero) and isinstance(error, ZeroDivisionError)
    assert "floor_divide: integer division by zero" in str(error)


def test_index():
    error = error_of(Site("gather", "index", "0 <= index < 10"), 12)
    assert isinstance(error, IndexOutOfRange) and isinstance(error, IndexError)
    assert "gather: index 12 is out of range; got 12, expected 0 <= index < 10" in str(error)
    assert isinstance(error_of(UNKNOWN, 3), IndexOutOfRange)


def test_address():
    error = error_of(Site("add", "address", ""), 7)
    assert isinstance(error, VerifyError) and "add: a kernel reaches outside" in str(error)
