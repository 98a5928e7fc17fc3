"""Nested results."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import firth
from firth.tensor.tree import ONE, flatten, unflatten

Pair = namedtuple("Pair", "a b")


def test_nested_results_come_back() -> None:
    x, y, z = (firth.tensor(float(i)) for i in range(3))
    value: Any = {"p": Pair(x, [y, 3]), "q": (z, None, "text")}
    tensors: list[Any] = []
    tree = flatten(value, tensors)
    assert all(t is v for t, v in zip(tensors, (x, y, z), strict=True))
    back = unflatten(tree, iter(tensors))
    assert isinstance(back["p"], Pair) and back["p"].a is x and back["p"].b[0] is y
    assert back["q"][0] is z and back["q"][1:] == (None, "text")
    assert flatten(x, []) is ONE
