"""What declarations share."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firth import ops
from firth.base import dtype as dt
from firth.base.errors import ArgumentError, DTypeError, IndexOutOfRange, ShapeError
from firth.ir.op import Expr, input_node
from firth.ops import rules


@given(st.lists(st.lists(st.sampled_from([1, 3]), max_size=4), min_size=1, max_size=3))
def test_broadcast_is_numpys(shapes: list[list[int]]) -> None:
    expected = np.broadcast_shapes(*map(tuple, shapes))
    assert rules.broadcast("add", *map(tuple, shapes)) == expected


def test_broadcast_names_both_shapes_and_the_dimension() -> None:
    with pytest.raises(ShapeError, match=r"add: .*dimension -1.*\(2, 3\) and \(4,\)"):
        rules.broadcast("add", (2, 3), (4,))


def test_axes_are_checked() -> None:
    for axes in ((2,), (1, 0), (0, 0), (-1,)):
        with pytest.raises(ArgumentError):
            rules.check_axes("sum", 2, axes)


@given(st.floats(allow_nan=False, width=64))
def test_bfloat16_is_rounded_once(value: float) -> None:
    """Against the exact neighbours: the nearer one, ties to the even."""
    found = rules.round_to(np.float64(value), dt.bfloat16)
    if not np.isfinite(found.astype(np.float64)) or value == 0:
        return
    here = float(found)
    bits = found.view(np.uint16)
    for step in (-1, 1):
        other = float((bits + np.uint16(step % 65536)).view(ml_dtypes.bfloat16))
        if np.isfinite(other):
            gap, best = abs(other - value), abs(here - value)
            assert best < gap or (best == gap and bits % 2 == 0)


def test_floats_to_integers_saturate() -> None:
    x = np.array([np.nan, np.inf, -np.inf, 1e30, -1.9, 2.9, 3e9])
    top = [0, 2**31 - 1, -(2**31), 2**31 - 1, -1, 2, 2**31 - 1]
    np.testing.assert_array_equal(rules.round_to(x, dt.int32), top)
    np.testing.assert_array_equal(rules.round_to(x, dt.uint8), [0, 255, 0, 255, 0, 2, 255])
    assert rules.round_to(np.float64(2**63), dt.int64) == 2**63 - 1


def test_index_errors_name_the_value() -> None:
    with pytest.raises(IndexOutOfRange, match="got -1, expected 0 to 2"):
        rules.in_range("take", np.array([0, -1]), 3)


def test_half_gradients_are_computed_in_float32() -> None:
    x = Expr(input_node(0, (2,), dt.float16))
    assert ops.tanh.vjp is not None
    (g,) = ops.tanh.vjp(x, ops.tanh(x), x)
    assert g.dtype is dt.float32


def test_complex_numbers_are_refused() -> None:
    x = Expr(input_node(0, (2,), dt.complex64))
    with pytest.raises(DTypeError, match="complex"):
        ops.maximum(x, x)
    with pytest.raises(DTypeError, match="softmax"):
        ops.softmax(x, axis=0)
