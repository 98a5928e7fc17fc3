"""Ops that steer transforms."""

from __future__ import annotations

from firth.base.dtype import float32
from firth.ir.op import TABLE, input_node, make
from firth.ops import control
from firth.passes.grad import gradient


def test_no_gradient_flows_through_stop_gradient() -> None:
    x = input_node(0, (3,), float32)
    stopped = make(control.stop_gradient, (x,))
    y = make(TABLE["mul"], (x, stopped))
    (g,) = gradient([y], [None], [x])
    assert g is not None
    (none,) = gradient([stopped], [None], [x])
    assert none is None
