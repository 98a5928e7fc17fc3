"""Lenses: what a write through a view does to its base, gradients included."""

from __future__ import annotations

import gc

import pytest

import firth
from firth.tensor.handle import extra


def test_gradients_go_through_writes() -> None:
    x = firth.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x * 2
    y[1] = 0
    y[2:] *= 5
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 0.0, 10.0]


def test_a_written_value_gets_its_gradient() -> None:
    v = firth.tensor([2.0], requires_grad=True)
    x = firth.zeros(3)
    x[1:2] = v * v
    (x * firth.tensor([1.0, 10.0, 100.0])).sum().backward()
    assert x.requires_grad and v.grad.tolist() == [40.0]


def test_dead_views_are_forgotten() -> None:
    x = firth.zeros(100)
    for i in range(5000):
        x[i % 100]
    gc.collect()
    views = extra(x).views
    assert views is not None and len(views) < 1100


def test_data_shares_memory_and_can_be_replaced() -> None:
    w = firth.zeros(2, requires_grad=True)
    w.data[0] = 3
    assert w.tolist() == [3.0, 0.0]
    w.data = firth.ones(4)
    assert w.shape == (4,) and w.requires_grad and w.is_leaf
    (w * 2).sum().backward()
    assert w.grad.tolist() == [2.0] * 4


def test_in_place_results_that_do_not_fit_are_refused() -> None:
    with pytest.raises(firth.FirthError, match="does not fit"):
        firth.zeros(2).add_(firth.zeros(3, 2))
