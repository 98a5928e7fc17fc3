"""Numbers as tensors, and options of optimizers as inputs of jitted functions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import firth
from firth import nn, optim
from firth.nn import functional as F
from firth.tensor.scalar import number_of


def cosine(optimizer: Any) -> Any:
    return optim.lr_scheduler.CosineAnnealingLR(optimizer, 30)


def one_cycle(optimizer: Any) -> Any:
    return optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=40)


def test_numbers_take_the_dtype() -> None:
    for value, dtype, want in (
        (1.5, firth.float64, 1.5), (2.7, firth.int64, 2), (3, firth.bool, True),
        (0.1, firth.float64, 0.1), (float("nan"), firth.int32, 0),
    ):  # fmt: skip
        for _ in range(2):
            got = number_of(value, dtype)
            assert got.dtype is dtype and got.item() == want


SCHEDULES: dict[str, tuple[Any, dict[str, Any], Any]] = {
    "adam": (optim.Adam, {"lr": 0.1}, cosine),
    "adamw": (optim.AdamW, {"lr": 0.1}, cosine),
    "sgd": (optim.SGD, {"lr": 0.1}, cosine),
    "nesterov": (optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True}, cosine),
    "rmsprop": (optim.RMSprop, {"lr": 0.01}, cosine),
    "sgd, momentum too": (optim.SGD, {"lr": 0.1, "momentum": 0.9}, one_cycle),
    "adam, betas too": (optim.Adam, {"lr": 0.1}, one_cycle),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_costs_no_recordings(name: str) -> None:
    rule, options, schedule = SCHEDULES[name]

    def train(jitted: bool) -> list[float]:
        firth.manual_seed(0)
        model = nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 3))
        optimizer = rule(model.parameters(), **options)
        scheduler = schedule(optimizer)
        x, y = firth.randn(8, 12), firth.arange(8) % 3

        def step() -> Any:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            return loss

        run = firth.jit(step) if jitted else step
        losses = []
        programs = set()
        for _ in range(30):
            losses.append(run().item())
            scheduler.step()
            if jitted:
                programs |= {id(e.program) for known in run.entries.values() for e in known}
        if jitted:
            assert len(run.misses) <= 3 and len(programs) <= 2
        return losses

    np.testing.assert_allclose(train(True), train(False), rtol=0, atol=1e-6)


def test_a_rate_that_the_function_reads_itself_is_watched() -> None:
    w = firth.zeros(2, requires_grad=True)
    optimizer = optim.SGD([w], lr=1.0)

    @firth.jit
    def step() -> Any:
        optimizer.zero_grad()
        (w.sum() * 1.0).backward()
        optimizer.step()
        if optimizer.param_groups[0]["lr"] > 0.5:
            return w * 1
        return w * 2

    for lr, want in ((1.0, -1.0), (1.0, -2.0), (0.5, -5.0), (0.25, -5.5), (1.0, -3.75)):
        optimizer.param_groups[0]["lr"] = lr
        assert step().tolist() == [want] * 2


def test_a_rate_read_in_a_loop_over_groups_is_watched() -> None:
    w = firth.zeros(2, requires_grad=True)
    optimizer = optim.SGD([w], lr=1.0)

    @firth.jit
    def rates(x: Any) -> Any:
        for group in optimizer.param_groups:
            x = x * group["lr"]
        return x

    for lr in (1.0, 2.0, 3.0, 1.0):
        optimizer.param_groups[0]["lr"] = lr
        assert rates(firth.ones(1)).item() == lr


def test_a_rate_that_is_a_tensor() -> None:
    w = firth.zeros(1, requires_grad=True)
    optimizer = optim.SGD([w], lr=1.0)

    @firth.jit
    def step() -> None:
        optimizer.zero_grad()
        w.sum().backward()
        optimizer.step()

    seen = []
    rates = [1.0, firth.tensor(2.0), firth.tensor(4.0), 8.0]
    for lr in rates:
        optimizer.param_groups[0]["lr"] = lr
        step()
        seen.append(w.item())
    assert seen == [-1.0, -3.0, -7.0, -15.0]
    optimizer.param_groups[0]["lr"] = changing = firth.tensor(1.0)
    step()
    changing.fill_(16.0)
    step()
    assert w.item() == -32.0
