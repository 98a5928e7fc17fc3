"""Forward mode on graphs: what is linear moves, what has only a gradient is transposed."""

from __future__ import annotations

import numpy as np
import pytest

from firth import ops
from firth.base import dtype as dt
from firth.base.errors import MissingRule
from firth.ir.graph import Graph, topological
from firth.ir.op import TABLE, Expr, declare, input_node
from firth.ops.rules import same
from firth.passes.jvp import tangents
from tests.table.table_tools import run


def _inputs(*shape: int) -> tuple[Expr, Expr]:
    return Expr(input_node(0, shape, dt.float64)), Expr(input_node(1, shape, dt.float64))


def test_nothing_moves_where_nothing_flows() -> None:
    x, t = _inputs(3)
    other = ops.exp(Expr(input_node(2, (3,), dt.float64)))
    moved = tangents([other.node, ops.floor(x).node, ops.stop_gradient(x).node, (x < 0).node],
                     {id(x.node): t.node})  # fmt: skip
    assert moved[0] is None and moved[2] is None and moved[3] is None


def test_movement_moves_the_tangent() -> None:
    x, t = _inputs(2, 3)
    y = ops.pad(ops.flip(x, axes=(1,)), low=(1, 0), high=(0, 0), inner=(0, 0), value=7)
    (found,) = tangents([y.node], {id(x.node): t.node})
    assert found is not None
    assert [n.op.name for n in topological([found])] == ["input", "flip", "pad"]
    assert found.attr("value") == 0


def test_a_gradient_is_transposed() -> None:
    x, t = _inputs(4)
    y = ops.softmax(x, axis=0)
    (found,) = tangents([y.node], {id(x.node): t.node})
    assert found is not None
    values = [np.array([0.1, 0.7, -0.3, 0.2]), np.array([1.0, -2.0, 0.5, 0.0])]
    p = np.exp(values[0]) / np.exp(values[0]).sum()
    expected = p * values[1] - p * (p * values[1]).sum()
    graph = Graph((x.node, t.node), (found,))
    np.testing.assert_allclose(run(graph, values)[0], expected, rtol=1e-12)


def test_an_op_without_any_rule_says_so() -> None:
    try:
        op = declare("jvp_test_rigid", doc="x", shape=same, dtype=same, ref=lambda x: x)
        x, t = _inputs(2)
        with pytest.raises(MissingRule, match="jvp_test_rigid has no derivative"):
            tangents([op(x).node], {id(x.node): t.node})
    finally:
        TABLE.pop("jvp_test_rigid", None)
