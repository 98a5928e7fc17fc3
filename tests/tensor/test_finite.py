"""Programs that are searched: what a repetition needs is kept, and only while it holds."""

from __future__ import annotations

import numpy as np
import pytest

from firth.base.dtype import float32
from firth.base.errors import IndexOutOfRange, NonFiniteError
from firth.ir.graph import Graph
from firth.ir.op import Expr, input_node
from firth.runtime.buffer import Buffer, from_array
from firth.targets.ref import target as ref
from firth.tensor.finite import Searched


def counter() -> Searched:
    """state += step, in place; and the step's reciprocal."""
    state, step = input_node(0, (2,), float32), input_node(1, (2,), float32)
    total, shown = Expr(state) + Expr(step), 1.0 / Expr(step)
    return Searched(Graph((state, step), (total.node, shown.node), ((0, 0),)), 2, ref.compile)


def buffer(*values: float) -> Buffer:
    return from_array(np.array(values, np.float32))


def test_a_bad_run_leaves_what_it_would_have_overwritten() -> None:
    program, state = counter(), buffer(0.0, 0.0)
    for _ in range(5):
        program.run([state, buffer(1.0, 2.0)])
    with pytest.raises(NonFiniteError, match=r"div: .*1 infinite of 2") as found:
        program.run([state, buffer(1.0, 0.0)])
    assert found.value.node is not None
    assert state.view(float32, (2,)).tolist() == [5.0, 10.0]
    program.run([state, buffer(1.0, 1.0)])
    assert state.view(float32, (2,)).tolist() == [6.0, 11.0]


def test_what_others_wrote_meanwhile_is_not_taken_back() -> None:
    program, other, state = counter(), counter(), buffer(0.0, 0.0)
    program.run([state, buffer(1.0, 1.0)])
    other.run([state, buffer(10.0, 10.0)])
    program.run([state, buffer(1.0, 1.0)])
    with pytest.raises(NonFiniteError):
        program.run([state, buffer(0.0, 1.0)])
    assert state.view(float32, (2,)).tolist() == [12.0, 12.0]


def test_other_errors_pass() -> None:
    x = input_node(0, (), float32)
    program = Searched(Graph((x,), (Expr(x).node,)), 1, lambda graph: Failing())
    with pytest.raises(IndexOutOfRange):
        program.run([buffer(1.0)])


class Failing:
    def run(self, inputs: object) -> None:
        raise IndexOutOfRange("gather: out of range")
