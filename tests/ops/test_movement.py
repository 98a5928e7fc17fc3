"""Movement ops: mistakes, and window against its transpose."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firth import ops
from firth.base import dtype as dt
from firth.base.errors import ArgumentError, IndexOutOfRange, ShapeError
from firth.ir.graph import Graph
from firth.ir.op import Expr, input_node
from firth.ops.movement import unwindow, window_extent
from tests.table.table_tools import run


def x(*shape: int) -> Expr:
    return Expr(input_node(0, shape, dt.float32))


def test_mistakes_name_the_shapes() -> None:
    with pytest.raises(ShapeError, match=r"reshape: .*\(2, 3\) \(6 elements\)"):
        ops.reshape(x(2, 3), shape=(4,))
    with pytest.raises(ShapeError, match="expand"):
        ops.expand(x(2, 3), shape=(2, 6))
    with pytest.raises(ShapeError, match="slice: dimension 0 is left"):
        ops.slice(x(3), starts=(1,), sizes=(3,), steps=(1,))
    with pytest.raises(ShapeError, match="concatenate: dimension 0 differs"):
        ops.concatenate(x(2, 3), x(1, 3), axis=1)
    with pytest.raises(ArgumentError, match="permute"):
        ops.permute(x(2, 3), axes=(0, 0))
    with pytest.raises(ArgumentError, match="negative"):
        ops.pad(x(3), low=(-1,), high=(0,), inner=(0,), value=0)


def test_a_dynamic_slice_stays_inside() -> None:
    with pytest.raises(IndexOutOfRange, match="got 2, expected 0 to 1"):
        ops.dynamic_slice.ref(np.zeros(4), np.int64(2), sizes=(3,))


@given(st.integers(1, 9), st.integers(1, 4), st.integers(1, 4), st.integers(1, 3))
def test_unwindow_is_the_transpose_of_window(n: int, k: int, stride: int, dilation: int) -> None:
    """<window(x), g> = <x, unwindow(g)>."""
    places = window_extent(n, k, stride, dilation)
    rng = np.random.default_rng(n)
    values, weights = rng.standard_normal(n), rng.standard_normal((places, k))
    g = input_node(0, (places, k), dt.float64)
    back = unwindow(Expr(g), (n,), (k,), (stride,), (dilation,))
    (found,) = run(Graph((g,), (back.node,)), [weights])
    w = ops.window.ref(values, sizes=(k,), strides=(stride,), dilations=(dilation,))
    np.testing.assert_allclose((w * weights).sum(), (found * values).sum(), atol=1e-12)
