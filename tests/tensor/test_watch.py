"""Guards: what a function reads, and whether it still holds."""

from __future__ import annotations

from typing import Any

import pytest

import firth
from firth.base.errors import RecordingError
from firth.tensor.watch import Watcher, chains_of

LIMIT = 3


class Thing:
    def __init__(self) -> None:
        self.rate = 0.5


def reader(thing: Any, table: Any) -> Any:
    if LIMIT > 2:
        return thing.rate + table["k"]
    return table["unused"]


def test_reads_are_found_in_the_bytecode() -> None:
    found = {(c.kind, c.name, c.path) for c in chains_of(reader.__code__)}
    assert ("global", "LIMIT", ()) in found
    assert ("local", "thing", (("attr", "rate"),)) in found
    assert ("local", "table", (("item", "k"),)) in found


def test_guards_fail_when_what_was_read_changes() -> None:
    thing, table = Thing(), {"k": 1, "unused": 2}
    watcher = Watcher()
    with watcher:
        reader(thing, table)
        guards = watcher.finish()
    assert all(g.holds() for g in guards)
    thing.rate = 0.25
    assert any("rate" in g.what for g in guards if not g.holds())
    thing.rate = 0.5
    table["k"] = 5
    assert not all(g.holds() for g in guards)


def note(name, seen):
    if name not in seen:
        seen.add(name)


@pytest.mark.parametrize("cyclic", [False, True])
def test_containers_made_inside_may_change(cyclic):
    @firth.jit
    def double(x):
        seen = set()
        if cyclic:
            cycle = [seen]
            cycle.append(cycle)
        note("a", seen)
        return x * len(seen) * 2

    assert double(firth.ones(2)).tolist() == [2, 2]


def test_objects_made_inside_may_read_what_they_set():
    class Pair:
        def __init__(self, a):
            self.a = a
            self.b = self.a + 1

        def both(self):
            return self.a * self.b

    @firth.jit
    def step(x):
        return Pair(x).both()

    assert [step(firth.tensor(v)).item() for v in (1.0, 2.0, 3.0, 4.0)] == [2, 6, 12, 20]


def rate_of(options):
    return options["rate"] + len(options["inner"])


def test_containers_made_inside_need_no_guards():
    outside: Any = {"rate": 1.0, "inner": []}

    def step():
        return rate_of({"rate": 2.0, "inner": [[]]}) + rate_of(outside)

    watcher = Watcher()
    with watcher:
        step()
        guards = watcher.finish()
    holders = {id(outside), id(outside["inner"])}
    assert {id(g.holder) for g in guards if "options" in g.what} == holders
    outside["inner"].append(0)
    assert not all(g.holds() for g in guards)


LENGTHS = [5, 999, 1001, 90_000]


@pytest.mark.parametrize("length", LENGTHS)
def test_an_element_of_a_list_of_any_length(length):
    numbers = [float(i) for i in range(length)]
    k = 3

    @firth.jit
    def scale(x):
        return x * numbers[k] + numbers[4] + len(numbers)

    x = firth.ones(())
    assert scale(x).item() == 3 + 4 + length
    numbers[3] = 7.0
    assert scale(x).item() == 7 + 4 + length
    numbers[4] = 1.0
    assert scale(x).item() == 7 + 1 + length


def test_more_lists_than_are_looked_into_are_still_seen():
    table = [[float(i)] for i in range(3000)]
    k = 2000

    @firth.jit
    def scale(x):
        return x * table[k][0]

    assert scale(firth.ones(())).item() == 2000
    table[k][0] = 1.0
    assert scale(firth.ones(())).item() == 1


def test_one_element_of_a_huge_list_is_read():
    numbers = [2.0] * 300_000

    @firth.jit
    def scale(x):
        return x * numbers[7]

    assert scale(firth.ones(())).item() == 2
    numbers[7] = 3.0
    assert scale(firth.ones(())).item() == 3


def test_a_huge_list_as_a_whole_is_refused():
    numbers = [2.0] * 300_000
    k = 7

    @firth.jit
    def scale(x):
        return x * numbers[k]

    with pytest.raises(RecordingError, match=r"a list is read: numbers; got 300000 elements"):
        scale(firth.ones(()))
