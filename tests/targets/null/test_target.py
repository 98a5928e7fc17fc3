"""The null target: counts, runs nothing."""

from __future__ import annotations

import numpy as np

from firth import ops
from firth.base import dtype as dt
from firth.ir.graph import Graph
from firth.ir.op import Expr, input_node
from firth.runtime.buffer import from_array
from firth.targets.null.target import compile


def test_counts_nodes_and_answers_zeros() -> None:
    x = input_node(0, (2, 3), dt.float32)
    y = ops.exp(Expr(x) + x)
    total = ops.sum(y, axes=(0,), keepdims=False)
    program = compile(Graph((x,), (total.node, y.node), donated=((1, 0),)))
    assert program.nodes == {"input": 1, "add": 1, "exp": 1, "sum": 1}
    a = from_array(np.ones((2, 3), np.float32))
    found = program.run([a])
    np.testing.assert_array_equal(found[0].view(dt.float32, (3,)), np.zeros(3))
    assert found[1] is a and program.runs == 1
