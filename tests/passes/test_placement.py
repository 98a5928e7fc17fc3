"""Dims followed through movement, and the places of reductions."""

from __future__ import annotations

from firth.base import dtype as dt
from firth.ir.op import TABLE as T
from firth.ir.op import Expr, input_node
from firth.passes.placement import axes_of, follow, reduced_place

X = Expr(input_node(0, (2, 1, 5), dt.float32))


def test_dims_longer_than_one_have_axes() -> None:
    assert tuple(axes_of((2, 1, 5))) == (0, None, 2)


def test_dims_are_followed_through_movement() -> None:
    permuted = T["permute"](X, axes=(2, 0, 1)).node
    assert follow(permuted, [7, 8, 9]) == [8, 9, 7]
    squeezed = T["reshape"](X, shape=(2, 5)).node
    assert follow(squeezed, [7, 8]) == [7, None, 8]
    assert follow(T["reshape"](X, shape=(10,)).node, [7]) is None
    wide = T["expand"](X, shape=(2, 3, 5)).node
    assert follow(wide, [7, 8, 9]) == [7, None, 9]


def test_a_reduction_keeps_the_places_of_its_kept_dims() -> None:
    for keepdims, expected in ((False, (4, 6)), (True, (4, None, 6))):
        node = T["sum"](X, axes=(1,), keepdims=keepdims).node
        assert reduced_place(node, (4, 5, 6), [0, 2]) == expected
