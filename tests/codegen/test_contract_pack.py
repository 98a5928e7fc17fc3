"""Walking axes and copying operands: sizes of pieces, what an operand is."""

from __future__ import annotations

from firth.base import dtype as dt
from firth.codegen.builder import Builder
from firth.codegen.contract_pack import (
    coefficient,
    piece_sizes,
    round_up,
    round_up_index,
    size_ranges,
    unit,
)
from firth.ir.kernel import Affine, Apply, Axis, Const, Guard, Load

I, K = Axis("i", 10), Axis("k", 6)  # noqa: E741


def test_sizes_of_pieces_are_those_that_can_occur() -> None:
    assert piece_sizes({10}, 6) == [4, 6]
    assert piece_sizes({4, 2}, 6) == [2, 4]  # tiles of 4, 4 and 2
    assert piece_sizes({5}, 5) == [5]
    assert piece_sizes({12}, 6) == [6]
    assert piece_sizes({1}, 6) == [1]


def test_a_known_size_needs_one_piece_and_an_unknown_one_any() -> None:
    assert size_ranges([2, 4, 6], 3) == [(4, 2)]
    assert size_ranges([2, 4, 6], "%n") == [(2, 0), (4, 2), (6, 4)]


def test_rounding_up() -> None:
    assert [round_up(n, 8) for n in (0, 1, 8, 9)] == [0, 8, 8, 16]
    b = Builder()
    assert round_up_index(b, 9, 8) == 16 and b.text() == ""
    assert str(round_up_index(b, "%n", 8)).startswith("%")


def test_what_moves_by_one() -> None:
    index = Affine(3, ((I, 6), (K, 1)))
    load = Load(0, index, dt.float32)
    assert coefficient(index.terms, I) == 6 and coefficient(index.terms, Axis("other", 2)) == 0
    assert unit(load, K) and not unit(load, I)
    product = Apply("mul", (load, Const(2.0, dt.float32)), dt.float32)
    assert unit(product, K) and not unit(product, I)


def test_a_guard_does_not_hide_the_direction() -> None:
    guarded = Load(0, Affine(0, ((K, 1),)), dt.float32, (Guard(Affine(-1, ((K, 1),)), 4),))
    assert unit(guarded, K)
