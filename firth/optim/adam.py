"""Adam and AdamW."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from firth.base.dtype import DType
from firth.base.errors import ArgumentError, message
from firth.optim.optimizer import Group, Optimizer, State, zeros_like
from firth.tensor import Tensor, maximum
from firth.tensor.scalar import option


def _log(beta: float) -> float:
    return math.log(beta) if beta else -math.inf


def _log_first(betas: tuple[float, float]) -> float:
    return _log(betas[0])


def _log_second(betas: tuple[float, float]) -> float:
    return _log(betas[1])


_RATES: tuple[Callable[[tuple[float, float]], float], ...] = (
    lambda betas: 1.0 - betas[0],
    lambda betas: betas[1],
    lambda betas: 1.0 - betas[1],
)


class Adam(Optimizer):
    """Steps of size lr along mean / sqrt(mean square) of the gradients (Kingma and Ba, 2015).

    weight_decay adds weight_decay * p to the gradient; amsgrad keeps the largest mean square.
    """

    decoupled = False

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[Mapping[str, Any]],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        if not all(0.0 <= beta < 1.0 for beta in betas):
            raise ArgumentError(
                message(
                    type(self).__name__,
                    "betas are shares",
                    str(betas),
                    "0 <= beta < 1",
                    "the default is (0.9, 0.999)",
                )  # fmt: skip
            )
        super().__init__(
            params,
            dict(
                lr=lr,
                betas=tuple(betas),
                eps=eps,
                weight_decay=weight_decay,
                amsgrad=amsgrad,
                maximize=maximize,
            ),  # fmt: skip
        )

    def init(self, p: Tensor, group: Group) -> State:
        """Mean and mean square of the gradients, and the counter."""
        state = {"step": zeros_like(p), "exp_avg": zeros_like(p), "exp_avg_sq": zeros_like(p)}
        return {**state, "max_exp_avg_sq": zeros_like(p)} if group["amsgrad"] else state

    def prepare(self, step: Tensor | None, group: Group, dtype: DType) -> Any:
        """() each: the corrected step size and eps, rates, decay.

        Both corrections move out of the quotient: m / a / (sqrt(v) / r + eps) is
        r / a * m / (sqrt(v) + r * eps), one division for each element.
        """
        assert step is not None
        count = step.to(dtype)
        # 1 - beta**step, without the cancellation that float32 would suffer
        first = -(count * option(group, "betas", dtype, _log_first)).expm1()
        second = -(count * option(group, "betas", dtype, _log_second)).expm1()
        rates = tuple(option(group, "betas", dtype, of) for of in _RATES)
        decay = group["weight_decay"]
        kept = option(group, "lr", dtype, lambda lr: 1.0 - lr * decay) if decay else None
        root = second.sqrt()
        return option(group, "lr", dtype) * root / first, group["eps"] * root, *rates, kept

    def apply(
        self, p: Tensor, g: Tensor, state: State, group: Group, shared: Any
    ) -> tuple[Tensor, State]:
        """One step of one array."""
        rate, eps, first, beta, second, kept = shared
        if group["weight_decay"]:
            if self.decoupled:
                p = p * kept
            else:
                g = g + group["weight_decay"] * p
        mean = state["exp_avg"] + (g - state["exp_avg"]) * first
        square = beta * state["exp_avg_sq"] + second * (g * g)
        new = {"exp_avg": mean, "exp_avg_sq": square}
        if group["amsgrad"]:
            square = new["max_exp_avg_sq"] = maximum(state["max_exp_avg_sq"], square)
        return p - rate * (mean / (square.sqrt() + eps)), new


class AdamW(Adam):
    """Adam whose weight decay shrinks the parameters directly (Loshchilov and Hutter, 2019)."""

    decoupled = True

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[Mapping[str, Any]],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)
