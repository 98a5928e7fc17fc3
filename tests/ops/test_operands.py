"""What elementwise ops cast their sources to."""

from __future__ import annotations

import pytest

from firth import ops
from firth.base import dtype as dt
from firth.base.errors import DTypeError
from firth.ir.op import input_node
from firth.ops.operands import operand_dtypes


def test_operands_promote() -> None:
    assert operand_dtypes(ops.add, (dt.float64, dt.complex64)) == (dt.complex128,) * 2
    assert operand_dtypes(ops.div, (dt.int32, dt.int64)) == (dt.float32,) * 2
    assert operand_dtypes(ops.maximum, (dt.bool_, dt.bool_)) == (dt.uint8,) * 2
    assert operand_dtypes(ops.where, (dt.bool_, dt.int8, dt.float16)) == (
        dt.bool_, dt.float16, dt.float16
    )  # fmt: skip


@pytest.mark.parametrize("name", ["less", "maximum", "floor", "remainder", "atan2", "erf", "clamp"])
def test_ops_without_meaning_for_complex_numbers_say_so(name: str) -> None:
    op = ops.TABLE[name]
    z = input_node(0, (2,), dt.complex64)
    with pytest.raises(DTypeError, match=f"{name}: has no meaning for complex numbers"):
        op(*[z] * op.arity)


def test_complex_results_and_real_ones() -> None:
    z, x = input_node(0, (2,), dt.complex64), input_node(1, (2,), dt.float64)
    assert (ops.mul(z, x)).dtype is dt.complex128
    assert ops.abs(z).dtype is dt.float32 and ops.sqrt(z).dtype is dt.complex64
    assert ops.equal(z, x).dtype is dt.bool_
    assert ops.mul(x, 2j).dtype is dt.complex128
