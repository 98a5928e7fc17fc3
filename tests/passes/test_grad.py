"""Gradients of graphs: what flows, what doesn't, and through bodies."""

from __future__ import annotations

import numpy as np
import pytest

from firth.base import dtype as dt
from firth.base.errors import MissingRule
from firth.ir.graph import Graph
from firth.ir.op import TABLE as T
from firth.ir.op import Expr, input_node, make
from firth.passes.grad import gradient, unbroadcast
from firth.targets.ref import target as ref
from tests.passes.graphs import run


def test_shared_values_add_up_and_others_get_none() -> None:
    x, z = (input_node(i, (3,), dt.float64) for i in range(2))
    y = Expr(x) * Expr(x) + Expr(x)
    gx, gz = gradient([y.node], [None], [x, z])
    assert gz is None and gx is not None
    a = np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(run(ref, Graph((x, z), (gx,)), [a, a])[0], 2 * a + 1)


def test_cotangents_weigh_outputs() -> None:
    x, c = (input_node(i, (3,), dt.float64) for i in range(2))
    (g,) = gradient([(Expr(x) * 3.0).node], [c], [x])
    assert g is not None
    a = np.array([1.0, 0.0, -2.0])
    np.testing.assert_allclose(run(ref, Graph((x, c), (g,)), [a, a])[0], 3 * a)


def test_broadcasting_sums_back() -> None:
    node = input_node(0, (4, 2, 3), dt.float64)
    assert unbroadcast(node, (2, 1), dt.float32).shape == (2, 1)
    assert unbroadcast(node, (2, 1), dt.float32).dtype is dt.float32


def test_a_body_is_differentiated_where_there_is_no_rule() -> None:
    x = input_node(0, (2, 5), dt.float64)
    y = T["logsumexp"](Expr(x), axes=(1,), keepdims=False)
    (g,) = gradient([y.node], [None], [x])
    assert g is not None
    a = np.random.default_rng(0).standard_normal((2, 5))
    e = np.exp(a)
    np.testing.assert_allclose(
        run(ref, Graph((x,), (g,)), [a])[0], e / e.sum(1, keepdims=True), rtol=1e-12
    )


def test_integers_carry_no_gradient() -> None:
    x = input_node(0, (3,), dt.int64)
    y = T["cast"](Expr(x), dtype=dt.float32)
    assert gradient([y.node], [None], [x]) == [None]


def test_a_base_op_without_a_rule_is_named() -> None:
    x = input_node(0, (3,), dt.float64)
    op = T["exp"]
    from dataclasses import replace

    bare = replace(op, name="bare", vjp=None)
    with pytest.raises(MissingRule, match="bare"):
        gradient([make(bare, (x,), ())], [None], [x])
