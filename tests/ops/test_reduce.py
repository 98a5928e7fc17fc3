"""Reductions and scans: empty input, refusals, gradients through zeros."""

from __future__ import annotations

import numpy as np
import pytest

from firth import ops
from firth.base import dtype as dt
from firth.base.errors import DTypeError, ShapeError
from firth.ir.op import Expr, input_node


def test_empty_input() -> None:
    empty = np.zeros((2, 0), np.float32)
    np.testing.assert_array_equal(ops.sum.ref(empty, axes=(1,), keepdims=False), [0, 0])
    np.testing.assert_array_equal(ops.prod.ref(empty, axes=(1,), keepdims=False), [1, 1])
    x = Expr(input_node(0, (2, 0), dt.float32))
    with pytest.raises(ShapeError, match="amax: there is nothing to choose from"):
        ops.amax(x, axes=(1,), keepdims=False)
    assert ops.amax(x, axes=(0,), keepdims=False).shape == (0,)


def test_sums_of_integers_wrap_and_bool_is_refused() -> None:
    x = np.array([100, 100], np.int8)
    assert ops.sum.ref(x, axes=(0,), keepdims=False) == -56
    with pytest.raises(DTypeError, match=r"sum: .*got bool"):
        ops.sum(Expr(input_node(0, (2,), dt.bool_)), axes=(0,), keepdims=False)


def test_half_sums_are_rounded_once() -> None:
    x = np.full(5000, 0.1, np.float16)
    found = ops.sum.ref(x, axes=(0,), keepdims=False)
    assert found == np.float16(x.astype(np.float64).sum())


def test_nan_wins() -> None:
    x = np.array([1.0, np.nan, 3.0])
    for op in (ops.amax, ops.amin):
        assert np.isnan(op.ref(x, axes=(0,), keepdims=False))
