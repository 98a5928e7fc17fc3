"""Eigenvalues and singular values that coincide, vanish or do not exist."""

from __future__ import annotations

import numpy as np
import pytest

from firth import ops
from firth.base import dtype as dt
from firth.base.errors import LinAlgError
from firth.ir.graph import Graph
from firth.ir.op import Expr, input_node
from firth.ops.factor import unpack
from firth.ops.spectral import eigh_shapes, svd_shapes
from firth.passes.grad import gradient
from tests.table.table_tools import apply, run


def test_gradients_where_eigenvalues_coincide() -> None:
    """Of the trace of A squared, by way of the eigenvectors: 2 A."""
    x = input_node(0, (3, 3), dt.float64)
    values, vectors = unpack(ops.eigh(Expr(x), uplo="L"), *eigh_shapes(x.shape))
    back = ops.matmul(vectors * values, ops.permute(vectors, axes=(1, 0)))
    loss = ops.sum(back * back, axes=(0, 1), keepdims=False)
    (grad,) = gradient([loss.node], [None], [x])
    assert grad is not None
    a = np.diag([2.0, 2.0, 5.0])
    np.testing.assert_allclose(run(Graph((x,), (grad,)), [a])[0], 2 * a, atol=1e-12)


def test_gradients_where_singular_values_coincide_or_vanish() -> None:
    """Of the sum of squares, by way of the vectors: 2 A."""
    for a in (np.eye(3, 2), np.zeros((2, 3)), np.array([[1.0, 1.0], [1.0, 1.0], [0.0, 0.0]])):
        x = input_node(0, a.shape, dt.float64)
        u, s, vh = unpack(ops.svd(Expr(x), full=False), *svd_shapes(a.shape, False))
        back = ops.matmul(u * s, vh)
        loss = ops.sum(back * back, axes=(0, 1), keepdims=False)
        (grad,) = gradient([loss.node], [None], [x])
        assert grad is not None
        np.testing.assert_allclose(run(Graph((x,), (grad,)), [a])[0], 2 * a, atol=1e-12)


def test_numbers_that_are_none_have_no_eigenvalues() -> None:
    a = np.full((2, 2), np.nan)
    with pytest.raises(LinAlgError, match=r"svd: .*; got float64\[2, 2\]"):
        run(apply(ops.svd, [a], {"full": True}), [a], "cpu")
