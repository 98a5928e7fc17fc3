"""What a call of a jitted function checks and does: guards by identity, results put in place."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
import pytest

import firth
from firth import nn, optim
from firth.base import flags
from firth.base.errors import DivisionByZero, IndexOutOfRange
from firth.nn import functional as F


@pytest.fixture(params=["ref", "cpu"])
def target(request: pytest.FixtureRequest) -> Any:
    flags.put("FIRTH_TARGET", request.param)
    yield request.param
    flags.put("FIRTH_TARGET", None)


def one(f: Any) -> float:
    return float(f(firth.ones(1)).item())


def test_containers_by_length_keys_and_elements() -> None:
    numbers: list[float] = [1.0, 2.0]
    named = OrderedDict(a=1.0, b=10.0)
    odd = {3.0}

    @firth.jit
    def f(x: Any) -> Any:
        for n in numbers:
            x = x * n
        for n in named.values():
            x = x * 2 + n
        return x * len(odd)

    def plain() -> float:
        return float(f.function(firth.ones(1)).item())

    changes = (
        lambda: numbers.append(3.0), lambda: numbers.__setitem__(0, 4.0), numbers.clear,
        lambda: named.move_to_end("a"), lambda: named.update(c=0.5), lambda: named.pop("b"),
        lambda: odd.add(7.0), lambda: numbers.append(1.0), lambda: named.update(a=1.0 + 1e-9),
    )  # fmt: skip
    assert one(f) == plain()
    for change in changes:
        change()
        assert one(f) == plain()


def test_equal_values_need_no_recording() -> None:
    options = {"k": 2.5}
    k = float("1.5")

    @firth.jit
    def f(x: Any) -> Any:
        return x * options["k"] * k  # noqa: F821

    one(f)
    options["k"] = float("2.5")
    k = float("1.5")
    assert one(f) == 3.75 and len(f.misses) == 1
    del k
    with pytest.raises(NameError):
        one(f)


def test_a_failed_index_leaves_everything_at_the_step_before(target: str) -> None:
    def make() -> tuple[Any, Any, Any]:
        firth.manual_seed(1)
        table = nn.Embedding(6, 4)
        model = nn.Sequential(nn.Dropout(0.3), nn.Linear(4, 3))
        optimizer = optim.Adam([*table.parameters(), *model.parameters()], lr=0.1)

        @firth.jit
        def step(words: Any, y: Any) -> Any:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(table(words)), y)
            loss.backward()
            optimizer.step()
            return loss

        def state() -> list[bytes]:
            tensors = [*table.parameters(), *model.parameters()]
            tensors += [s for p in tensors for s in optimizer.state[p].values()]
            drawn = firth.get_rng_state()
            return [t.detach().numpy().tobytes() for t in (*tensors, drawn)]

        return step, state, optimizer

    y = firth.tensor([0, 1, 2])
    good = [firth.tensor([k % 6, (k + 1) % 6, 5]) for k in range(9)]
    step, state, _ = make()
    want = [(step(words, y).item(), state()) for words in good]
    step, state, _ = make()
    for k, words in enumerate(good):
        if k in (1, 3, 5, 7):  # by a plain call and by one that records again
            before = state()
            with pytest.raises(
                IndexOutOfRange, match=r"embedding: .*got (6|-7).*\n.*test_entry\.py:\d+"
            ):
                step(firth.tensor([0, 6 if k < 5 else -7, 1]), y)
            assert state() == before
        assert (step(words, y).item(), state()) == want[k]


def test_a_division_names_its_line(target: str) -> None:
    @firth.jit
    def f(a: Any, b: Any) -> Any:
        c = a + 1
        return c // b  # this line

    line = f.function.__code__.co_firstlineno + 3
    a, b = firth.tensor([4, 6]), firth.tensor([1, 2])
    assert f(a, b).tolist() == [5, 3]
    for bad in (firth.tensor([1, 0]), firth.tensor([0, 0])):
        with pytest.raises(DivisionByZero, match=rf"floor_divide: (.*\n)*.*entry\.py:{line}"):
            f(a, bad)
    np.testing.assert_array_equal(f(a, b).numpy(), [5, 3])
