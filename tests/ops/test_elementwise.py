"""Elementwise base ops: promotion, integer meaning, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from firth import ops
from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.base.errors import DTypeError
from firth.ir.op import Expr, input_node
from firth.ops.operands import operand_dtypes


def x(dtype: DType, *shape: int) -> Expr:
    return Expr(input_node(0, shape, dtype))


@pytest.mark.parametrize(
    ("name", "sources", "operand", "result"),
    [
        ("add", (dt.int8, dt.int32), dt.int32, dt.int32),
        ("add", (dt.int64, dt.float16), dt.float16, dt.float16),
        ("add", (dt.bool_, dt.bool_), dt.uint8, dt.bool_),
        ("div", (dt.int32, dt.int64), dt.float32, dt.float32),
        ("div", (dt.int32, dt.float64), dt.float64, dt.float64),
        ("exp", (dt.bool_,), dt.float32, dt.float32),
        ("less", (dt.int8, dt.float32), dt.float32, dt.bool_),
        ("logical_and", (dt.float32, dt.int8), dt.bool_, dt.bool_),
        ("maximum", (dt.float16, dt.bfloat16), dt.float32, dt.float32),
    ],
)
def test_operands_and_results(
    name: str, sources: tuple[DType, ...], operand: DType, result: DType
) -> None:
    op = ops.TABLE[name]
    assert operand_dtypes(op, sources) == (operand,) * len(sources)
    assert op(*[x(d, 2) for d in sources]).dtype is result


def test_where_promotes_only_the_choices() -> None:
    found = operand_dtypes(ops.where, (dt.bool_, dt.int8, dt.float32))
    assert found == (dt.bool_, dt.float32, dt.float32)
    with pytest.raises(DTypeError, match="bool condition"):
        ops.where(x(dt.int8, 2), x(dt.int8, 2), x(dt.int8, 2))


@pytest.mark.parametrize(
    ("name", "dtype"),
    [("sub", dt.bool_), ("neg", dt.bool_), ("floor", dt.int32), ("bitwise_and", dt.float32),
     ("shift_left", dt.bool_), ("floor_divide", dt.float32), ("pow", dt.int64),
     ("threefry", dt.int64)],
)  # fmt: skip
def test_dtypes_without_meaning_are_refused(name: str, dtype: DType) -> None:
    op = ops.TABLE[name]
    with pytest.raises(DTypeError, match=f"^{name}: .*; got {dtype.name}, expected"):
        op(*[x(dtype, 2)] * (op.arity or 1))


def test_integers_have_one_meaning() -> None:
    low = np.array([-128, -128], np.int8)
    np.testing.assert_array_equal(ops.abs.ref(low), low)
    np.testing.assert_array_equal(
        ops.floor_divide.ref(low, np.array([-1, 3], np.int8)), [-128, -43]
    )
    np.testing.assert_array_equal(ops.remainder.ref(low, np.array([-1, 3], np.int8)), [0, 1])
    shifts = np.array([-1, 8, 2], np.int8)
    x8 = np.array([-3, -3, -3], np.int8)
    np.testing.assert_array_equal(ops.shift_right.ref(x8, shifts), [-1, -1, -1])
    np.testing.assert_array_equal(ops.shift_left.ref(x8, shifts), [0, 0, -12])


def test_numbers_in_rules_are_weak() -> None:
    assert (x(dt.float16, 2) * 2.0).dtype is dt.float16
    assert (x(dt.int8, 2) + 1).dtype is dt.int8
    assert (x(dt.int8, 2) * 0.5).dtype is dt.float32


def test_dtypes_without_a_common_one_name_the_op() -> None:
    with pytest.raises(DTypeError, match=r"^add: uint64 and int64 have no common dtype"):
        ops.add(x(dt.uint64, 2), x(dt.int64, 2))
