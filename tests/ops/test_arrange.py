"""Arrangements: mistakes."""

from __future__ import annotations

import pytest

from firth import ops
from firth.base import dtype as dt
from firth.base.errors import ArgumentError, ShapeError
from firth.ir.op import Expr, input_node


def x(*shape: int) -> Expr:
    return Expr(input_node(0, shape, dt.float32))


def test_mistakes() -> None:
    with pytest.raises(ShapeError, match="stack"):
        ops.stack(x(2), x(3), axis=0)
    with pytest.raises(ShapeError, match="tril: x is not a matrix"):
        ops.tril(x(3))
    with pytest.raises(ArgumentError, match="tile"):
        ops.tile(x(2, 3), counts=(2,))
    with pytest.raises(ArgumentError, match="roll"):
        ops.roll(x(2), shifts=(1, 2), axes=(0,))


def test_dtypes_promote() -> None:
    i = Expr(input_node(0, (2,), dt.int32))
    assert ops.stack(x(2), i, axis=0).dtype is dt.float32
