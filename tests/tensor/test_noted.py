"""firth.tensor.noted: every way to change a dictionary is noted, and a jitted step sees it."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

import firth
from firth.tensor.noted import Changes, Noted

CHANGES: list[Callable[[Noted], Any]] = [
    lambda d: d.__setitem__("a", 3),
    lambda d: d.__delitem__("a"),
    lambda d: d.__ior__({"a": 3}),
    lambda d: d.clear(),
    lambda d: d.pop("a"),
    lambda d: d.popitem(),
    lambda d: d.setdefault("c", 3),
    lambda d: d.update(b=3),
]


@pytest.mark.parametrize("number", range(len(CHANGES)))
def test_changes(number: int) -> None:
    changes = Changes()
    found, plain = Noted(changes, {"a": 1, "b": 2}), {"a": 1, "b": 2}
    before = changes.stamp
    assert CHANGES[number](found) == CHANGES[number](plain)  # type: ignore[arg-type]
    assert found == plain != {"a": 1, "b": 2}
    assert changes.stamp is not before


def test_every_method_that_changes_is_here() -> None:
    keep = {"copy", "get", "items", "keys", "values", "fromkeys", "__new__", "__getattribute__"}
    changing = {name for name in vars(dict) if name not in keep and callable(vars(dict)[name])}
    reading = {n for n in changing if n.startswith("__") and n not in
               ("__setitem__", "__delitem__", "__ior__", "__init__")}  # fmt: skip
    assert changing - reading <= set(vars(Noted))


def test_copies_share_among_themselves() -> None:
    changes = Changes()
    inner = Noted(changes, {"x": 1})
    outer = Noted(changes, {"inner": inner})
    for again in (copy.deepcopy(outer), pickle.loads(pickle.dumps(outer))):
        assert again == outer and type(again["inner"]) is Noted
        assert again.changes is again["inner"].changes is not changes


def test_a_jitted_step_sees_another_state() -> None:
    p = firth.ones(3, requires_grad=True)
    p.grad = firth.ones(3)
    optimizer = firth.optim.SGD([p], lr=1.0, momentum=0.5)
    step = firth.jit(lambda: optimizer.step())
    for _ in range(3):
        step()
    assert len(step.misses) == 1
    optimizer.state[p]["momentum_buffer"] = firth.full((3,), 8.0)
    before = p.detach().numpy().copy()
    step()
    assert (before - p.detach().numpy()).tolist() == [5.0, 5.0, 5.0]  # 0.5 * 8 + 1
    assert len(step.misses) == 2
