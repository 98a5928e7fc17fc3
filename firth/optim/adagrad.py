"""Adagrad and Adadelta: steps scaled by the gradients so far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from firth.base.dtype import DType
from firth.base.errors import ArgumentError, message
from firth.optim.optimizer import Group, Optimizer, State, zeros_like
from firth.tensor import Tensor, from_numpy
from firth.tensor.scalar import option

Params = Iterable[Tensor] | Iterable[Mapping[str, Any]]


class Adagrad(Optimizer):
    """Steps along the gradient over the root of the sum of its squares (Duchi et al., 2011)."""

    def __init__(
        self, params: Params, lr: float = 1e-2, lr_decay: float = 0.0, weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0, eps: float = 1e-10, *, maximize: bool = False,
    ) -> None:  # fmt: skip
        if not (lr_decay >= 0 and initial_accumulator_value >= 0):
            raise ArgumentError(
                message("Adagrad", "lr_decay or initial_accumulator_value is negative",
                        f"{lr_decay}, {initial_accumulator_value}", "0 or more", "leave them out")
            )  # fmt: skip
        start = initial_accumulator_value
        super().__init__(
            params,
            dict(lr=lr, lr_decay=lr_decay, weight_decay=weight_decay, eps=eps, maximize=maximize,
                 initial_accumulator_value=start),
        )  # fmt: skip

    def init(self, p: Tensor, group: Group) -> State:
        """The sum of squares, and the counter."""
        start = np.full(p.shape, group["initial_accumulator_value"], p.dtype.np)
        return {"step": zeros_like(p), "sum": from_numpy(start)}

    def prepare(self, step: Tensor | None, group: Group, dtype: DType) -> Any:
        """The step size now."""
        assert step is not None
        lr = option(group, "lr", dtype)
        return lr / (1.0 + (step.to(dtype) - 1.0) * group["lr_decay"])

    def apply(
        self, p: Tensor, g: Tensor, state: State, group: Group, shared: Any
    ) -> tuple[Tensor, State]:
        """One step of one array."""
        if group["weight_decay"]:
            g = g + group["weight_decay"] * p
        total = state["sum"] + g * g
        return p - shared * (g / (total.sqrt() + group["eps"])), {"sum": total}


class Adadelta(Optimizer):
    """Steps as large as recent steps for gradients as large as recent ones (Zeiler, 2012)."""

    def __init__(
        self, params: Params, lr: float = 1.0, rho: float = 0.9, eps: float = 1e-6,
        weight_decay: float = 0.0, *, maximize: bool = False,
    ) -> None:  # fmt: skip
        if not 0 <= rho <= 1:
            raise ArgumentError(
                message("Adadelta", "rho is a share", str(rho), "0 to 1", "the default is 0.9")
            )
        super().__init__(
            params, dict(lr=lr, rho=rho, eps=eps, weight_decay=weight_decay, maximize=maximize)
        )

    def init(self, p: Tensor, group: Group) -> State:
        """Mean squares of the gradients and of the steps."""
        return {"square_avg": zeros_like(p), "acc_delta": zeros_like(p)}

    def apply(
        self, p: Tensor, g: Tensor, state: State, group: Group, shared: Any
    ) -> tuple[Tensor, State]:
        """One step of one array."""
        rho, eps = group["rho"], group["eps"]
        if group["weight_decay"]:
            g = g + group["weight_decay"] * p
        square = rho * state["square_avg"] + (1.0 - rho) * (g * g)
        delta = (state["acc_delta"] + eps).sqrt() / (square + eps).sqrt() * g
        steps = rho * state["acc_delta"] + (1.0 - rho) * (delta * delta)
        return p - option(group, "lr", p.dtype) * delta, {"square_avg": square, "acc_delta": steps}
