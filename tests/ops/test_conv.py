"""Convolution: mistakes, and the transpose as an adjoint."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from firth import ops
from firth.base import dtype as dt
from firth.base.errors import ArgumentError, ShapeError
from firth.ir.op import Expr, input_node

PLAIN: dict[str, Any] = {"stride": (1,), "padding": ((0, 0),), "dilation": (1,)}


def x(*shape: int) -> Expr:
    return Expr(input_node(0, shape, dt.float32))


def test_mistakes() -> None:
    with pytest.raises(ShapeError, match=r"3 channels do not fit.*in_channels=3"):
        ops.conv(x(2, 3, 8), x(4, 5, 3), **PLAIN)
    with pytest.raises(ShapeError, match="add the batch dimension"):
        ops.conv(x(3, 8), x(4, 3, 3), **PLAIN)
    with pytest.raises(ShapeError, match="larger than its input"):
        ops.conv(x(2, 3, 2), x(4, 3, 3), **PLAIN)
    with pytest.raises(ArgumentError, match="do not fit"):
        ops.conv(x(2, 3, 8), x(4, 3, 3), **{**PLAIN, "dilation": (1, 1)})
    with pytest.raises(ShapeError, match="output channels"):
        ops.conv(x(2, 4, 8), x(3, 2, 3), groups=2, **PLAIN)


def test_transpose_is_the_adjoint() -> None:
    """<conv(x, w), g> = <x, conv_transpose(g, w)>."""
    rng = np.random.default_rng(0)
    attrs: dict[str, Any] = {"stride": (2,), "padding": ((1, 1),), "dilation": (2,), "groups": 1}
    v, w = rng.standard_normal((2, 3, 11)), rng.standard_normal((4, 3, 3))
    y = ops.conv.ref(v, w, **attrs)
    g = rng.standard_normal(y.shape)
    back = ops.conv_transpose.ref(g, w, output_padding=(0,), **attrs)
    np.testing.assert_allclose((y * g).sum(), (v * back).sum(), rtol=1e-12)
