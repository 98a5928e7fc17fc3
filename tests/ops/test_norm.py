"""Normalisation: statistics and mistakes."""

from __future__ import annotations

import numpy as np
import pytest

from firth import ops
from firth.base import dtype as dt
from firth.base.errors import DTypeError, ShapeError
from firth.ir.op import Expr, input_node


def test_standardised_rows_have_mean_0_and_variance_1() -> None:
    x = np.random.default_rng(0).standard_normal((3, 1000)) * 7 + 100
    y = ops.standardize.ref(x, axes=(1,), eps=0.0)
    np.testing.assert_allclose(y.mean(1), 0, atol=1e-12)
    np.testing.assert_allclose(y.var(1), 1, rtol=1e-12)


def test_float32_rows_far_from_zero_keep_their_digits() -> None:
    x = (np.random.default_rng(0).standard_normal((2, 64)) + 1e4).astype(np.float32)
    y = ops.layer_norm.ref(x, ndim=1, eps=1e-5)
    wide = ops.layer_norm.ref(x.astype(np.float64), ndim=1, eps=1e-5)
    np.testing.assert_allclose(y, wide, atol=1e-6)


def test_mistakes() -> None:
    x = Expr(input_node(0, (2, 6), dt.float32))
    small = Expr(input_node(1, (4,), dt.float32))
    with pytest.raises(ShapeError, match=r"layer_norm: a parameter does not fit.*expected \(6,\)"):
        ops.layer_norm(x, small, ndim=1)
    with pytest.raises(ShapeError, match="group_norm: groups do not divide"):
        lower = ops.group_norm.lower
        assert lower is not None
        lower(x, groups=4, eps=1e-5)
    with pytest.raises(ShapeError, match="channel"):
        ops.batch_norm(Expr(input_node(0, (3,), dt.float32)))
    with pytest.raises(DTypeError, match="layer_norm: works on floats"):
        ops.layer_norm(Expr(input_node(0, (3,), dt.int32)), ndim=1)
