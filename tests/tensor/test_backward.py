"""backward() and grad(): sums into leaves, gradients of gradients, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import firth
from firth.base.errors import GradientError


def test_gradients_add_up() -> None:
    w = firth.tensor([1.0, 2.0], requires_grad=True)
    for times in (1, 2, 3):
        (w * w).sum().backward()
        assert w.grad.tolist() == [2.0 * times, 4.0 * times]


def test_two_losses_share_a_leaf() -> None:
    w = firth.tensor([1.0, 2.0], requires_grad=True)
    firth.autograd.backward([(w * w).sum(), w.sum()])
    assert w.grad.tolist() == [3.0, 5.0]
    assert not w.grad.requires_grad


def test_gradients_of_gradients() -> None:
    x = firth.tensor(2.0, requires_grad=True)
    y = x**4
    for want in (32.0, 48.0, 48.0, 24.0):
        (y,) = firth.autograd.grad(y, x, create_graph=True)
        assert y.item() == want


def test_gradients_of_computed_tensors() -> None:
    x = firth.tensor(3.0, requires_grad=True)
    y = x * x
    gx, gy = firth.autograd.grad(y * y, [x, y])
    assert gx.item() == 108.0 and gy.item() == 18.0


def test_given_starting_gradient() -> None:
    x = firth.ones(3, requires_grad=True)
    (x * 2).backward(firth.tensor([1.0, 10.0, 100.0]))
    assert x.grad.tolist() == [2.0, 20.0, 200.0]


def test_only_the_inputs_asked_for() -> None:
    a, b = (firth.ones(2, requires_grad=True) for _ in range(2))
    (a * b).sum().backward(inputs=[a])
    assert a.grad is not None and b.grad is None


def test_what_is_detached_gets_nothing() -> None:
    x = firth.ones(2, requires_grad=True)
    (x.detach() * x).sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]
    with firth.no_grad():
        y = x * 5
    assert not y.requires_grad
    x.grad = None
    (x * y).sum().backward()
    assert x.grad.tolist() == [5.0, 5.0]


def test_a_leaf_made_by_random_numbers() -> None:
    w = firth.randn(3, requires_grad=True)
    (w * w).sum().backward()
    np.testing.assert_allclose(w.grad.numpy(), 2 * w.detach().numpy(), rtol=1e-6)


def twice(x: Any) -> None:
    y = (x * x).sum()
    y.backward()
    y.backward()


MISTAKES: list[tuple[Any, str]] = [
    (lambda x: (x * 2).backward(), "several elements"),
    (lambda x: x.detach().sum().backward(), "nothing here requires a gradient"),
    (twice, "freed by an earlier backward"),
    (lambda x: (x * 2).backward(firth.ones(5)), "starting gradient does not fit"),
    (lambda x: firth.autograd.grad(firth.ones(1, requires_grad=True).sum(), x), "don't depend"),
    (lambda x: x.add_(1), "leaf"),
    (lambda x: (x * 2).requires_grad_(False), "only leaves"),
]


@pytest.mark.parametrize(("mistake", "words"), MISTAKES, ids=[w for _, w in MISTAKES])
def test_mistakes_name_the_line(mistake: Any, words: str) -> None:
    with pytest.raises(GradientError, match=words) as caught:
        mistake(firth.ones(3, requires_grad=True))
    assert "test_backward.py" in str(caught.value)


def test_retained_graphs_may_be_used_again() -> None:
    x = firth.tensor(3.0, requires_grad=True)
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 12.0
