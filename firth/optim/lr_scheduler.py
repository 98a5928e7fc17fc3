"""Learning-rate schedules: each is a function of the step number, in closed form.

A schedule sets `lr` when it is made (step 0) and at every `step()`. The rate is a plain number in
the parameter groups; programs take it as a run-time argument.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import Any

from firth.base.errors import ArgumentError, message
from firth.optim.optimizer import Optimizer

__all__ = [
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]


class LRScheduler(ABC):
    """Base of all schedules that depend on the step number alone."""

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.optimizer = optimizer
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
        self.base_lrs: list[float] = [g["initial_lr"] for g in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._last_lr: list[float] = []
        self.step()

    @abstractmethod
    def rate(self, base: float, step: int, group: int) -> float:
        """The learning rate at a step of the group whose first rate is `base`."""

    def step(self, epoch: int | None = None) -> None:
        """Moves one step on (or to a given one) and sets the rates."""
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        for i, group in enumerate(self.optimizer.param_groups):
            group["lr"] = self.rate(self.base_lrs[i], self.last_epoch, i)
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def get_last_lr(self) -> list[float]:
        """The rate of each group."""
        return self._last_lr

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer and functions."""
        return {k: v for k, v in self.__dict__.items() if k != "optimizer" and not _is_code(v)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over what `state_dict` gave."""
        self.__dict__.update(state_dict)


def _is_code(value: object) -> bool:
    return callable(value) or (isinstance(value, list) and any(callable(v) for v in value))


class LambdaLR(LRScheduler):
    """base * lr_lambda(step); one function, or one per group."""

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | list[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        count = len(optimizer.param_groups)
        self.lr_lambdas = lr_lambda if isinstance(lr_lambda, list) else [lr_lambda] * count
        if len(self.lr_lambdas) != count:
            raise ArgumentError(
                message(
                    "LambdaLR",
                    "not one function per group",
                    str(len(self.lr_lambdas)),
                    str(count),
                    "pass one function for all groups",
                )  # fmt: skip
            )
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, step: int, group: int) -> float:
        """The rate at a step."""
        return base * self.lr_lambdas[group](step)


class StepLR(LRScheduler):
    """base * gamma**(step // step_size)."""

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, step: int, group: int) -> float:
        """The rate at a step."""
        return float(base * self.gamma ** (step // self.step_size))


class MultiStepLR(LRScheduler):
    """base * gamma**(number of milestones reached)."""

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
    ) -> None:
        self.milestones = sorted(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, step: int, group: int) -> float:
        """The rate at a step."""
        return float(base * self.gamma ** bisect_right(self.milestones, step))


class ExponentialLR(LRScheduler):
    """base * gamma**step."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, step: int, group: int) -> float:
        """The rate at a step."""
        return float(base * self.gamma**step)


class ConstantLR(LRScheduler):
    """base * factor for total_iters steps, base afterwards."""

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1.0 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        self.factor = factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, step: int, group: int) -> float:
        """The rate at a step."""
        return base * (self.factor if step < self.total_iters else 1.0)


class LinearLR(LRScheduler):
    """base times a factor that goes from start_factor to end_factor in total_iters steps."""

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, step: int, group: int) -> float:
        """The rate at a step."""
        share = min(step, self.total_iters) / self.total_iters
        return base * (self.start_factor + (self.end_factor - self.start_factor) * share)


class PolynomialLR(LRScheduler):
    """base * (1 - step / total_iters)**power, 0 afterwards."""

    def __init__(
        self,
        optimizer: Optimizer,
        total_iters: int = 5,
        power: float = 1.0,
        last_epoch: int = -1,
    ) -> None:
        self.total_iters = total_iters
        self.power = power
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, step: int, group: int) -> float:
        """The rate at a step."""
        return float(base * (1 - min(step, self.total_iters) / self.total_iters) ** self.power)


class CosineAnnealingLR(LRScheduler):
    """From base to eta_min along half a cosine of T_max steps (Loshchilov and Hutter, 2017)."""

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, step: int, group: int) -> float:
        """The rate at a step."""
        return _cosine(base, self.eta_min, step / self.T_max)


class CosineAnnealingWarmRestarts(LRScheduler):
    """Half cosines of T_0 steps, each T_mult times as long as the one before."""

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        self.T_0 = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, step: int, group: int) -> float:
        """The rate at a step."""
        length = self.T_0
        while step >= length:
            step -= length
            length *= self.T_mult
        return _cosine(base, self.eta_min, step / length)


class OneCycleLR(LRScheduler):
    """Up to max_lr and down to almost nothing in total_steps (Smith and Topin, 2018).

    Half cosines (anneal_strategy "cos") or lines ("linear"). cycle_momentum moves momentum (or
    Adam's first beta) the other way.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float,
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float = 0.85,
        max_momentum: float = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        last_epoch: int = -1,
    ) -> None:
        if total_steps is None and (epochs is None or steps_per_epoch is None):
            raise ArgumentError(
                message(
                    "OneCycleLR",
                    "the length is not known",
                    "no total_steps",
                    "total_steps, or epochs and steps_per_epoch",
                    "pass total_steps",
                )  # fmt: skip
            )
        self.total_steps = total_steps or (epochs or 0) * (steps_per_epoch or 0)
        self.max_lr = max_lr
        self.peak = float(pct_start * self.total_steps) - 1
        self.linear = anneal_strategy == "linear"
        self.cycle_momentum = cycle_momentum
        self.momenta = base_momentum, max_momentum
        self.first = max_lr / div_factor
        self.last = self.first / final_div_factor
        for group in optimizer.param_groups:
            group["initial_lr"] = self.first
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, step: int, group: int) -> float:
        """The rate at a step; sets the momentum too."""
        if step >= self.total_steps + 1:
            raise ArgumentError(
                message(
                    "OneCycleLR",
                    "stepped past the end",
                    f"step {step}",
                    f"at most {self.total_steps} steps",
                    "make it with more total_steps",
                )  # fmt: skip
            )
        low, high = self.momenta
        if step <= self.peak:
            share = step / self.peak
            lr = self._between(self.first, self.max_lr, share)
            momentum = self._between(high, low, share)
        else:
            share = (step - self.peak) / (self.total_steps - 1 - self.peak)
            lr = self._between(self.max_lr, self.last, share)
            momentum = self._between(low, high, share)
        if self.cycle_momentum:
            options = self.optimizer.param_groups[group]
            if "betas" in options:
                options["betas"] = (momentum, *options["betas"][1:])
            else:
                options["momentum"] = momentum
        return lr

    def _between(self, start: float, end: float, share: float) -> float:
        return start + (end - start) * share if self.linear else _cosine(start, end, share)


class SequentialLR(LRScheduler):
    """One schedule after another; each starts at its milestone with step 0."""

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: list[LRScheduler],
        milestones: list[int],
        last_epoch: int = -1,
    ) -> None:
        self.schedulers = schedulers
        self.milestones = milestones
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, step: int, group: int) -> float:
        """The rate at a step."""
        active = bisect_right(self.milestones, step)
        start = self.milestones[active - 1] if active else 0
        scheduler = self.schedulers[active]
        return scheduler.rate(scheduler.base_lrs[group], step - start, group)

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer, and the state of each schedule."""
        inner = [s.state_dict() for s in self.schedulers]
        return {**super().state_dict(), "schedulers": inner}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over what `state_dict` gave."""
        for scheduler, state in zip(self.schedulers, state_dict["schedulers"], strict=True):
            scheduler.load_state_dict(state)
        super().load_state_dict({k: v for k, v in state_dict.items() if k != "schedulers"})


