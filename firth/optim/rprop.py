"""Rprop and averaged stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from firth.base.dtype import DType
from firth.base.errors import ArgumentError, message
from firth.optim.optimizer import Group, Optimizer, State, zeros_like
from firth.tensor import Tensor, from_numpy, where
from firth.tensor.scalar import option

Params = Iterable[Tensor] | Iterable[Mapping[str, Any]]


class Rprop(Optimizer):
    """Steps of one size per element, by the signs of gradients alone (Riedmiller and Braun, 1993).

    A size grows by etas[1] while the sign stays, and shrinks by etas[0] where it turns; it stays
    within step_sizes and begins as lr. For whole batches.
    """

    def __init__(
        self, params: Params, lr: float = 1e-2, etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50.0), *, maximize: bool = False,
    ) -> None:  # fmt: skip
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ArgumentError(
                message("Rprop", "etas do not shrink and grow", str(etas), "0 < one < 1 < other",
                        "the default is (0.5, 1.2)")
            )  # fmt: skip
        super().__init__(params, dict(lr=lr, etas=tuple(etas), step_sizes=tuple(step_sizes),
                                      maximize=maximize))  # fmt: skip

    def init(self, p: Tensor, group: Group) -> State:
        """The last gradient and the size of each element's step."""
        sizes = from_numpy(np.full(p.shape, float(group["lr"]), p.dtype.np))
        return {"step": zeros_like(p), "prev": zeros_like(p), "step_size": sizes}

    def apply(
        self, p: Tensor, g: Tensor, state: State, group: Group, shared: Any
    ) -> tuple[Tensor, State]:
        """One step of one array."""
        (shrink, grow), (least, most) = group["etas"], group["step_sizes"]
        same = g * state["prev"]
        sizes = state["step_size"]
        sizes = where(same > 0, sizes * grow, where(same < 0, sizes * shrink, sizes))
        sizes = sizes.clamp(least, most)
        g = where(same < 0, 0.0, g)  # no step where the sign turns, and none is remembered
        return p - g.sign() * sizes, {"prev": g, "step_size": sizes}


class ASGD(Optimizer):
    """Averaged stochastic gradient descent (Polyak and Juditsky, 1992); the mean is state's "ax".

    The step shrinks as lr / (1 + lambd * lr * steps)**alpha; the mean begins at step t0.
    """

    def __init__(
        self, params: Params, lr: float = 1e-2, lambd: float = 1e-4, alpha: float = 0.75,
        t0: float = 1e6, weight_decay: float = 0.0, *, maximize: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, dict(lr=lr, lambd=lambd, alpha=alpha, t0=t0,
                                      weight_decay=weight_decay, maximize=maximize))  # fmt: skip

    def init(self, p: Tensor, group: Group) -> State:
        """The mean, and the counter."""
        return {"step": zeros_like(p), "ax": zeros_like(p)}

    def prepare(self, step: Tensor | None, group: Group, dtype: DType) -> Any:
        """(size of this step, share of the new array in the mean)."""
        assert step is not None
        before, lr = step.to(dtype) - 1.0, option(group, "lr", dtype)
        size = lr / (before * lr * group["lambd"] + 1.0) ** group["alpha"]
        return size, 1.0 / (before - group["t0"]).clamp(min=1.0)

    def apply(
        self, p: Tensor, g: Tensor, state: State, group: Group, shared: Any
    ) -> tuple[Tensor, State]:
        """One step of one array."""
        size, share = shared
        if group["weight_decay"]:
            g = g + group["weight_decay"] * p
        new = p * (1.0 - group["lambd"] * size) - size * g
        return new, {"ax": state["ax"] + (new - state["ax"]) * share}
