"""Indexing: order of updates, bounds, mistakes."""

from __future__ import annotations

import numpy as np
import pytest

from firth import ops
from firth.base import dtype as dt
from firth.base.errors import DTypeError, IndexOutOfRange, ShapeError
from firth.ir.op import Expr, input_node


def test_the_last_update_stays() -> None:
    x, i = np.zeros(3), np.array([1, 1, 1])
    found = ops.scatter.ref(x, np.array([1.0, 2.0, 3.0]), i, axes=(0,), mode="set")
    np.testing.assert_array_equal(found, [0, 3, 0])


@pytest.mark.parametrize("bad", [-1, 3])
def test_indices_outside_raise(bad: int) -> None:
    i = np.array([0, bad])
    with pytest.raises(IndexOutOfRange, match=f"gather: .*got {bad}, expected 0 to 2"):
        ops.gather.ref(np.zeros(3), i, axes=(0,))
    with pytest.raises(IndexOutOfRange, match="scatter"):
        ops.scatter.ref(np.zeros(3), np.zeros(2), i, axes=(0,), mode="add")
    with pytest.raises(IndexOutOfRange, match="embedding"):
        ops.embedding.ref(np.zeros((3, 2)), i, padding=None)


def test_mistakes() -> None:
    x = Expr(input_node(0, (3, 4), dt.float32))
    i = Expr(input_node(1, (2,), dt.int64))
    with pytest.raises(DTypeError, match="not int64"):
        ops.gather(x, x, axes=(0,))
    with pytest.raises(ShapeError, match="one index per axis"):
        ops.gather(x, i, axes=(0, 1))
    with pytest.raises(ShapeError, match=r"scatter: updates do not fit.*expected \(2, 4\)"):
        ops.scatter(x, x, i, axes=(0,), mode="add")
    with pytest.raises(ShapeError, match="take_along_axis"):
        ops.take_along_axis(x, i, axis=0)
