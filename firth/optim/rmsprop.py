"""RMSprop."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from firth.base.dtype import DType
from firth.optim.optimizer import Group, Optimizer, State, zeros_like
from firth.tensor import Tensor
from firth.tensor.scalar import option


class RMSprop(Optimizer):
    """Gradients over the root of their running mean square (Hinton, lecture 6, 2012).

    centered subtracts the running mean first; momentum runs over the scaled gradients.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[Mapping[str, Any]],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            dict(
                lr=lr,
                alpha=alpha,
                eps=eps,
                weight_decay=weight_decay,
                momentum=momentum,
                centered=centered,
                maximize=maximize,
            ),  # fmt: skip
        )

    def init(self, p: Tensor, group: Group) -> State:
        """The mean square, and what the options need."""
        state = {"step": zeros_like(p), "square_avg": zeros_like(p)}
        if group["momentum"]:
            state["momentum_buffer"] = zeros_like(p)
        if group["centered"]:
            state["grad_avg"] = zeros_like(p)
        return state

    def prepare(self, step: Tensor | None, group: Group, dtype: DType) -> Any:
        """lr."""
        return option(group, "lr", dtype)

    def apply(
        self, p: Tensor, g: Tensor, state: State, group: Group, shared: Any
    ) -> tuple[Tensor, State]:
        """One step of one array."""
        alpha = group["alpha"]
        if group["weight_decay"]:
            g = g + group["weight_decay"] * p
        square = alpha * state["square_avg"] + (1.0 - alpha) * (g * g)
        new = {"square_avg": square}
        if group["centered"]:
            mean = state["grad_avg"] + (g - state["grad_avg"]) * (1.0 - alpha)
            new["grad_avg"] = mean
            square = square - mean * mean
        direction = g / (square.sqrt() + group["eps"])
        if group["momentum"]:
            direction = group["momentum"] * state["momentum_buffer"] + direction
            new["momentum_buffer"] = direction
        return p - shared * direction, new
