"""The cells of a running function are found, and without a long search the second time."""

from __future__ import annotations

import gc
import sys
import types
from collections.abc import Callable
from typing import Any

import pytest

import firth
from firth.tensor.closures import cells_of


def adder(n: int) -> Callable[[], list[Any]]:
    def add() -> list[Any]:
        return [c.cell_contents for c in cells_of(sys._getframe(), locals())] + [n]

    return add


def test_each_function_of_a_code_has_its_own_cells() -> None:
    one, two = adder(1000), adder(2000)
    assert one() == [1000, 1000]
    assert two() == [2000, 2000]
    assert one() == [1000, 1000]


def test_a_function_that_was_found_is_not_searched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    add = adder(3000)
    gc.collect()  # it is no young object any more
    add()

    def search(*_: Any) -> list[types.FunctionType]:
        raise AssertionError("every object was walked")

    monkeypatch.setattr(gc, "get_referrers", search)
    assert add() == [3000, 3000]


def test_a_function_without_cells_has_none() -> None:
    assert cells_of(sys._getframe(), locals()) == ()


def test_a_comprehension_reads_its_functions_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    outside = 4000

    def inside(mine: int) -> list[Any]:
        return [(cells_of(sys._getframe(), locals()), mine, outside) for _ in range(1)]

    inside(1)

    def search(*_: Any) -> list[types.FunctionType]:
        raise AssertionError("every object was walked")

    monkeypatch.setattr(gc, "get_referrers", search)
    ((cells, mine, _),) = inside(2)
    assert mine == 2
    names = ("mine", "outside") if len(cells) == 2 else ("outside",)  # 3.12 has no frame of its own
    found = dict(zip(names, cells, strict=True))
    assert found["outside"].cell_contents == 4000
    assert found.get("mine") is None


def test_a_tuple_of_what_closures_compute_can_be_made() -> None:
    scale = [2.0]

    def part(x: Any) -> Any:
        return x * scale[0]

    @firth.jit
    def step(x: Any) -> Any:
        def inner(y: Any) -> Any:
            return part(y) + scale[0]

        a, b = tuple(inner(y) for y in (x, x + 1))
        return a + b

    assert step(firth.tensor(1.0)).item() == 10
