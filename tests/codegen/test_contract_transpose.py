"""Squares of registers, transposed: every width and element size that a machine may have."""

from __future__ import annotations

import numpy as np
import pytest

from firth.base import dtype as dt
from firth.codegen.builder import Builder
from firth.codegen.contract_transpose import transpose
from firth.codegen.types import widen
from tests.codegen.harness import call_function


@pytest.mark.parametrize(("lanes", "dtype"), [(2, dt.float64), (4, dt.float64), (8, dt.float64),
                                              (4, dt.float32), (8, dt.float32), (16, dt.float32),
                                              (8, dt.int32), (2, dt.float32)])  # fmt: skip
def test_transposed_squares(lanes: int, dtype: dt.DType) -> None:
    element = {"float32": "float", "float64": "double", "int32": "i32"}[dtype.name]
    size, type_ = dtype.itemsize, widen(element, lanes)
    b = Builder()
    rows = [b.load(type_, b.gep(element, "%p0", r * lanes), size) for r in range(lanes)]
    for r, row in enumerate(transpose(b, rows, element, size)):
        b.store(type_, row, b.gep(element, "%p1", r * lanes), size)
    x = np.arange(lanes * lanes).reshape(lanes, lanes).astype(dtype.np)
    y = np.zeros_like(x)
    call_function(b, x, y)
    np.testing.assert_array_equal(y, x.T)
