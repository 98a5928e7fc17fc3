"""Pooling: windows that hang over, mistakes."""

from __future__ import annotations

import pytest

from firth import ops
from firth.base import dtype as dt
from firth.base.errors import ArgumentError, ShapeError
from firth.ir.op import Expr, input_node
from firth.ops.pool import pooled_extent


def test_a_window_that_starts_in_the_padding_is_dropped() -> None:
    assert pooled_extent(5, 2, 2, (0, 0), 1, False) == 2
    assert pooled_extent(5, 2, 2, (0, 0), 1, True) == 3
    assert pooled_extent(5, 2, 3, (1, 1), 1, True) == 2


def test_mistakes() -> None:
    x = Expr(input_node(0, (1, 4), dt.float32))
    with pytest.raises(ArgumentError, match="more than half the kernel"):
        ops.avg_pool(x, sizes=(2,), stride=(2,), padding=((2, 2),))
    with pytest.raises(ShapeError, match="larger than its input"):
        ops.max_pool(x, sizes=(5,), stride=(1,), padding=((0, 0),), dilation=(1,))
    with pytest.raises(ShapeError, match="too few dimensions"):
        ops.adaptive_avg_pool(x, sizes=(1, 1, 1))
