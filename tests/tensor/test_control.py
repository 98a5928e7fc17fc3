"""cond, switch, while_loop and scan as users write them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import firth
from firth.tensor.trie import roots


@pytest.mark.parametrize("wrap", [lambda f: f, firth.jit], ids=["eager", "jit"])
def test_choices_depend_on_values(wrap: Any) -> None:
    clip = wrap(lambda x: firth.cond(x.sum() > 1, lambda x: x / x.sum(), lambda x: x, x))
    assert clip(firth.ones(2)).tolist() == [0.5, 0.5]
    assert clip(firth.ones(2) / 4).tolist() == [0.25, 0.25]
    pick = wrap(lambda i, x: firth.switch(i, [lambda x: x, lambda x: -x], x))
    assert [pick(firth.tensor(i), firth.ones(1)).item() for i in (0, 1, 5)] == [1.0, -1.0, -1.0]
    halve = wrap(lambda n: firth.while_loop(
        lambda s: s[0] != 1, lambda s: (firth.where(s[0] % 2 == 0, s[0] // 2, s[0] * 3 + 1),
                                        s[1] + 1), (n, 0))[1])  # fmt: skip
    assert [halve(firth.tensor(n)).item() for n in (1, 6, 27)] == [0, 8, 111]


def test_only_one_branch_is_computed() -> None:
    table, i = firth.ones(3), firth.tensor(7)
    found = firth.cond(i < 3, lambda: table[i], lambda: firth.zeros(()))
    assert found.item() == 0.0  # the other one would be out of range


def test_scan_nests_and_takes_trees() -> None:
    def step(state: Any, row: Any) -> Any:
        inner, _ = firth.scan(lambda c, x: (c + x, None), state["sum"], row["x"])
        return {"sum": inner, "n": state["n"] + 1}, {"seen": inner}

    x = firth.arange(6.0).reshape(2, 3)
    last, ys = firth.scan(step, {"sum": 0.0, "n": 0}, {"x": x})
    assert last["sum"].item() == 15.0 and last["n"].item() == 2
    assert ys["seen"].tolist() == [3.0, 15.0]
    total, none = firth.scan(lambda c, _: (c * 2, None), firth.ones(2), length=5)
    assert total.tolist() == [32.0, 32.0] and none is None
    assert firth.scan(lambda c, x: (c, x), 0.0, firth.zeros(0, 3))[1].shape == (0, 3)


def test_a_long_scan_is_no_larger_than_a_short_one() -> None:
    def made(n: int) -> int:
        before = roots.count
        firth.scan(lambda c, x: (c + x, c), firth.tensor(0.0), firth.ones(n))[0].item()
        return roots.count - before

    assert made(3) == made(3000) or made(5000) <= made(3)
    c, _ = firth.scan(lambda c, x: (c + x, c), firth.tensor(0.0), firth.ones(3000))
    assert c.item() == 3000.0


def test_random_draws_go_on_from_step_to_step() -> None:
    def draw() -> firth.Tensor:
        return firth.scan(lambda c, _: (c, firth.rand(2)), 0.0, length=4)[1]

    firth.manual_seed(0)
    a, b = draw().numpy(), draw().numpy()
    firth.manual_seed(0)
    once = firth.jit(draw)
    assert len(np.unique([a, b])) == 16
    assert (once().numpy() == a).all() and (once().numpy() == b).all()


def test_what_a_branch_changes_stays_changed() -> None:
    calls = firth.zeros(())

    def noted(x: firth.Tensor) -> firth.Tensor:
        calls.add_(1)
        return x

    for choice in (True, False, True):
        firth.cond(firth.tensor(choice), noted, lambda x: x, firth.ones(2))
    assert calls.item() == 2.0
    views = firth.zeros(3)
    row = views[1:]

    def put(c: Any, x: Any) -> Any:
        views[0] += x
        return c, None

    firth.scan(put, 0.0, firth.ones(4))
    assert views.tolist() == [4.0, 0.0, 0.0] and row.tolist() == [0.0, 0.0]


def test_gradients_reach_what_is_used_from_outside() -> None:
    w = firth.tensor(2.0, requires_grad=True)
    last, _ = firth.scan(lambda c, x: (c * w + x, None), firth.tensor(1.0), firth.ones(3))
    assert last.requires_grad and last.item() == 15.0
    last.backward()
    assert w.grad.item() == 17.0  # of w**3 + w**2 + w + 1
    with firth.no_grad():
        quiet, _ = firth.scan(lambda c, x: (c * w, None), firth.tensor(1.0), length=2)
    assert not quiet.requires_grad
    (quiet * w).backward()
    assert w.grad.item() == 17.0 + 4.0


@pytest.mark.parametrize(("call", "words"), [
    (lambda: firth.cond(firth.tensor(True), lambda: firth.ones(2), lambda: firth.ones(3)),
     "true_fn gives something else"),
    (lambda: firth.cond(firth.ones(2) > 0, lambda: 1, lambda: 2), "not one number"),
    (lambda: firth.cond(firth.tensor(1), lambda: 1, lambda: 2), "expected a bool"),
    (lambda: firth.switch(0, []), "no branches"),
    (lambda: firth.switch(0.5, [lambda: 1]), "expected an integer"),
    (lambda: firth.scan(lambda c, x: (c + 0.5, x), 0, firth.ones(3)), "carried value changes"),
    (lambda: firth.scan(lambda c, x: c, 0, firth.ones(3)), "does not give a pair"),
    (lambda: firth.scan(lambda c, x: (c, x), 0), "number of steps is not clear"),
    (lambda: firth.while_loop(lambda c: c, lambda c: c + 1, 0), "condition 0 does not fit"),
    (lambda: firth.while_loop(lambda c: c < 3, lambda c: None, 0), "returns no tensor"),
    (lambda: firth.scan(lambda c, x: (c if c > 0 else x, x), 0.0, firth.ones(3)),
     "a value that is not known yet"),
    (lambda: firth.vmap(lambda x: firth.scan(lambda c, _: (c, firth.rand(1)), x, length=2)[0],
                        randomness="different")(firth.ones(2)), "drawn in a scan"),
])  # fmt: skip
def test_mistakes(call: Any, words: str) -> None:
    with pytest.raises(firth.FirthError, match=words):
        call()
    assert (firth.ones(2) + 1).tolist() == [2.0, 2.0]
