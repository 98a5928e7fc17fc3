"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from firth.base.dtype import DType
from firth.base.errors import ArgumentError, message
from firth.optim.optimizer import Group, Optimizer, State, zeros_like
from firth.tensor import Tensor
from firth.tensor.scalar import option


class SGD(Optimizer):
    """v = momentum * v + (1 - dampening) * g; p -= lr * v (with nesterov, lr * (g + momentum * v)).

    weight_decay adds weight_decay * p to the gradient (Sutskever et al., 2013, as PyTorch has it).
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[Mapping[str, Any]],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ArgumentError(
                message(
                    "SGD",
                    "Nesterov momentum needs a momentum and no dampening",
                    f"momentum={momentum}, dampening={dampening}",
                    "momentum > 0, dampening=0",
                    "set momentum=0.9",
                )  # fmt: skip
            )
        super().__init__(
            params,
            dict(
                lr=lr,
                momentum=momentum,
                dampening=dampening,
                weight_decay=weight_decay,
                nesterov=nesterov,
                maximize=maximize,
            ),  # fmt: skip
        )

    def init(self, p: Tensor, group: Group) -> State:
        """The momentum, and a counter where the first step is special."""
        if not group["momentum"]:
            return {}
        state = {"momentum_buffer": zeros_like(p)}
        return {**state, "step": zeros_like(p)} if group["dampening"] else state

    def prepare(self, step: Tensor | None, group: Group, dtype: DType) -> Any:
        """lr, momentum, and the share of the gradient that enters it: all at the first step."""
        lr, momentum = option(group, "lr", dtype), option(group, "momentum", dtype)
        if step is None:
            return lr, momentum, None
        dampening = group["dampening"]
        return lr, momentum, (step == 1.0).to(dtype) * dampening + (1.0 - dampening)

    def apply(
        self, p: Tensor, g: Tensor, state: State, group: Group, shared: Any
    ) -> tuple[Tensor, State]:
        """One step of one array."""
        lr, momentum, share = shared
        if group["weight_decay"]:
            g = g + group["weight_decay"] * p
        if not state:
            return p - lr * g, {}
        v = momentum * state["momentum_buffer"] + (g if share is None else share * g)
        direction = g + momentum * v if group["nesterov"] else v
        return p - lr * direction, {"momentum_buffer": v}
