"""jit: right results, updates in place, and never a stale one: right or refused."""

from __future__ import annotations

import random
import sys
import time
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import firth
from firth import nn, optim
from firth.base import flags
from firth.base.errors import ArgumentError, IndexOutOfRange, RecordingError

SCALE = 2.0


def ones() -> Any:
    return firth.ones(3)


def test_a_function_gives_what_it_gives_without_jit() -> None:
    def f(x: Any, y: Any, k: float = 1.0) -> Any:
        return {"sum": (x * y).sum() * k, "both": (x + y, [x - y])}

    x, y = firth.tensor([1.0, 2.0]), firth.tensor([3.0, 4.0])
    jitted = firth.jit(f)
    for _ in range(4):
        got, want = jitted(x, y, k=2.0), f(x, y, k=2.0)
        assert got["sum"].item() == want["sum"].item()
        assert got["both"][0].tolist() == want["both"][0].tolist()
        assert got["both"][1][0].tolist() == want["both"][1][0].tolist()
    assert len(jitted.misses) == 1


def test_every_miss_says_what_changed() -> None:
    f = firth.jit(lambda x, k: x * k)
    f(ones(), 2)
    f(ones(), 3)
    f(firth.ones(4), 3)
    assert "argument 1 changed from 2 to 3" in f.misses[1]
    assert "float32[3] to float32[4]" in f.misses[2]


def _train_step(jitted: bool) -> tuple[list[float], list[Any]]:
    firth.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    loss_fn = nn.CrossEntropyLoss()
    x, y = firth.randn(16, 6), firth.randint(0, 3, (16,))

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    run = firth.jit(step) if jitted else step
    losses = [run(x, y).item() for _ in range(12)]
    return losses, [p.tolist() for p in model.parameters()]


