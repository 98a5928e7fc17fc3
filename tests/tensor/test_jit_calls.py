"""jit: arguments, results, aliases, gradients, threads and errors of every form."""

from __future__ import annotations

import threading
from typing import Any, NamedTuple

import numpy as np
import pytest

import firth
from firth import nn, optim
from firth.base.errors import GradientError, ShapeError


def test_a_result_has_no_graph_and_says_so() -> None:
    w = firth.ones(3, requires_grad=True)
    f = firth.jit(lambda x: (x * w).sum())
    for _ in range(3):
        with pytest.raises(GradientError, match=r"computed inside .*jit.*backward\(\) inside"):
            f(firth.ones(3)).backward()
        with pytest.raises(GradientError, match=r"computed inside .*jit.*\n.*test_jit_calls\.py"):
            (f(firth.ones(3)) * 2).backward()


def test_gradients_accumulate_inside() -> None:
    def make() -> tuple[Any, Any]:
        w = firth.tensor([1.0, 2.0], requires_grad=True)

        def add(x: Any) -> Any:
            loss = (w * x).sum()
            loss.backward()
            return w.grad * 1

        return w, add

    x = firth.tensor([1.0, 3.0])
    w, add = make()
    want = [add(x).tolist() for _ in range(5)]
    w, add = make()
    jitted = firth.jit(add)
    got = [jitted(x).tolist() for _ in range(5)]
    assert got == want
    assert w.grad.tolist() == want[-1]


def test_zero_grad_outside_and_step_inside() -> None:
    def train(wrap: Any) -> list[float]:
        w = firth.tensor([1.0, 2.0], requires_grad=True)
        optimizer = optim.SGD([w], lr=0.1)

        def step(x: Any) -> Any:
            loss = (w * x).pow(2).sum()
            loss.backward()
            optimizer.step()
            return loss

        run = wrap(step)
        out = []
        for _ in range(5):
            optimizer.zero_grad()
            out.append(run(firth.tensor([1.0, 3.0])).item())
        return out

    assert train(firth.jit) == pytest.approx(train(lambda f: f), rel=1e-6)


def test_clipping_inside() -> None:
    def train(wrap: Any) -> list[Any]:
        w = firth.tensor([3.0, 4.0], requires_grad=True)
        optimizer = optim.SGD([w], lr=1.0)

        def step() -> Any:
            optimizer.zero_grad()
            (w * w).sum().backward()
            norm = nn.utils.clip_grad_norm_([w], 1.0)
            optimizer.step()
            return norm

        run = wrap(step)
        return [*(run().item() for _ in range(4)), *w.tolist()]

    np.testing.assert_allclose(train(firth.jit), train(lambda f: f), rtol=1e-6)


def test_tied_weights() -> None:
    def train(wrap: Any) -> list[float]:
        firth.manual_seed(0)
        table = nn.Embedding(5, 4)
        head = nn.Linear(4, 5, bias=False)
        head.weight = table.weight
        model = nn.Sequential(table, head)
        optimizer = optim.Adam(model.parameters(), lr=0.1)

        def step(words: Any) -> Any:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(words), words)
            loss.backward()
            optimizer.step()
            return loss

        run = wrap(step)
        losses = [run(firth.tensor([0, 1, 2])).item() for _ in range(6)]
        assert head.weight is table.weight
        return losses

    np.testing.assert_allclose(train(firth.jit), train(lambda f: f), rtol=1e-6)


def test_arguments_that_are_views_of_one_tensor() -> None:
    def shift(a: Any, b: Any) -> Any:
        a += 1
        return a + b

    jitted = firth.jit(shift)
    for k in range(6):
        x, y = firth.full((4,), float(k)), firth.full((4,), float(k))
        a, b = firth.zeros(2), firth.full((2,), float(k))
        pairs = ((x[:2], x[1:3]), (a, b), (y[:2], y[2:]), (a, a), (a, x[2:]), (b, a))
        for one, two in pairs if k % 2 else pairs[::-1]:
            before = one.tolist(), two.tolist()
            want = [v + 1 for v in before[0]]
            other = want if one is two else before[1]
            if one is pairs[0][0]:  # they overlap
                other = [want[1], before[1][1]]
            got = jitted(one, two).tolist()
            assert one.tolist() == want
            assert got == [p + q for p, q in zip(want, other, strict=True)]
        assert x.tolist() == [k + 1.0, k + 1.0, float(k), float(k)]
        assert y.tolist() == [k + 1.0, k + 1.0, float(k), float(k)]


