"""What was made within a stretch of code."""

from __future__ import annotations

import gc
from typing import Any

import pytest

import firth
from firth.base.errors import RecordingError
from firth.tensor.made import Made


def test_new_objects_are_told_from_old_ones() -> None:
    old: list[Any] = [[]]
    with Made() as made:
        assert not gc.isenabled()
        with Made() as inner:
            new = [old]
        assert not gc.isenabled()
        assert new in inner and new in made and new[0] not in made and old[0] not in made
    assert gc.isenabled()


class Node:
    def __init__(self, parent: Node | None = None) -> None:
        self.parent, self.kids, self.count = parent, [], 0
        if parent is not None:
            parent.kids.append(self)

    def total(self) -> int:
        self.count = self.count + 1 + sum(kid.total() for kid in self.kids)
        return self.count


def counted(holder: Any) -> int:
    holder["count"] = holder["count"] + 1
    return holder["count"]


def tree(shared: Any) -> int:
    root = Node()
    Node(Node(root)), Node(root)
    return root.total() + root.total()


def cyclic_dictionary(shared: Any) -> int:
    table: dict[str, Any] = {"count": 3}
    table["self"] = table
    return counted(table)


def recursive_closure(shared: Any) -> int:
    n = 0

    def down(k: int) -> int:
        nonlocal n
        n = n + k
        return down(k - 1) if k else n

    return down(3)


def old_in_a_new_cycle(shared: Any) -> int:
    cycle = [shared]
    cycle.append(cycle)  # type: ignore[arg-type]
    return counted(cycle[0])


def old_and_tracked_from_now_on(shared: Any) -> int:
    shared["more"] = []
    return counted(shared)


@pytest.mark.parametrize("function", [tree, cyclic_dictionary, recursive_closure])
def test_what_a_function_makes_it_may_change(function: Any) -> None:
    double = firth.jit(lambda x: x * function(None))
    for _ in range(5):
        assert double(firth.ones(2)).tolist() == [function(None)] * 2
    assert len(double.misses) == 1


@pytest.mark.parametrize("function", [old_in_a_new_cycle, old_and_tracked_from_now_on])
def test_what_was_there_before_it_may_not(function: Any) -> None:
    shared = {"count": 1}
    with pytest.raises(RecordingError, match=r"the function changes .*, which it also reads"):
        firth.jit(lambda x: x * function(shared))(firth.ones(2))
