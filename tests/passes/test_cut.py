"""Minimum cuts against every choice of values to keep."""

from __future__ import annotations

import random
from itertools import combinations

import pytest

from firth.passes.cut import FREE, Cut

VALUES = 9


def sufficient(kept: set[int], wanted: list[int], sources: dict[int, list[int]]) -> bool:
    """Whether all wanted values can be computed from those that are kept."""
    stack = list(wanted)
    while stack:
        value = stack.pop()
        if value in kept:
            continue
        if value not in sources:
            return False
        stack += sources[value]
    return True


@pytest.mark.parametrize("block", range(5))
def test_nothing_cheaper_is_enough(block: int) -> None:
    for seed in range(block * 60, block * 60 + 60):
        rng = random.Random(seed)
        cost = {v: rng.choice((0, 1, 2, 3, 5, 8)) for v in range(VALUES)}
        sources = {
            v: rng.sample(range(v), min(v, rng.choice((1, 1, 2, 3))))
            for v in range(1, VALUES)
            if rng.random() < 0.7
        }
        wanted = rng.sample(range(VALUES), 3)
        kept, repeated = Cut(cost, sources).run(wanted)
        assert sufficient(kept, wanted, sources), seed
        assert not kept & repeated
        assert set(wanted) <= kept | repeated
        least = min(
            sum(cost[v] for v in chosen)
            for count in range(VALUES + 1)
            for chosen in combinations(range(VALUES), count)
            if sufficient(set(chosen), wanted, sources)
        )
        assert sum(cost[v] for v in kept) == least, seed


def test_among_equals_the_nearest_to_what_is_wanted_is_kept() -> None:
    assert Cut({0: 4, 1: 4, 2: 4}, {2: [1], 1: [0]}).run([2]) == ({2}, set())


def test_two_values_made_of_one_are_computed_again() -> None:
    cost = {0: 4, 1: FREE, 2: 4, 3: 4}
    assert Cut(cost, {3: [1], 2: [1], 1: [0]}).run([2, 3]) == ({0}, {1, 2, 3})


def test_what_depends_on_nothing_is_always_computed_again() -> None:
    assert Cut({0: 4}, {0: []}).run([0]) == (set(), {0})
