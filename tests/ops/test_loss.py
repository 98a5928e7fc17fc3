"""Losses: mistakes, bounds, extreme scores."""

from __future__ import annotations

import numpy as np
import pytest

from firth import ops
from firth.base import dtype as dt
from firth.base.errors import ArgumentError, DTypeError, IndexOutOfRange, ShapeError
from firth.ir.op import Expr, input_node
from tests.table.table_tools import apply, run
from tests.table.table_tools import expand_bodies as bodies


def test_mistakes() -> None:
    x = Expr(input_node(0, (4, 3), dt.float32))
    t = Expr(input_node(1, (4,), dt.int64))
    with pytest.raises(ShapeError, match="one class number for each place"):
        ops.cross_entropy(x, x)
    with pytest.raises(DTypeError, match="class numbers"):
        ops.cross_entropy(x, Expr(input_node(1, (4,), dt.float32)))
    with pytest.raises(ArgumentError, match="no such reduction"):
        ops.cross_entropy(x, t, reduction="average")
    with pytest.raises(ShapeError, match="one weight per class"):
        ops.nll_loss(x, t, Expr(input_node(2, (4,), dt.float32)))
    with pytest.raises(ShapeError, match="mse_loss: shapes do not broadcast"):
        ops.mse_loss(x, t)


def test_classes_outside_raise_in_the_body_too() -> None:
    x, t = np.zeros((2, 3)), np.array([0, 3])
    graph = apply(ops.cross_entropy, (x, t), {})
    for g in (graph, graph.replace(bodies(graph.outputs))):
        with pytest.raises(IndexOutOfRange, match="got 3, expected 0 to 2"):
            run(g, (x, t))


def test_large_scores_do_not_overflow() -> None:
    x = np.array([[1e4, 0.0], [-1e4, 1e4]], np.float32)
    graph = apply(ops.cross_entropy, (x, np.array([1, 0])), {"reduction": "none"})
    (found,) = run(graph.replace(bodies(graph.outputs)), (x, np.array([1, 0])))
    np.testing.assert_allclose(found, [1e4, 2e4])
