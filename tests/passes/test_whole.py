"""Composed ops that stay whole: which fit, and which share a kernel."""

from __future__ import annotations

import firth.ops  # noqa: F401 (fills the table)
from firth.base import dtype as dt
from firth.ir.node import Node
from firth.ir.op import TABLE as T
from firth.ir.op import Expr, input_node
from firth.passes.whole import fits, partner


def sources(*shapes: tuple[int, ...], dtype: dt.DType = dt.float32) -> list[Expr]:
    return [Expr(input_node(i, s, dtype)) for i, s in enumerate(shapes)]


def attention(*xs: Expr, **attrs: object) -> Node:
    return T["scaled_dot_product_attention"](*xs, **attrs).node  # type: ignore[arg-type]


QKV = ((2, 5, 4), (2, 6, 4), (2, 6, 3))


def test_float32_and_float64_fit_and_half_types_and_empty_ones_do_not() -> None:
    for dtype, fit in ((dt.float32, True), (dt.float64, True), (dt.float16, False)):
        assert fits(attention(*sources(*QKV, dtype=dtype))) is fit
    q, k, _ = sources(*QKV)
    assert not fits(attention(q, k, Expr(input_node(2, (2, 6, 3), dt.float64))))
    assert not fits(attention(*sources((2, 5, 4), (2, 0, 4), (2, 0, 3))))
    assert not fits(T["matmul"](q, T["permute"](k, axes=(0, 2, 1))).node)


def test_a_mask_that_broadcasts_fits() -> None:
    q, k, v, m = sources(*QKV, (5, 6))
    assert fits(attention(q, k, v, m))
    assert fits(attention(q, k, v, Expr(input_node(3, (2, 1, 6), dt.bool_))))


def test_a_result_shares_with_the_logarithms_of_its_own_scores() -> None:
    q, k, v, m = sources(*QKV, (5, 6))
    y = attention(q, k, v)
    assert partner(T["attention_lse"](q, k).node, y)
    assert not partner(T["attention_lse"](q, k, m).node, y)
    assert not partner(T["attention_lse"](q, k, is_causal=True).node, y)
    assert not partner(attention(q, k, v), y)


def test_gradients_of_one_result_share() -> None:
    xs = sources((2, 5, 3), *QKV, (2, 5), (2, 5))
    dq, dk = (T["attention_gradient"](*xs, wrt=w).node for w in "qk")
    other = T["attention_gradient"](*xs, wrt="k", is_causal=True).node
    assert partner(dq, dk)
    assert not partner(dq, other) and not partner(dq, attention(*xs[1:4]))
