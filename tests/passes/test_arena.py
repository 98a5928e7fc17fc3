"""Offsets: nothing that lives at once overlaps, and hardly a gap is left."""

from __future__ import annotations

import random

import pytest

from firth.ir.traced import Formula, trace
from firth.passes.arena import Span, live_bytes, offsets


def spans(seed: int, count: int) -> list[Span]:
    rng = random.Random(seed)
    out = []
    for _ in range(count):
        first = rng.randrange(count)
        length = rng.choice((0, 1, 2, 3, count // 2))
        out.append(Span(64 * rng.choice((1, 2, 3, 7, 16, 64)), first, first + length))
    return out


@pytest.mark.parametrize("count", [0, 1, 5, 12, 60, 200])
def test_no_two_values_overlap(count: int) -> None:
    for seed in range(5):
        given = spans(seed, count)
        found, total = offsets(given)
        assert_apart(given, found, total)


def assert_apart(given: list[Span], found: list[int], total: int) -> None:
    assert total >= live_bytes(given)
    for i, a in enumerate(given):
        assert found[i] >= 0 and found[i] + a.size_bytes <= total
        for j, b in enumerate(given[:i]):
            meet = a.first <= b.last and b.first <= a.last
            apart = found[i] + a.size_bytes <= found[j] or found[j] + b.size_bytes <= found[i]
            assert apart or not meet


@pytest.mark.parametrize("count", [1, 5, 12, 60])
def test_what_was_found_for_some_sizes_holds_for_others(count: int) -> None:
    for seed in range(5):
        given = spans(seed, count)
        tape, sizes = trace([s.size_bytes for s in given])
        traced = [Span(n, s.first, s.last) for n, s in zip(sizes, given, strict=True)]
        found = offsets(traced)
        assert not tape.guards
        formula = Formula(tape, found)
        for other in (given, *(spans(again, count) for again in range(90, 95))):
            mine = [Span(o.size_bytes, s.first, s.last) for o, s in zip(other, given, strict=True)]
            assert_apart(mine, *formula.compute(*(s.size_bytes for s in mine)))


@pytest.mark.parametrize("count", [5, 12, 60])
def test_hardly_more_than_what_lives_at_once(count: int) -> None:
    for seed in range(20):
        given = spans(seed, count)
        assert offsets(given)[1] <= 1.12 * live_bytes(given)


def test_a_later_value_takes_a_dead_ones_place() -> None:
    found, total = offsets([Span(128, 0, 1), Span(64, 1, 2), Span(128, 2, 3)])
    assert total == 192 and found[0] == found[2]
