"""Gradients through results that were read first: the graph goes on across cuts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import firth
from firth.tensor.record import cut

RNG = np.random.default_rng(0)


def model(x: Any, w: Any, v: Any, read: Any) -> Any:
    h = x @ w
    read(h)
    a = h.tanh() * 2
    read(a)
    out = (a @ v).log_softmax(1)
    read(out)
    return -(out * out.detach().exp()).sum()


def run(read: Any, look: bool) -> list[Any]:
    rng = np.random.default_rng(0)
    x, w, v = (
        firth.from_numpy(rng.standard_normal(s).astype(np.float32))
        for s in ((5, 4), (4, 6), (6, 3))
    )
    w.requires_grad_()
    v.requires_grad_()
    loss = model(x, w, v, read)
    if look:
        loss.item()
    loss.backward()
    return [w.grad.numpy(), v.grad.numpy()]


@pytest.mark.parametrize("look", [False, True])
@pytest.mark.parametrize("read", [lambda t: t.sum().item(), lambda t: t.detach().numpy()])
def test_reading_changes_nothing(read: Any, look: bool) -> None:
    want = run(lambda t: None, False)
    for a, b in zip(run(read, look), want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_random_draws_are_the_same_again() -> None:
    firth.manual_seed(1)
    x = firth.ones(100, requires_grad=True)
    y = (x * (firth.rand(100) < 0.5)).sum()
    kept = y.item()
    y.backward()
    assert x.grad.sum().item() == kept


def test_a_leaf_that_moved_on_still_gets_its_gradient() -> None:
    w = firth.tensor([1.0, 2.0], requires_grad=True)
    loss = (w * w).sum()
    loss.item()
    with firth.no_grad():
        w += 10
    loss.backward()
    assert w.grad.tolist() == [2.0, 4.0]  # at the values the loss was made from


def test_histories_chain() -> None:
    w = firth.tensor(2.0, requires_grad=True)
    y = w
    for _ in range(5):
        y = y * w
        y.item()
    y.backward(retain_graph=True)
    assert w.grad.item() == 6 * 2.0**5
    y.backward()
    assert w.grad.item() == 12 * 2.0**5
    with pytest.raises(firth.FirthError, match="freed"):
        y.backward()


def test_gradients_of_gradients_after_a_cut() -> None:
    x = firth.tensor(3.0, requires_grad=True)
    y = x**3
    y.item()
    (g,) = firth.autograd.grad(y, x, create_graph=True)
    assert g.item() == 27.0
    (g2,) = firth.autograd.grad(g, x)
    assert g2.item() == 18.0


def test_two_losses_read_in_one_cut() -> None:
    w = firth.tensor([1.0, 2.0], requires_grad=True)
    h = w * w
    a, b = h.sum(), (h * 3).sum()
    cut()
    (a + b).backward()
    assert w.grad.tolist() == [8.0, 16.0]
