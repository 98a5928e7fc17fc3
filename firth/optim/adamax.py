"""Relatives of Adam: Adamax, NAdam and RAdam."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from firth.base.dtype import DType
from firth.base.errors import ArgumentError, message
from firth.optim.optimizer import Group, Optimizer, State, zeros_like
from firth.tensor import Tensor, from_numpy, maximum, where
from firth.tensor.scalar import option

Params = Iterable[Tensor] | Iterable[Mapping[str, Any]]


def _power(beta: float, count: Tensor) -> Tensor:
    """beta**count."""
    return (count * (math.log(beta) if beta else -math.inf)).exp()


class _Moments(Optimizer):
    """What the three share: two moments, and weight decay of either kind."""

    def _check(self, betas: tuple[float, float], **more: float) -> None:
        if not all(0.0 <= beta < 1.0 for beta in betas):
            raise ArgumentError(
                message(type(self).__name__, "betas are shares", str(betas), "0 <= beta < 1",
                        "the default is (0.9, 0.999)")
            )  # fmt: skip
        for name, value in more.items():
            if not value >= 0:
                raise ArgumentError(
                    message(type(self).__name__, f"{name} is negative", str(value), "0 or more",
                            "leave it out")
                )  # fmt: skip

    def _decayed(self, p: Tensor, g: Tensor, group: Group) -> tuple[Tensor, Tensor]:
        decay = group["weight_decay"]
        if not decay:
            return p, g
        if group.get("decoupled_weight_decay"):
            return p * (1.0 - option(group, "lr", p.dtype) * decay), g
        return p, g + decay * p


class Adamax(_Moments):
    """Adam with the largest gradient in place of the mean square (Kingma and Ba, 2015)."""

    def __init__(
        self, params: Params, lr: float = 2e-3, betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 0.0, *, maximize: bool = False,
    ) -> None:  # fmt: skip
        self._check(betas)
        super().__init__(params, dict(lr=lr, betas=tuple(betas), eps=eps,
                                      weight_decay=weight_decay, maximize=maximize))  # fmt: skip

    def init(self, p: Tensor, group: Group) -> State:
        """Mean and largest gradient, and the counter."""
        return {"step": zeros_like(p), "exp_avg": zeros_like(p), "exp_inf": zeros_like(p)}

    def prepare(self, step: Tensor | None, group: Group, dtype: DType) -> Any:
        """The corrected step size."""
        assert step is not None
        return option(group, "lr", dtype) / (1.0 - _power(group["betas"][0], step.to(dtype)))

    def apply(
        self, p: Tensor, g: Tensor, state: State, group: Group, shared: Any
    ) -> tuple[Tensor, State]:
        """One step of one array."""
        first, second = group["betas"]
        p, g = self._decayed(p, g, group)
        mean = state["exp_avg"] + (g - state["exp_avg"]) * (1.0 - first)
        most = maximum(state["exp_inf"] * second, g.abs() + group["eps"])
        return p - shared * (mean / most), {"exp_avg": mean, "exp_inf": most}


class NAdam(_Moments):
    """Adam with Nesterov's momentum (Dozat, 2016)."""

    def __init__(
        self, params: Params, lr: float = 2e-3, betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 0.0, momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False, *, maximize: bool = False,
    ) -> None:  # fmt: skip
        self._check(betas, momentum_decay=momentum_decay)
        super().__init__(
            params,
            dict(lr=lr, betas=tuple(betas), eps=eps, weight_decay=weight_decay, maximize=maximize,
                 momentum_decay=momentum_decay, decoupled_weight_decay=decoupled_weight_decay),
        )  # fmt: skip

    def init(self, p: Tensor, group: Group) -> State:
        """Both moments, the product of the momenta so far, and the counter."""
        return {
            "step": zeros_like(p), "exp_avg": zeros_like(p), "exp_avg_sq": zeros_like(p),
            "mu_product": from_numpy(np.ones((), p.dtype.np)),
        }  # fmt: skip

    def prepare(self, step: Tensor | None, group: Group, dtype: DType) -> Any:
        """This step's momentum, the next one's, and the correction of the mean square."""
        assert step is not None
        count, first = step.to(dtype), group["betas"][0]
        decay = group["momentum_decay"]
        now = first * (1.0 - 0.5 * _power(0.96, count * decay))
        later = first * (1.0 - 0.5 * _power(0.96, (count + 1.0) * decay))
        return now, later, 1.0 - _power(group["betas"][1], count)

    def apply(
        self, p: Tensor, g: Tensor, state: State, group: Group, shared: Any
    ) -> tuple[Tensor, State]:
        """One step of one array."""
        (first, second), (now, later, correction) = group["betas"], shared
        p, g = self._decayed(p, g, group)
        lr, product = option(group, "lr", p.dtype), state["mu_product"] * now
        mean = state["exp_avg"] + (g - state["exp_avg"]) * (1.0 - first)
        square = second * state["exp_avg_sq"] + (1.0 - second) * (g * g)
        size = (square / correction).sqrt() + group["eps"]
        p = p - lr * (1.0 - now) / (1.0 - product) * (g / size)
        p = p - lr * later / (1.0 - product * later) * (mean / size)
        return p, {"exp_avg": mean, "exp_avg_sq": square, "mu_product": product}


class RAdam(_Moments):
    """Adam that waits until the mean square is worth dividing by (Liu et al., 2020)."""

    def __init__(
        self, params: Params, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 0.0, decoupled_weight_decay: bool = False, *,
        maximize: bool = False,
    ) -> None:  # fmt: skip
        self._check(betas)
        super().__init__(
            params,
            dict(lr=lr, betas=tuple(betas), eps=eps, weight_decay=weight_decay, maximize=maximize,
                 decoupled_weight_decay=decoupled_weight_decay),
        )  # fmt: skip

    def init(self, p: Tensor, group: Group) -> State:
        """Both moments, and the counter."""
        return {"step": zeros_like(p), "exp_avg": zeros_like(p), "exp_avg_sq": zeros_like(p)}

    def prepare(self, step: Tensor | None, group: Group, dtype: DType) -> Any:
        """The correction of the mean, whether to divide, and the rectified step's factor."""
        assert step is not None
        count, (first, second) = step.to(dtype), group["betas"]
        correction = 1.0 - _power(second, count)
        most = 2.0 / (1.0 - second) - 1.0
        length = most - 2.0 * count * _power(second, count) / correction
        ready = length > 5.0
        safe = where(ready, length, 6.0)
        ratio = (safe - 4.0) * (safe - 2.0) * most / ((most - 4.0) * (most - 2.0) * safe)
        return 1.0 - _power(first, count), ready, (ratio * correction).sqrt()

    def apply(
        self, p: Tensor, g: Tensor, state: State, group: Group, shared: Any
    ) -> tuple[Tensor, State]:
        """One step of one array."""
        (first, second), (correction, ready, factor) = group["betas"], shared
        p, g = self._decayed(p, g, group)
        mean = state["exp_avg"] + (g - state["exp_avg"]) * (1.0 - first)
        square = second * state["exp_avg_sq"] + (1.0 - second) * (g * g)
        scale = where(ready, factor / (square.sqrt() + group["eps"]), 1.0)
        moved = p - option(group, "lr", p.dtype) / correction * mean * scale
        return moved, {"exp_avg": mean, "exp_avg_sq": square}
