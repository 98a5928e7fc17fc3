"""The generated function of a recording's guards says what the guards themselves say."""

from __future__ import annotations

from collections import defaultdict
from types import MappingProxyType
from typing import Any

import pytest

import firth
from firth.tensor.checks import Checks
from firth.tensor.guards import BUT_OPTIONS, MISSING, WHOLE, Guard, snapshot


def read(holder: object, key: object, value: object) -> Guard:
    return Guard(holder, key, value, "x", "line")


def whole(container: object) -> Guard:
    return Guard({}, WHOLE, snapshot(container), "x", "line")


def test_without_guards_it_holds() -> None:
    assert Checks([]).holds()


def test_a_read_value_that_is_replaced_or_gone() -> None:
    value = object()
    names = {"x": value}
    holds = Checks([read(names, "x", value)]).holds
    assert holds()
    names["x"] = object()
    assert not holds()
    del names["x"]
    assert not holds()


def test_a_name_that_appears() -> None:
    names: dict[str, int] = {}
    checks = Checks([read(names, "x", MISSING)])
    assert checks.holds()
    names["x"] = 1
    assert not checks.holds()


def test_asking_does_not_change_a_defaultdict() -> None:
    names: defaultdict[str, list[int]] = defaultdict(list)
    assert Checks([read(names, "x", MISSING)]).holds()
    assert not names


def test_the_dictionary_of_a_class() -> None:
    class Model:
        scale = 3

    proxy = Model.__dict__
    assert isinstance(proxy, MappingProxyType)
    checks = Checks([read(proxy, "scale", Model.scale)])
    assert checks.holds()
    Model.scale = 4
    assert not checks.holds()


def test_a_cell_that_changes_or_is_emptied() -> None:
    value = object()

    def closure() -> object:
        return value

    assert closure.__closure__ is not None
    (cell,) = closure.__closure__
    checks = Checks([read(cell, 0, value)])
    assert checks.holds()
    cell.cell_contents = object()
    assert not checks.holds()
    del cell.cell_contents
    assert not checks.holds()


@pytest.mark.parametrize("change", ["append", "replace", "pop", "reorder"])
def test_containers_by_length_keys_and_elements(change: str) -> None:
    inner = [1.5, "a"]
    outer = {"a": inner, "b": 2}
    checks = Checks([whole(outer)])
    assert checks.holds()
    if change == "append":
        inner.append(3)
    elif change == "replace":
        inner[0] = 2.5
    elif change == "pop":
        del outer["b"]
    else:
        outer["a"] = outer.pop("a")
    assert not checks.holds()


def test_a_container_that_several_lines_read() -> None:
    group = {"params": [], "lr": 0.5}
    but_lr = Guard({}, BUT_OPTIONS, snapshot(group, BUT_OPTIONS), "x", "line")
    checks, but = Checks([but_lr, whole(group), whole(group)]), Checks([but_lr, but_lr])
    assert checks.holds() and but.holds()
    group["lr"] = 0.25
    assert not checks.holds() and but.holds()


@pytest.mark.parametrize("kind", [list, dict])
def test_long_containers_by_one_clause(kind: type) -> None:
    tensor = firth.zeros(2)
    values = [object() for _ in range(99)] + [tensor]
    numbers: Any = dict(enumerate(values)) if kind is dict else list(values)
    checks = Checks([whole(numbers)])
    assert checks.holds()
    (found,) = checks.tensors()
    assert found is tensor
    numbers[50] = object()
    assert not checks.holds()
    numbers[50] = values[50]
    assert checks.holds()


def test_sets_are_asked_themselves() -> None:
    names = {"a", "b"}
    checks = Checks([whole(names)])
    assert checks.holds()
    names.add("c")
    assert not checks.holds()


def test_an_element_of_a_list() -> None:
    numbers = [1.5, 2.5]
    checks = Checks([read(numbers, 1, numbers[1])])
    assert checks.holds()
    numbers[1] = 3.5
    assert not checks.holds()


def many() -> dict[str, Any]:
    return {f"k{i}": {"a": object(), "b": [object(), i]} for i in range(130)}


@pytest.mark.parametrize("change", ["key", "value", "element", "length", "order"])
def test_many_containers_in_each_other(change: str) -> None:
    nested = many()
    tensor = nested["k3"]["t"] = firth.ones(2)
    checks = Checks([whole(nested)])
    assert checks.holds() and any(t is tensor for t in checks.tensors())
    inner = nested["k7"]
    if change == "key":
        inner["c"] = inner.pop("b")
    elif change == "value":
        inner["a"] = object()
    elif change == "element":
        inner["b"][0] = object()
    elif change == "length":
        inner["b"].append(1)
    else:
        inner["a"] = inner.pop("a")
    assert not checks.holds()
