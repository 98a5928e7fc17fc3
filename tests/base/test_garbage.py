"""Full collections wait, and the thresholds are the old ones afterwards."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from firth.base.garbage import Postponed, of_young


def test_full_collections_wait_until_the_last_one_ends() -> None:
    usual = gc.get_threshold()
    outer = Postponed()
    with outer:
        assert gc.get_threshold()[:2] == usual[:2]
        assert gc.get_threshold()[2] > 1_000_000
        with Postponed(young=50_000):
            assert gc.get_threshold()[0] == max(usual[0], 50_000)
        assert gc.get_threshold()[0] == usual[0]
        assert gc.get_threshold()[2] > 1_000_000
    assert gc.get_threshold() == usual


def test_errors_end_it_and_a_collector_that_is_off_stays_off() -> None:
    usual = gc.get_threshold()
    with pytest.raises(ZeroDivisionError), Postponed(young=50_000):
        1 / 0  # noqa: B018
    assert gc.get_threshold() == usual
    try:
        gc.set_threshold(0, 10, 10)
        with Postponed(young=50_000):
            assert gc.get_threshold()[0] == 0
        assert gc.get_threshold() == (0, 10, 10)
    finally:
        gc.set_threshold(*usual)


def test_tuples_under_way_are_left_alone() -> None:
    class Marked:
        pass

    def parts() -> Iterator[object]:
        yield Marked()
        (found,) = of_young(filter, Marked.__instancecheck__)
        yield found
        assert id(found) in of_young(map, id)

    gc.collect()
    assert len(tuple(parts())) == 2