def test_arguments_and_captured_tensors_that_are_the_same() -> None:
    w = firth.zeros(2)

    @firth.jit
    def both(x: Any) -> Any:
        w.add_(1)
        return x + w

    for k in range(5):
        assert both(w).tolist() == [4.0 * k + 2] * 2
        assert both(firth.zeros(2)).tolist() == [2.0 * k + 2] * 2
        assert w.tolist() == [2.0 * k + 2] * 2


def test_an_array_taken_before_a_call_does_not_change() -> None:
    w = firth.zeros(3, requires_grad=True)
    optimizer = optim.SGD([w], lr=1.0)

    @firth.jit
    def step(x: Any) -> Any:
        optimizer.zero_grad()
        (w * x).sum().backward()
        optimizer.step()
        return w * 1

    taken = []
    for k in range(6):
        taken.append((w.detach().numpy(), [-float(k)] * 3))
        step(firth.ones(3))
        assert w.tolist() == [-float(k + 1)] * 3
    for array, want in taken:
        assert array.tolist() == want


def test_results_are_not_overwritten_by_later_calls() -> None:
    w = firth.zeros(2)

    @firth.jit
    def bump() -> Any:
        w.add_(1)
        return w, w + 0, w.view(2, 1)

    first = bump()
    copies = [first[1], first[2]]
    bump()
    assert first[0] is w and w.tolist() == [2.0, 2.0]
    assert copies[0].tolist() == [1.0, 1.0]


def test_an_error_inside_leaves_everything() -> None:
    w = firth.zeros(3, requires_grad=True)
    optimizer = optim.Adam([w], lr=0.1)
    fail = [True]

    @firth.jit
    def step(x: Any) -> Any:
        optimizer.zero_grad()
        loss = (w * x).sum()
        loss.backward()
        optimizer.step()
        firth.rand(2)
        if fail[0]:
            return w + firth.ones(4)
        return loss

    firth.manual_seed(0)
    state = firth.get_rng_state().tolist()
    for _ in range(2):
        with pytest.raises(ShapeError, match=r"test_jit_calls\.py"):
            step(firth.ones(3))
        assert w.tolist() == [0.0] * 3
        assert firth.get_rng_state().tolist() == state
        assert all(not s.any().item() for s in optimizer.state[w].values())
        assert (firth.ones(2) + 1).tolist() == [2.0, 2.0]
    fail[0] = False
    assert step(firth.ones(3)).item() == 0.0
    np.testing.assert_allclose(w.tolist(), [-0.1] * 3, rtol=1e-5)


def test_a_plain_exception_inside() -> None:
    calls = []

    @firth.jit
    def f(x: Any) -> Any:
        calls.append(1)
        raise KeyError("mine")

    for _ in range(2):
        with pytest.raises(KeyError, match="mine"):
            f(firth.ones(2))
    assert (firth.ones(2) * 3).tolist() == [3.0, 3.0]


def test_shapes_dtypes_and_keywords() -> None:
    def f(x: Any, *, scale: float = 1.0, other: Any = None, flip: bool = False) -> Any:
        y = x * scale if other is None else x * scale + other
        return y.flip(0) if flip else y

    jitted = firth.jit(f)
    for dtype in (firth.float32, firth.float64, firth.int64):
        for n in (1, 3, 5, 3, 17):
            x = firth.arange(n).to(dtype)
            for kwargs in (
                {}, {"scale": 2}, {"flip": True}, {"other": x}, {"other": x, "scale": 3},
                {"scale": 2.5}, {"scale": True},
            ):  # fmt: skip
                got, want = jitted(x, **kwargs), f(x, **kwargs)
                assert got.dtype == want.dtype and got.tolist() == want.tolist()


class Pair(NamedTuple):
    a: Any
    b: Any


