"""The batch pass: rules, bodies, and ops that keep a gradient of their own."""

from __future__ import annotations

import numpy as np

from firth import ops
from firth.base import dtype as dt
from firth.ir.graph import Graph, topological
from firth.ir.op import TABLE, Expr, input_node
from firth.ir.text import from_text, to_text
from firth.ops.batching import batch
from firth.passes.grad import gradient
from tests.table.table_tools import run


def _pair(*shape: int) -> tuple[Expr, Expr]:
    one, many = input_node(0, shape, dt.float64), input_node(0, (3, *shape), dt.float64)
    return Expr(one), Expr(many)


def test_what_depends_on_no_example_is_left_as_it_is() -> None:
    one, many = _pair(4)
    other = Expr(input_node(1, (4,), dt.float64))
    shared = ops.exp(other)
    (a, b) = batch([(one * shared).node, shared.node], {id(one.node): many.node}, 3)
    assert a[1] and a[0].shape == (3, 4) and shared.node in topological([a[0]])
    assert b == (shared.node, False)


def test_layers_stay_whole_for_one_set_of_weights() -> None:
    x, xs = _pair(2, 3, 5, 5)
    w = Expr(input_node(1, (4, 3, 3, 3), dt.float64))
    y = ops.conv(x, w, stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1)
    ((node, _),) = batch([y.node], {id(x.node): xs.node}, 3)
    assert [n.op.name for n in topological([node])] == [
        "input", "reshape", "input", "conv", "reshape",
    ]  # fmt: skip


def test_an_op_with_a_gradient_of_its_own_keeps_it() -> None:
    """norm's own gradient is 0 at 0, that of its body is not a number."""
    x, xs = _pair(2)
    y = TABLE["batched"](xs, of="norm", attrs=((0,), False, 2.0), flags=(True,), n=3)
    (g,) = gradient([y.node], [None], [xs.node])
    values = np.array([[0.0, 0.0], [3.0, 4.0], [1.0, 0.0]])
    graph = Graph((xs.node,), (g,))
    np.testing.assert_allclose(run(graph, [values])[0], [[0, 0], [0.6, 0.8], [1, 0]])
    assert to_text(from_text(to_text(graph))) == to_text(graph)
    del x


def test_what_all_share_gets_the_sum_of_gradients() -> None:
    x = Expr(input_node(0, (2,), dt.float64))
    w = Expr(input_node(1, (3, 2), dt.float64))
    flags = (False, True)
    y = TABLE["batched"](x, w, of="prelu", attrs=(), flags=flags, n=3)
    found = gradient([y.node], [None], [x.node, w.node])
    values = [np.array([-1.0, 2.0]), np.ones((3, 2)) * 0.5]
    a, b = run(Graph((x.node, w.node), tuple(f for f in found if f is not None)), values)
    assert a.tolist() == [1.5, 3.0] and b.tolist() == [[-1.0, 0.0]] * 3