def test_a_training_step_is_the_eager_one() -> None:
    eager, jitted = _train_step(False), _train_step(True)
    np.testing.assert_allclose(eager[0], jitted[0], rtol=1e-5)
    for a, b in zip(eager[1], jitted[1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6)


def test_random_state_moves_on() -> None:
    firth.manual_seed(3)
    draw = firth.jit(lambda: firth.rand(4))
    got = [draw().tolist() for _ in range(3)]
    firth.manual_seed(3)
    assert [firth.rand(4).tolist() for _ in range(3)] == got


def test_arguments_changed_in_place_are_changed() -> None:
    @firth.jit
    def bump(x: Any) -> None:
        x += 1

    for _ in range(3):
        x = firth.zeros(2)
        bump(x)
        assert x.tolist() == [1.0, 1.0]


def test_one_tensor_passed_twice_is_seen() -> None:
    @firth.jit
    def both(a: Any, b: Any) -> Any:
        a += 1
        return a + b

    assert both(firth.zeros(1), firth.zeros(1)).item() == 1
    x = firth.zeros(1)
    assert both(x, x).item() == 2


def test_an_exported_array_never_changes() -> None:
    w = firth.zeros(3)

    @firth.jit
    def bump() -> None:
        w.add_(1)

    bump()
    array = w.numpy()
    bump()
    assert array.tolist() == [1.0, 1.0, 1.0] and w.tolist() == [2.0, 2.0, 2.0]


def test_an_index_error_leaves_the_parameters() -> None:
    table = firth.zeros(4, 2)

    @firth.jit
    def step(i: Any) -> Any:
        rows = table[i]
        table.add_(1)
        return rows.sum()

    for _ in range(3):
        step(firth.tensor([0, 3]))
    before = table.tolist()
    with pytest.raises(IndexOutOfRange):
        step(firth.tensor([0, 9]))
    assert table.tolist() == before
    step(firth.tensor([1, 2]))
    assert table.tolist() == [[4.0, 4.0]] * 4


def test_values_are_not_looked_at_inside() -> None:
    looks = (
        lambda x: bool(x.sum()), lambda x: float(x.sum()), lambda x: x.sum().item(),
        lambda x: x.numpy(), lambda x: x[x > 0], lambda x: x.nonzero(),
    )  # fmt: skip
    for look in looks:
        f = firth.jit(look)
        with pytest.raises(RecordingError, match=r"test_jit\.py"):
            f(ones())


def test_a_gradient_that_is_not_consumed_is_kept() -> None:
    w = firth.tensor([2.0], requires_grad=True)

    @firth.jit
    def loss() -> Any:
        w.grad = None
        y = (w * w).sum()
        y.backward()
        return y

    for _ in range(3):
        assert loss().item() == 4.0
        assert w.grad.tolist() == [4.0]


def test_jit_inside_jit_is_one_program() -> None:
    inner = firth.jit(lambda x: x * 2)
    outer = firth.jit(lambda x: inner(x) + 1)
    assert outer(ones()).tolist() == [3.0] * 3


# --- never stale ----------------------------------------------------------------------------------


def right_or_refused(f: Any, change: Any, plain: Any) -> None:
    """After a change, every call is right or refused."""
    for _ in range(3):
        try:
            got = f(ones())
        except RecordingError:
            return
        assert got.tolist() == plain(ones()).tolist()
        change()
    for _ in range(4):
        try:
            got = f(ones())
        except RecordingError:
            return
        assert got.tolist() == plain(ones()).tolist()


def test_closure() -> None:
    k = 1.0

    def plain(x: Any) -> Any:
        return x * k

    def change() -> None:
        nonlocal k
        k += 1

    right_or_refused(firth.jit(plain), change, plain)


def test_global() -> None:
    def plain(x: Any) -> Any:
        return x * SCALE

    def change() -> None:
        globals()["SCALE"] += 1

    right_or_refused(firth.jit(plain), change, plain)


def test_list_element() -> None:
    values = [1.0, [2.0]]

    def plain(x: Any) -> Any:
        return x * values[0] + values[1][0]  # type: ignore[index]

    def change() -> None:
        values[0] += 1  # type: ignore[operator]
        values[1][0] += 1  # type: ignore[index]

    right_or_refused(firth.jit(plain), change, plain)


def test_dict_value() -> None:
    config = {"k": 1.0, "more": {"b": 1.0}}

    def plain(x: Any) -> Any:
        total = x
        for value in config["more"].values():  # type: ignore[attr-defined]
            total = total + value
        return total * config["k"]

    def change() -> None:
        config["k"] += 1  # type: ignore[operator]
        config["more"]["b"] += 1  # type: ignore[index]

    right_or_refused(firth.jit(plain), change, plain)


class Holder:
    def __init__(self) -> None:
        self.k = 1.0
        self.parts = [Part()]

    def scale(self, x: Any) -> Any:
        return x * self.k


class Part:
    k = 1.0

    def apply(self, x: Any) -> Any:
        return x * self.k


def test_attribute_and_replaced_method() -> None:
    holder = Holder()

    def plain(x: Any) -> Any:
        return holder.scale(x)

    def change() -> None:
        holder.k += 1

    f = firth.jit(plain)
    right_or_refused(f, change, plain)
    holder.scale = lambda x: x - 1  # type: ignore[method-assign]
    assert f(ones()).tolist() == [0.0] * 3
    del holder.scale
    old = Holder.scale
    Holder.scale = lambda self, x: x - 2  # type: ignore[method-assign]
    try:
        assert f(ones()).tolist() == [-1.0] * 3
    finally:
        Holder.scale = old  # type: ignore[method-assign]


def test_objects_in_a_list() -> None:
    holder = Holder()

    def plain(x: Any) -> Any:
        for part in holder.parts:
            x = part.apply(x)
        return x

    def change() -> None:
        holder.parts[0].k += 1

    right_or_refused(firth.jit(plain), change, plain)
    right_or_refused(firth.jit(plain), lambda: holder.parts.append(Part()), plain)


def test_module_attribute() -> None:
    settings = types.ModuleType("settings")
    settings.k = 1.0  # type: ignore[attr-defined]

    def plain(x: Any) -> Any:
        return x * settings.k

    def change() -> None:
        settings.k += 1

    right_or_refused(firth.jit(plain), change, plain)


def test_train_and_eval() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5))
    f = firth.jit(lambda x: model(x))
    model.eval()
    want = model(ones()).tolist()
    assert f(ones()).tolist() == want
    model.train()
    f(ones())
    model.eval()
    assert f(ones()).tolist() == want
    assert len({str(f(ones()).tolist()) for _ in range(3)}) == 1


def test_no_grad_is_part_of_the_signature() -> None:
    w = firth.ones(3, requires_grad=True)
    f = firth.jit(lambda x: x * w)
    assert f(ones()).requires_grad
    with firth.no_grad():
        assert not f(ones()).requires_grad


def test_numpy_array() -> None:
    table = np.ones(3, np.float32)

    def plain(x: Any) -> Any:
        return x * firth.from_numpy(table)

    def number(x: Any) -> Any:
        return x * float(table[0])

    def change() -> None:
        table[:] += 1

    right_or_refused(firth.jit(plain), change, plain)
    right_or_refused(firth.jit(number), change, number)


def test_a_captured_tensor_is_read_anew() -> None:
    w = firth.ones(3)

    def plain(x: Any) -> Any:
        return x * w

    right_or_refused(firth.jit(plain), lambda: w.add_(1), plain)
    assert firth.jit(plain)(ones()).tolist() == plain(ones()).tolist()


