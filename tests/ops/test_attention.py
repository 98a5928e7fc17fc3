"""Attention: masks and mistakes."""

from __future__ import annotations

import numpy as np
import pytest

from firth import ops
from firth.base import dtype as dt
from firth.base.errors import DTypeError, ShapeError
from firth.ir.op import Expr, input_node

attention = ops.scaled_dot_product_attention


def test_causal_is_the_triangular_mask() -> None:
    q, k, v = np.random.default_rng(0).standard_normal((3, 2, 5, 4))
    mask = np.tril(np.ones((5, 5), bool))
    causal = attention.ref(q, k, v, is_causal=True, scale=None)
    masked = attention.ref(q, k, v, mask, is_causal=False, scale=None)
    np.testing.assert_allclose(causal, masked, rtol=1e-12)


def test_mistakes() -> None:
    q, k = (Expr(input_node(i, s, dt.float32)) for i, s in enumerate(((2, 5, 4), (2, 5, 3))))
    with pytest.raises(ShapeError, match="do not fit"):
        attention(q, k, k)
    with pytest.raises(DTypeError, match="floats"):
        attention(q, q, q, Expr(input_node(2, (5, 5), dt.int64)))
