"""The watcher sees users' code, also the rules of their ops, and not Firth's own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import firth
from firth.base.errors import RecordingError
from firth.ir.op import TABLE
from firth.ops.rules import cases, composed, float_rule, same
from firth.tensor.record import apply
from firth.tensor.unwatched import unwatched
from firth.tensor.watch import Watcher

RATE = [2.0]


@pytest.fixture
def scaled() -> Iterator[str]:
    """An op of a user's, whose body reads a variable."""
    name = "scaled_by_rate"
    composed(
        name, doc="x * RATE: x (...) float -> (...).", shape=same, dtype=float_rule,
        ref=lambda x: x * RATE[0], lower=lambda x: x * RATE[0],
        sample=cases(lambda make, rng, dtype: [(make(3), {})]),
    )  # fmt: skip
    yield name
    del TABLE[name]


def test_own_work_is_not_seen_and_watching_goes_on() -> None:
    seen: list[str] = []

    class Noting(Watcher):
        def _trace(self, frame: Any, event: str, argument: Any) -> Any:
            seen.append(frame.f_code.co_name)
            return None

    def work(n: int) -> int:
        return n + 1

    def after() -> None:
        pass

    with Noting():
        assert unwatched(work, 1) == 2
        after()
    assert "work" not in seen
    assert "after" in seen


def test_a_debugger_still_sees_everything() -> None:
    seen: list[str] = []
    before = sys.gettrace()
    sys.settrace(lambda frame, event, argument: seen.append(frame.f_code.co_name))
    try:
        unwatched(lambda: None)
    finally:
        sys.settrace(before)
    assert "<lambda>" in seen


def test_rules_of_users_ops_are_watched(scaled: str) -> None:
    weight = firth.tensor([1.0, 2.0], requires_grad=True)

    @firth.jit
    def step() -> Any:
        weight.grad = None
        apply(scaled, weight).sum().backward()
        return weight.grad

    assert np.allclose(step().numpy(), 2.0)
    (entry,) = next(iter(step.entries.values()))
    assert any("RATE" in guard.what for guard in entry.guards)


def test_random_numbers_between_ops_are_refused_still() -> None:
    def noisy(x: Any) -> Any:
        return x + np.random.rand()

    with pytest.raises(RecordingError, match=r"random|another value"):
        firth.jit(noisy)(firth.ones(2))