@pytest.mark.parametrize("source", ["time", "random", "numpy", "generator", "file"])
def test_what_cannot_be_watched_is_refused(source: str, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    path = tmp_path / "k.txt"
    path.write_text("2")

    def clock(x: Any) -> Any:
        return x * time.perf_counter()

    def python_random(x: Any) -> Any:
        return x * random.random()

    def numpy_random(x: Any) -> Any:
        return x * float(np.random.rand())

    def foreign(x: Any) -> Any:
        return x * float(generator.random())

    def file(x: Any) -> Any:
        with open(path) as f:
            return x * float(f.read())

    function = {
        "time": clock, "random": python_random, "numpy": numpy_random, "generator": foreign,
        "file": file,
    }[source]  # fmt: skip
    with pytest.raises(RecordingError, match=r"test_jit\.py"):
        firth.jit(function)(ones())


def test_a_python_number_that_the_function_changes_is_refused() -> None:
    holder = Holder()

    @firth.jit
    def count(x: Any) -> Any:
        holder.k += 1
        return x * holder.k

    with pytest.raises(RecordingError, match=r"holder\.k"):
        count(ones())


def test_an_unwatched_difference_is_found_at_a_later_call() -> None:
    state = iter(range(100))

    @firth.jit
    def f(x: Any) -> Any:
        return x * next(state)

    with pytest.raises(RecordingError, match=r"test_jit\.py"):
        for _ in range(4):
            f(ones())


def test_memory_is_known_before_anything_runs() -> None:
    w = firth.randn(64, 64)
    w.requires_grad_()

    @firth.jit
    def step(x: Any) -> Any:
        w.grad = None
        loss = (x @ w).tanh().sum()
        loss.backward()
        with firth.no_grad():
            w.sub_(w.grad * 0.1)
        return loss

    before = w.detach().numpy().copy()
    x = firth.ones(32, 64)
    report = step.memory(x)
    assert report.peak_bytes >= report.output_bytes + report.arena_bytes > 32 * 64 * 4
    assert "arena" in str(report)
    np.testing.assert_array_equal(w.detach().numpy(), before)
    step(x)
    assert len(step.misses) == 1
    assert not np.array_equal(w.detach().numpy(), before)
    assert str(step.memory()) == str(step.memory(x)) == str(report)
    assert step.memory(firth.ones(320, 64)).peak_bytes > report.peak_bytes


def test_memory_where_nothing_is_planned() -> None:
    flags.put("FIRTH_TARGET", "ref")
    try:
        with pytest.raises(ArgumentError, match="only the cpu target"):
            firth.jit(lambda x: x + 1).memory(ones())
    finally:
        flags.put("FIRTH_TARGET", None)


def test_what_depends_on_weights_alone_follows_them():
    """A jitted evaluation keeps what it computes of weights until they change."""
    model = nn.Sequential(nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.Flatten())
    model.eval()
    optimizer = firth.optim.SGD(model.parameters(), lr=0.1)
    x = firth.randn(2, 8, 6, 6)

    @firth.jit
    def evaluate(x):
        with firth.no_grad():
            return model(x)

    def same():
        with firth.no_grad():
            return np.allclose(evaluate(x).numpy(), model(x).numpy(), atol=1e-5)

    assert same() and same()
    with firth.no_grad():
        model[0].weight.mul_(2.0)
    assert same()
    model(x).square().mean().backward()
    optimizer.step()
    assert same()
    model.load_state_dict({k: v * 0 + 0.5 for k, v in model.state_dict().items()})
    assert same()


def test_leaves_made_inside_keep_the_recording():
    """A gradient with respect to a detached argument is recorded once."""
    w = firth.randn(4, 4)

    @firth.jit
    def slope(x, g):
        x = x.detach().requires_grad_()
        (x @ w).relu().backward(g)
        return x.grad

    x, g = firth.randn(3, 4), firth.ones(3, 4)
    for _ in range(9):
        found = slope(x, g)
        want = ((x @ w > 0).float() * g) @ w.t()
        np.testing.assert_allclose(found.numpy(), want.numpy(), rtol=1e-5, atol=1e-6)
        x = x + 0.1
    assert len(slope.misses) == 1


def test_recordings_outlive_the_trie(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checks after it was cleared compare nothing with states that are gone."""

    @firth.jit
    def work(x: firth.Tensor) -> firth.Tensor:
        return (x @ x).tanh().sum(1).cos()

    x = firth.ones(5, 5)
    wanted = work(x).tolist()
    with monkeypatch.context() as patched:
        patched.setattr(sys.modules["firth.tensor.cut"], "TRIE_LIMIT", 0)
        (firth.ones(3) + 1).sum().item()
    assert [work(x).tolist() for _ in range(9)] == [wanted] * 9
