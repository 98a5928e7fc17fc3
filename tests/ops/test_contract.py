"""Contractions: shapes and mistakes."""

from __future__ import annotations

import pytest

from firth import ops
from firth.base import dtype as dt
from firth.base.errors import ArgumentError, DTypeError, ShapeError
from firth.ir.op import Expr, input_node


def x(*shape: int, dtype: dt.DType = dt.float32) -> Expr:
    return Expr(input_node(0, shape, dtype))


def test_labels_are_checked() -> None:
    with pytest.raises(ShapeError, match="label 1 differ"):
        ops.contract(x(2, 3), x(4, 5), a_labels=(0, 1), b_labels=(1, 2), out_labels=(0, 2))
    with pytest.raises(ArgumentError, match="labels do not fit"):
        ops.contract(x(2, 2), x(2), a_labels=(0, 0), b_labels=(0,), out_labels=())
    with pytest.raises(ArgumentError, match="neither source"):
        ops.contract(x(2), x(2), a_labels=(0,), b_labels=(0,), out_labels=(7,))


def test_matmul_mistakes() -> None:
    with pytest.raises(ShapeError, match=r"inner dimensions differ \(3 against 2\)"):
        ops.matmul(x(2, 3), x(2, 3))
    with pytest.raises(ShapeError, match="no matrix product"):
        ops.matmul(x(), x(2))
    with pytest.raises(ShapeError, match="do not broadcast"):
        ops.matmul(x(2, 3, 4), x(5, 4, 3))
    with pytest.raises(DTypeError, match="bool"):
        ops.matmul(x(2, 2, dtype=dt.bool_), x(2, 2, dtype=dt.bool_))


def test_linear_says_what_fits() -> None:
    with pytest.raises(ShapeError, match=r"7 features do not fit.*in_features=7"):
        ops.linear(x(3, 7), x(5, 4))


def test_matmul_lowers_to_one_contraction_without_copies() -> None:
    lower = ops.matmul.lower
    assert lower is not None
    names = set()
    stack = [lower(x(2, 1, 3, 4), x(5, 4, 2)).node]
    while stack:
        node = stack.pop()
        names.add(node.op.name)
        stack.extend(node.src)
    assert "contract" in names and "expand" not in names