def test_nested_containers() -> None:
    @firth.jit
    def f(batch: Any) -> Any:
        x, more = batch["x"], batch["more"]
        return Pair({"s": x + more[0], "n": None}, [(more[1][0] * 2,), "word", x])

    for k in range(3):
        x = firth.full((2,), float(k))
        out = f({"x": x, "more": [x + 1, (x + 2,)]})
        assert isinstance(out, Pair) and out.b[1] == "word" and out.a["n"] is None
        assert out.a["s"].tolist() == [2.0 * k + 1] * 2
        assert out.b[0][0].tolist() == [2.0 * k + 4] * 2
        assert out.b[2].tolist() == [float(k)] * 2


def test_a_result_that_is_not_a_tensor() -> None:
    f = firth.jit(lambda x: (x.shape, x.ndim, 3))
    assert f(firth.ones(2, 3)) == ((2, 3), 2, 3)
    assert firth.jit(lambda x: None)(firth.ones(1)) is None


def test_a_method_and_another_instance() -> None:
    class Scale:
        def __init__(self, k: float) -> None:
            self.k = k

        @firth.jit
        def apply(self, x: Any) -> Any:
            return x * self.k

    two, three = Scale(2.0), Scale(3.0)
    for _ in range(3):
        assert two.apply(firth.ones(1)).item() == 2.0
        assert three.apply(firth.ones(1)).item() == 3.0
    two.k = 5.0
    assert two.apply(firth.ones(1)).item() == 5.0


def test_pending_arguments_and_captured_tensors() -> None:
    w = firth.ones(2) * 3
    f = firth.jit(lambda x: x * w)
    for k in range(4):
        assert f(firth.ones(2) * k).tolist() == [3.0 * k] * 2
    w += 1
    assert f(firth.ones(2)).tolist() == [4.0] * 2


def test_nested_jit_that_changes_state() -> None:
    w = firth.zeros(1)

    @firth.jit
    def inner(x: Any) -> Any:
        w.add_(x)
        return w * 2

    @firth.jit
    def outer(x: Any) -> Any:
        return inner(x) + inner(x)

    for k in range(1, 4):
        assert outer(firth.ones(1)).item() == 2 * (2 * k - 1) + 4 * k
        assert w.item() == 2 * k
    assert inner(firth.ones(1)).item() == 14


def test_two_threads_call_one_function() -> None:
    @firth.jit
    def f(x: Any) -> Any:
        return (x * 2 + 1).sum()

    wrong: list[Any] = []

    def work(seed: int) -> None:
        try:
            for k in range(60):
                n = 1 + (seed + k) % 5
                got = f(firth.full((n,), float(k))).item()
                if got != n * (2 * k + 1):
                    wrong.append((seed, k, got))
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(s,)) for s in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_train_step_in_two_threads_with_own_models() -> None:
    def train(out: list[Any]) -> None:
        w = firth.tensor([1.0, 2.0], requires_grad=True)
        optimizer = optim.SGD([w], lr=0.1)

        @firth.jit
        def step() -> Any:
            optimizer.zero_grad()
            loss = (w * w).sum()
            loss.backward()
            optimizer.step()
            return loss

        out += [step().item() for _ in range(10)]

    results: list[list[Any]] = [[], [], []]
    threads = [threading.Thread(target=train, args=(r,)) for r in results]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(results[0]) == 10 and results[0] == results[1] == results[2]


def test_an_in_place_change_of_a_saved_tensor_keeps_the_right_gradient() -> None:
    w = firth.tensor([2.0, 3.0], requires_grad=True)
    y = w * 1
    z = (y * y).sum()
    with firth.no_grad():
        y.mul_(100)
    z.backward()
    assert w.grad.tolist() == [4.0, 6.0]


def test_gradients_accumulate_over_calls_of_two_functions() -> None:
    def train(wrap: Any) -> list[float]:
        w = firth.tensor([1.0, 2.0], requires_grad=True)
        optimizer = optim.SGD([w], lr=0.1)

        def add(x: Any) -> Any:
            loss = (w * x).pow(2).sum()
            loss.backward()
            return loss

        def update() -> None:
            optimizer.step()
            optimizer.zero_grad()

        add, update = wrap(add), wrap(update)
        out = []
        for k in range(12):
            out.append(add(firth.tensor([1.0, k % 3])).item())
            if k % 3 == 2:
                update()
                assert w.grad is None
                out += w.tolist()
        return out

    np.testing.assert_allclose(train(firth.jit), train(lambda f: f), rtol=1e-6)
