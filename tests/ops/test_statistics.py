"""Statistics: overflow, infinities, NaN, mistakes."""

from __future__ import annotations

import numpy as np
import pytest

from firth import ops
from firth.base import dtype as dt
from firth.base.errors import DTypeError
from firth.ir.op import Expr, Op, input_node
from tests.table.table_tools import apply, expand_bodies, run


def body(op: Op, x: np.ndarray, **attrs: object) -> np.ndarray:
    graph = apply(op, (x,), attrs)
    return run(graph.replace(expand_bodies(graph.outputs)), (x,))[0]


def test_softmax_of_large_numbers() -> None:
    x = np.array([[1e30, 0.0], [-1e30, -1e30]], np.float32)
    np.testing.assert_array_equal(body(ops.softmax, x, axis=1), [[1, 0], [0.5, 0.5]])
    assert np.isfinite(body(ops.log_softmax, x, axis=1)).all()


def test_logsumexp_of_infinities() -> None:
    x = np.array([[-np.inf, -np.inf], [np.inf, 0.0], [-np.inf, 3.0]])
    found = body(ops.logsumexp, x, axes=(1,), keepdims=False)
    np.testing.assert_array_equal(found, [-np.inf, np.inf, 3.0])


def test_the_first_nan_is_the_extreme() -> None:
    x = np.array([5.0, np.nan, 1.0, np.nan])
    for op in (ops.argmax, ops.argmin):
        assert body(op, x, axis=0, keepdims=False) == 1


def test_the_variance_of_one_element_is_nan() -> None:
    x = np.ones((2, 1))
    assert np.isnan(body(ops.var, x, axes=(1,), keepdims=False, correction=1)).all()
    assert (body(ops.var, x, axes=(1,), keepdims=False, correction=0) == 0).all()


def test_integers_have_no_mean() -> None:
    with pytest.raises(DTypeError, match=r"mean: works on floats.*x\.float\(\)"):
        ops.mean(Expr(input_node(0, (2,), dt.int64)), axes=(0,), keepdims=False)
