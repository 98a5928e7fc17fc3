"""Learning rates that depend on the number of steps."""

from __future__ import annotations

import bisect
import math
from typing import Any

from firth.base.errors import ArgumentError, message
from firth.keras.lookup import Configured


class LearningRateSchedule(Configured):
    """A function of the number of steps so far -> the next step's rate."""

    def __call__(self, step: Any) -> float:
        raise NotImplementedError


class ExponentialDecay(LearningRateSchedule):
    """initial * rate**(step / steps), in whole steps with staircase.

    >>> ExponentialDecay(1.0, 10, 0.5)(20)
    0.25
    """

    def __init__(
        self, initial_learning_rate: float, decay_steps: int, decay_rate: float,
        staircase: bool = False, name: str = "ExponentialDecay",
    ) -> None:  # fmt: skip
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, decay_steps
        self.decay_rate, self.staircase, self.name = decay_rate, staircase, name

    def __call__(self, step: Any) -> float:
        turns = int(step) / self.decay_steps
        return float(
            self.initial_learning_rate
            * self.decay_rate ** (math.floor(turns) if self.staircase else turns)
        )


class InverseTimeDecay(ExponentialDecay):
    """initial / (1 + rate * step / steps)."""

    def __call__(self, step: Any) -> float:
        turns = int(step) / self.decay_steps
        turns = math.floor(turns) if self.staircase else turns
        return float(self.initial_learning_rate / (1 + self.decay_rate * turns))


class PiecewiseConstantDecay(LearningRateSchedule):
    """values[k] while the step is at most boundaries[k]; the last value after all of them."""

    def __init__(self, boundaries: Any, values: Any, name: str = "PiecewiseConstant") -> None:
        if len(boundaries) != len(values) - 1:
            raise ArgumentError(
                message("PiecewiseConstantDecay", "boundaries lie between values",
                        f"{len(boundaries)} boundaries and {len(values)} values",
                        "one value more than boundaries", "add a value")
            )  # fmt: skip
        self.boundaries, self.values, self.name = list(boundaries), list(values), name

    def __call__(self, step: Any) -> float:
        return float(self.values[bisect.bisect_left(self.boundaries, int(step))])


class PolynomialDecay(LearningRateSchedule):
    """From initial to end along a power of the time that is left; again and again with cycle."""

    def __init__(
        self, initial_learning_rate: float, decay_steps: int, end_learning_rate: float = 0.0001,
        power: float = 1.0, cycle: bool = False, name: str = "PolynomialDecay",
    ) -> None:  # fmt: skip
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, decay_steps
        self.end_learning_rate, self.power = end_learning_rate, power
        self.cycle, self.name = cycle, name

    def __call__(self, step: Any) -> float:
        step, whole = int(step), self.decay_steps
        if self.cycle:
            whole *= max(1, math.ceil(step / whole))
        left = 1 - min(step, whole) / whole
        span = self.initial_learning_rate - self.end_learning_rate
        return float(span * left**self.power + self.end_learning_rate)


class CosineDecay(LearningRateSchedule):
    """Half a cosine from initial to alpha * initial, after an optional straight warm-up."""

    def __init__(
        self, initial_learning_rate: float, decay_steps: int, alpha: float = 0.0,
        name: str = "CosineDecay", warmup_target: float | None = None, warmup_steps: int = 0,
    ) -> None:  # fmt: skip
        self.initial_learning_rate, self.decay_steps, self.alpha = (
            initial_learning_rate,
            decay_steps,
            alpha,
        )
        self.name, self.warmup_target, self.warmup_steps = name, warmup_target, warmup_steps

    def __call__(self, step: Any) -> float:
        step, start = int(step), self.initial_learning_rate
        if self.warmup_target is not None:
            if step < self.warmup_steps:
                return float(start + (self.warmup_target - start) * step / self.warmup_steps)
            step, start = step - self.warmup_steps, self.warmup_target
        share = 0.5 * (1 + math.cos(math.pi * min(step, self.decay_steps) / self.decay_steps))
        return float(start * ((1 - self.alpha) * share + self.alpha))


class CosineDecayRestarts(LearningRateSchedule):
    """Cosine decay that begins again, each time t_mul times as long and m_mul times as high."""

    def __init__(
        self, initial_learning_rate: float, first_decay_steps: int, t_mul: float = 2.0,
        m_mul: float = 1.0, alpha: float = 0.0, name: str = "SGDRDecay",
    ) -> None:  # fmt: skip
        self.initial_learning_rate, self.first_decay_steps = (
            initial_learning_rate,
            first_decay_steps,
        )
        self.t_mul, self.m_mul, self.alpha, self.name = t_mul, m_mul, alpha, name

    def __call__(self, step: Any) -> float:
        done, length, height = float(int(step)), float(self.first_decay_steps), 1.0
        while done >= length:
            done -= length
            length *= self.t_mul
            height *= self.m_mul
        share = 0.5 * height * (1 + math.cos(math.pi * done / length))
        return float(self.initial_learning_rate * ((1 - self.alpha) * share + self.alpha))
