"""Cuts: what is computed, what memory is given on, what stays flat."""

from __future__ import annotations

import gc
import tracemalloc

import firth
from firth.tensor.record import cut, realise


def test_memory_is_given_on_only_when_nobody_holds_it() -> None:
    x = firth.zeros(1000)
    cut()
    address = realise(x).ptr
    x += 1
    cut()
    assert realise(x).ptr == address  # nobody else held it
    view = x.detach()
    kept = x.numpy()
    x += 1
    cut()
    assert realise(x).ptr != address and kept[0] == 1.0
    assert view[0].item() == 2.0


def test_two_handles_of_one_value_part_when_one_is_written() -> None:
    x = firth.zeros(3)
    y = firth.zeros(3)
    y.copy_(x)
    cut()
    x += 1
    cut()
    assert y.tolist() == [0.0] * 3 and x.tolist() == [1.0] * 3


def _train(steps: int) -> None:
    w = firth.ones(8, requires_grad=True)
    x = firth.ones(8)
    total = firth.tensor(0.0)
    for i in range(steps):
        w.grad = None
        loss = (w * x * (i % 7)).sum()
        loss.backward()
        with firth.no_grad():
            w -= 1e-3 * w.grad
        total += loss.detach()
        cut()
    total.item()


def test_a_long_loop_stays_flat() -> None:
    _train(30)
    gc.collect()
    tracemalloc.start()
    _train(100)
    gc.collect()
    first = tracemalloc.get_traced_memory()[0]
    _train(500)
    gc.collect()
    second = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert second - first < 200_000


def _total(steps: int) -> float:
    w = firth.ones(4, requires_grad=True)
    total = 0.0
    for _ in range(steps):
        w.grad = None
        loss = ((w - 2) ** 2).mean()
        loss.backward()
        with firth.no_grad():
            w.sub_(0.01 * w.grad)
        total += loss  # its graph was used up, so the sum keeps no history
    return total.item()  # type: ignore[attr-defined]


def test_a_total_of_losses_stays_flat() -> None:
    _total(1000)
    gc.collect()
    tracemalloc.start()
    _total(300)
    gc.collect()
    first = tracemalloc.get_traced_memory()[0]
    _total(1500)
    gc.collect()
    second = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert second - first < 200_000
