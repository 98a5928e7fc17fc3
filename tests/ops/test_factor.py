"""Factorisations: what they refuse, and what is in the packed results."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from firth import ops
from firth.base import dtype as dt
from firth.base.errors import LinAlgError, MissingRule
from firth.ir.graph import Graph
from firth.ir.op import Expr, input_node
from firth.ops.factor import lu_shapes, pack, unpack
from firth.passes.grad import gradient
from tests.table.table_tools import apply, run


def value(op: Any, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
    return run(apply(op, arrays, attrs), arrays, "cpu")[0]


GOOD = np.array([[4.0, 2.0], [2.0, 3.0]])
BAD = np.array([[4.0, 2.0], [2.0, 1.0]])


def test_unpack_takes_apart_what_pack_put_together() -> None:
    parts = [np.arange(12.0).reshape(2, 3, 2), np.arange(2.0).reshape(2, 1)]
    packed = pack((2,), *parts)
    x = input_node(0, packed.shape, dt.float64)
    outputs = unpack(Expr(x), (3, 2), (1,))
    found = run(Graph((x,), tuple(o.node for o in outputs)), [packed])
    for a, b in zip(found, parts, strict=True):
        np.testing.assert_array_equal(a, b)


def test_cholesky_reads_one_triangle_and_names_the_matrix_that_is_not_definite() -> None:
    for uplo, half in (("L", np.tril(GOOD)), ("U", np.triu(GOOD))):
        found = value(ops.cholesky, half, uplo=uplo)
        np.testing.assert_allclose(found, np.linalg.cholesky(GOOD), rtol=1e-15)
    batch = np.stack([GOOD, BAD])
    with pytest.raises(LinAlgError, match=r"not positive definite; got number 1 of \(2, 2, 2\)"):
        value(ops.cholesky, batch, uplo="L")
    found = value(ops.cholesky, batch, uplo="L", check=False)
    np.testing.assert_allclose(found[0], np.linalg.cholesky(GOOD), rtol=1e-15)
    np.testing.assert_array_equal(found[1], [[2, 0], [np.nan, np.nan]])
    assert value(ops.cholesky_info, batch, uplo="L").tolist() == [0, 2]


def test_qr_without_a_gradient_says_so() -> None:
    x = input_node(0, (3, 2), dt.float64)
    for mode in ("complete", "r"):
        y = ops.qr(Expr(x), mode=mode).node
        with pytest.raises(MissingRule, match=f"qr: this mode has no gradient; got mode '{mode}'"):
            gradient([y], [None], [x])


def test_lu_and_geqrf_against_what_they_must_satisfy() -> None:
    a = np.random.default_rng(0).standard_normal((4, 3))
    found, pivots, order = np.split(value(ops.lu, a), np.cumsum([12, 3]))
    assert lu_shapes(a.shape) == ((4, 3), (3,), (4,))
    both = found.reshape(4, 3)
    product = (np.tril(both, -1) + np.eye(4, 3)) @ np.triu(both[:3])
    np.testing.assert_allclose(product, a[order.astype(int)], atol=1e-14)
    assert pivots[0] == np.argmax(np.abs(a[:, 0]))
    h = value(ops.geqrf, a)[:12].reshape(4, 3)
    np.testing.assert_allclose(np.abs(np.triu(h[:3])), np.abs(np.linalg.qr(a, "r")), atol=1e-14)


def test_factors_of_nothing_that_is_moved_before() -> None:
    """Empty values have no kernels; what reads them reads nothing."""
    x = input_node(0, (0, 3, 3), dt.float64)
    doubled = ops.concatenate(Expr(x), Expr(x), axis=0)
    found = ops.inv(ops.permute(doubled, axes=(0, 2, 1)))
    assert run(Graph((x,), (found.node,)), [np.zeros((0, 3, 3))], "cpu")[0].shape == (0, 3, 3)
