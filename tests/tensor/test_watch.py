"""Guards: what a function reads, and whether it still holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import firth
from firth.tensor.watch import Watcher, chains_of, same, snapshot, unchanged

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


def test_snapshots_see_nested_changes() -> None:
    value: Any = {"a": [1, {"b": 2}], "c": {3}}
    parts = snapshot(value)
    assert unchanged(parts)
    value["a"][1]["b"] = 3
    assert not unchanged(parts)
    array = np.zeros(3)
    before = snapshot(array)
    array[0] = 1
    assert snapshot(array) != before


def test_plain_values_are_compared_by_value() -> None:
    assert same(1000001, int("1000001")) and same(float("nan"), float("nan"))
    assert not same(1, True) and not same([1], [1])
    thing = Thing()
    assert same(thing.__init__, thing.__init__)


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
