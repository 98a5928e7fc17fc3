"""Facts that a recording rests on: whether what was read is still what it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from firth.tensor.guards import ELEMENTS_LIMIT, same, snapshot, unchanged


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
    path = Path("a")
    assert same(path.exists, path.exists)


def test_too_many_elements_have_no_snapshot() -> None:
    assert snapshot([0] * (ELEMENTS_LIMIT - 1)) is not None
    assert snapshot([[0] * ELEMENTS_LIMIT]) is None
