"""firth.optim.lr_scheduler against PyTorch, step by step."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import firth
from firth import optim

CASES: list[tuple[str, dict[str, Any]]] = [
    ("StepLR", {"step_size": 3, "gamma": 0.5}),
    ("MultiStepLR", {"milestones": [7, 2, 4], "gamma": 0.5}),
    ("ExponentialLR", {"gamma": 0.9}),
    ("ConstantLR", {"factor": 0.25, "total_iters": 4}),
    ("LinearLR", {"start_factor": 0.1, "total_iters": 6}),
    ("PolynomialLR", {"total_iters": 7, "power": 2.0}),
    ("CosineAnnealingLR", {"T_max": 8, "eta_min": 0.01}),
    ("CosineAnnealingWarmRestarts", {"T_0": 3, "T_mult": 2}),
    ("LambdaLR", {"lr_lambda": lambda step: 1.0 / (1 + step)}),
    ("OneCycleLR", {"max_lr": 0.5, "total_steps": 21}),
    ("OneCycleLR", {"max_lr": 0.5, "epochs": 3, "steps_per_epoch": 7, "anneal_strategy": "linear"}),
]


def optimizers(name: str = "SGD") -> tuple[Any, Any]:
    options: dict[str, Any] = {"momentum": 0.9} if name == "SGD" else {}
    mine = [firth.zeros(1, requires_grad=True) for _ in range(2)]
    other = [torch.zeros(1, requires_grad=True) for _ in range(2)]

    def groups(params: list[Any]) -> list[dict[str, Any]]:
        return [{"params": params[:1]}, {"params": params[1:], "lr": 0.02}]

    return (
        getattr(optim, name)(groups(mine), lr=0.1, **options),
        getattr(torch.optim, name)(groups(other), lr=0.1, **options),
    )


def rates(optimizer: Any) -> list[float]:
    return [x for g in optimizer.param_groups for x in (g["lr"], g.get("momentum", 0.0))]


@pytest.mark.parametrize("case", CASES, ids=lambda c: c[0])
def test_schedule(case: Any) -> None:
    name, options = case
    mine, other = optimizers()
    ours = getattr(optim.lr_scheduler, name)(mine, **options)
    theirs = getattr(torch.optim.lr_scheduler, name)(other, **options)
    for _ in range(20):
        assert rates(mine) == pytest.approx(rates(other), rel=1e-9, abs=1e-15)
        assert ours.get_last_lr() == pytest.approx(theirs.get_last_lr(), rel=1e-9, abs=1e-15)
        other.step()
        ours.step()
        theirs.step()


def test_one_cycle_moves_betas() -> None:
    mine, other = optimizers("Adam")
    ours = optim.lr_scheduler.OneCycleLR(mine, 0.5, 10)
    theirs = torch.optim.lr_scheduler.OneCycleLR(other, 0.5, 10)
    for _ in range(9):
        a, b = mine.param_groups[0]["betas"], other.param_groups[0]["betas"]
        assert a == pytest.approx(b)
        other.step()
        ours.step()
        theirs.step()


def test_sequence() -> None:
    mine, other = optimizers()

    def build(module: Any, optimizer: Any) -> Any:
        parts = [
            module.LinearLR(optimizer, 0.1, total_iters=4),
            module.CosineAnnealingLR(optimizer, T_max=10),
        ]
        return module.SequentialLR(optimizer, parts, [4])

    ours = build(optim.lr_scheduler, mine)
    theirs = build(torch.optim.lr_scheduler, other)
    for _ in range(13):
        assert rates(mine) == pytest.approx(rates(other), rel=1e-9, abs=1e-15)
        other.step()
        ours.step()
        theirs.step()


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("threshold_mode", ["rel", "abs"])
def test_plateau(mode: str, threshold_mode: str) -> None:
    mine, other = optimizers()
    options: dict[str, Any] = dict(
        mode=mode, factor=0.5, patience=1, cooldown=1, threshold_mode=threshold_mode, min_lr=0.01
    )
    ours = optim.lr_scheduler.ReduceLROnPlateau(mine, **options)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(other, **options)
    for value in (3.0, 2.0, 2.0, 2.0, 2.0, 1.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 0.5, 7.0):
        ours.step(firth.tensor(value))
        theirs.step(value)
        assert rates(mine) == pytest.approx(rates(other))


def test_state_comes_back() -> None:
    mine, _ = optimizers()
    schedule = optim.lr_scheduler.StepLR(mine, 2, 0.5)
    for _ in range(3):
        schedule.step()
    twin = optim.lr_scheduler.StepLR(optimizers()[0], 9)
    twin.load_state_dict(schedule.state_dict())
    assert twin.last_epoch == 3
    assert twin.step_size == 2
    assert twin.get_last_lr() == schedule.get_last_lr()


def test_what_is_refused() -> None:
    mine, _ = optimizers()
    with pytest.raises(ValueError, match="per group"):
        optim.lr_scheduler.LambdaLR(mine, [lambda step: 1.0])
    with pytest.raises(ValueError, match="length"):
        optim.lr_scheduler.OneCycleLR(mine, 0.1)
    with pytest.raises(ValueError, match="factor"):
        optim.lr_scheduler.ReduceLROnPlateau(mine, factor=1.0)


def test_a_schedule_reaches_a_jitted_step() -> None:
    plain, fast = (firth.tensor([1.0, 2.0], requires_grad=True) for _ in range(2))

    def trained(p: Any, wrap: Any) -> list[float]:
        optimizer = optim.Adam([p], lr=0.1)
        schedule = optim.lr_scheduler.ExponentialLR(optimizer, 0.8)

        @wrap
        def step() -> Any:
            optimizer.zero_grad()
            loss = (p * p).sum()
            loss.backward()
            optimizer.step()
            return loss

        losses = []
        for _ in range(6):
            losses.append(step().item())
            schedule.step()
        return losses

    assert trained(fast, firth.jit) == pytest.approx(trained(plain, lambda f: f), rel=1e-6)
