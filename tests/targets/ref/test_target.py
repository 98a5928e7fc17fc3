"""The reference target: order, donation, errors."""

from __future__ import annotations

import numpy as np
import pytest

from firth import ops
from firth.base import dtype as dt
from firth.base.errors import IndexOutOfRange, VerifyError
from firth.ir.graph import Graph
from firth.ir.node import Node
from firth.ir.op import Expr, declare, input_node, make
from firth.runtime.buffer import Buffer, from_array
from firth.targets.ref.target import compile, evaluate


def x_node() -> Node:
    return input_node(0, (3,), dt.float32)


def buffer(*values: float) -> Buffer:
    return from_array(np.array(values, np.float32))


def test_outputs_in_order_and_constants() -> None:
    x = x_node()
    y = Expr(x) * 2.0 + 1.0
    first, second = compile(Graph((x,), (y.node, x))).run([buffer(1, 2, 3)])
    np.testing.assert_array_equal(first.view(dt.float32, (3,)), [3, 5, 7])
    np.testing.assert_array_equal(second.view(dt.float32, (3,)), [1, 2, 3])


def test_donation_writes_in_place_and_reads_old_values() -> None:
    x, y = x_node(), input_node(1, (3,), dt.float32)
    graph = Graph((x, y), (ops.add(x, y).node, ops.sub(x, y).node), donated=((0, 0), (1, 1)))
    a, b = buffer(5, 6, 7), buffer(1, 2, 3)
    found = compile(graph).run([a, b])
    assert found[0] is a and found[1] is b
    np.testing.assert_array_equal(a.view(dt.float32, (3,)), [6, 8, 10])
    np.testing.assert_array_equal(b.view(dt.float32, (3,)), [4, 4, 4])


def test_an_index_outside_leaves_donated_buffers_alone() -> None:
    x, i = x_node(), input_node(1, (2,), dt.int64)
    changed = ops.add(x, 1.0)
    picked = ops.gather(changed, i, axes=(0,))
    graph = Graph((x, i), (changed.node, picked.node), donated=((0, 0),))
    a, index = buffer(1, 2, 3), from_array(np.array([0, 3]))
    with pytest.raises(IndexOutOfRange, match=r"gather: .* got 3, expected 0 to 2"):
        compile(graph).run([a, index])
    np.testing.assert_array_equal(a.view(dt.float32, (3,)), [1, 2, 3])


def test_integer_division_by_zero_raises() -> None:
    x, y = input_node(0, (2,), dt.int32), input_node(1, (2,), dt.int32)
    args = [from_array(np.array([1, 2], np.int32)), from_array(np.array([1, 0], np.int32))]
    for op in (ops.floor_divide, ops.remainder, ops.div_trunc, ops.div_floor, ops.fmod):
        with pytest.raises(ZeroDivisionError):
            compile(Graph((x, y), (op(x, y).node,))).run(args)


def test_too_few_buffers_are_refused() -> None:
    x = x_node()
    with pytest.raises(VerifyError, match="0 buffers"):
        compile(Graph((x,), (x,))).run([])


def test_a_reference_that_breaks_its_rules_is_found() -> None:
    from firth.ir.op import TABLE

    wrong = declare(
        "wrong", doc="x (...) -> (...).", shape=lambda x: x, dtype=lambda d: d,
        ref=lambda x: x.astype(np.float64),
    )  # fmt: skip
    del TABLE["wrong"]
    with pytest.raises(VerifyError, match="wrong"):
        evaluate(make(wrong, (x_node(),)), [np.zeros(3, np.float32)])
