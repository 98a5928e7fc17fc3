"""Sorting: stability, NaN, special values."""

from __future__ import annotations

import numpy as np
import pytest

from firth import ops
from firth.base import dtype as dt
from firth.base.errors import ArgumentError
from firth.ir.op import Expr, input_node


@pytest.mark.parametrize("descending", [False, True])
def test_equal_elements_keep_their_order(descending: bool) -> None:
    x = np.random.default_rng(0).integers(0, 3, 50)
    order = ops.argsort.ref(x, axis=0, descending=descending)
    for value in range(3):
        places = order[x[order] == value]
        assert (np.diff(places) > 0).all()


def test_nan_is_the_largest() -> None:
    x = np.array([1.0, np.nan, -np.inf, np.inf])
    np.testing.assert_array_equal(ops.argsort.ref(x, axis=0, descending=False), [2, 0, 3, 1])
    np.testing.assert_array_equal(ops.argsort.ref(x, axis=0, descending=True), [1, 3, 0, 2])


def test_topk_of_too_many() -> None:
    x = Expr(input_node(0, (3,), dt.float32))
    with pytest.raises(ArgumentError, match="k = 4"):
        ops.topk(x, k=4, axis=0, largest=True)