class ReduceLROnPlateau:
    """Multiplies the rate by `factor` when a metric has not improved for `patience` steps."""

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float = 0.0,
        eps: float = 1e-8,
    ) -> None:
        if not factor < 1.0:
            raise ArgumentError(
                message(
                    "ReduceLROnPlateau",
                    "the rate would not fall",
                    f"factor={factor}",
                    "factor < 1",
                    "the default is 0.1",
                )  # fmt: skip
            )
        self.optimizer = optimizer
        self.sign = 1.0 if mode == "min" else -1.0
        self.factor = factor
        self.patience = patience
        self.threshold = threshold
        self.relative = threshold_mode == "rel"
        self.cooldown = cooldown
        self.cooldown_counter = 0
        self.min_lr = min_lr
        self.eps = eps
        self.best = math.inf * self.sign
        self.num_bad_epochs = 0
        self.last_epoch = 0

    def step(self, metrics: Any) -> None:
        """Looks at the metric (a number or a scalar tensor)."""
        value = float(metrics)
        self.last_epoch += 1
        if self._better(value):
            self.best, self.num_bad_epochs = value, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
            for group in self.optimizer.param_groups:
                lowered = max(group["lr"] * self.factor, self.min_lr)
                if group["lr"] - lowered > self.eps:
                    group["lr"] = lowered

    def _better(self, value: float) -> bool:
        if math.isinf(self.best):
            return self.sign * value < self.sign * self.best
        margin = self.threshold * (self.best if self.relative else 1.0)
        return self.sign * value < self.sign * self.best - margin

    def get_last_lr(self) -> list[float]:
        """The rate of each group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer."""
        return {k: v for k, v in self.__dict__.items() if k != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over what `state_dict` gave."""
        self.__dict__.update(state_dict)


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2
