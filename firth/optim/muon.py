"""Muon: momentum made orthogonal, for weights that are matrices (Jordan et al., 2024)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from firth.base.errors import ArgumentError, DTypeError, ShapeError, message
from firth.optim.optimizer import Group, Optimizer, State, zeros_like
from firth.tensor import Tensor
from firth.tensor.scalar import option

_SIZES = (None, "original", "match_rms_adamw")


class Muon(Optimizer):
    """Steps along momentum whose singular values are made nearly equal. For matrices only.

    The orthogonal steps come from ns_steps of a Newton-Schulz iteration, computed in the dtype of
    the parameter (PyTorch rounds them to bfloat16). adjust_lr_fn: "original" lengthens steps of
    tall matrices, "match_rms_adamw" makes them as long as AdamW's. Give biases, norms and
    embeddings to another optimizer.
    """

    def __init__(
        self, params: Iterable[Tensor] | Iterable[Mapping[str, Any]], lr: float = 1e-3,
        weight_decay: float = 0.1, momentum: float = 0.95, nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315), eps: float = 1e-7,
        ns_steps: int = 5, adjust_lr_fn: str | None = None,
    ) -> None:  # fmt: skip
        if adjust_lr_fn not in _SIZES:
            raise ArgumentError(
                message("Muon", "no such adjust_lr_fn", repr(adjust_lr_fn),
                        "None, 'original' or 'match_rms_adamw'", "the default is None")
            )  # fmt: skip
        if not 0 <= ns_steps < 100 or len(ns_coefficients) != 3:
            raise ArgumentError(
                message("Muon", "no such iteration",
                        f"{ns_steps} steps, {len(ns_coefficients)} coefficients",
                        "0 to 99 steps, 3 coefficients", "the default takes 5 steps")
            )  # fmt: skip
        super().__init__(params, dict(
            lr=lr, weight_decay=weight_decay, momentum=momentum, nesterov=nesterov,
            ns_coefficients=tuple(ns_coefficients), eps=eps, ns_steps=ns_steps,
            adjust_lr_fn=adjust_lr_fn,
        ))  # fmt: skip

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Adds a group; ShapeError for what is no matrix."""
        super().add_param_group(group)
        for p in self.param_groups[-1]["params"]:
            if p.dtype.is_complex:
                raise DTypeError(
                    message("Muon", "a parameter is complex", p.dtype.name, "real matrices",
                            "give it to another optimizer, AdamW for example")
                )  # fmt: skip
            if p.ndim != 2:
                raise ShapeError(
                    message("Muon", "a parameter is no matrix", f"shape {tuple(p.shape)}",
                            "two dimensions", "give it to another optimizer, AdamW for example")
                )  # fmt: skip

    def init(self, p: Tensor, group: Group) -> State:
        """The momentum."""
        return {"momentum_buffer": zeros_like(p)}

    def apply(
        self, p: Tensor, g: Tensor, state: State, group: Group, shared: Any
    ) -> tuple[Tensor, State]:
        """One step of one array."""
        lr, keep = option(group, "lr", p.dtype), option(group, "momentum", p.dtype)
        velocity = state["momentum_buffer"]
        velocity = velocity + (g - velocity) * (1.0 - keep)
        along = g + (velocity - g) * keep if group["nesterov"] else velocity
        rows, columns = p.shape
        length = math.sqrt(max(1.0, rows / max(columns, 1)))
        if group["adjust_lr_fn"] == "match_rms_adamw":
            length = 0.2 * math.sqrt(max(rows, columns))
        step = _orthogonal(along, group) * (lr * length)
        return p * (1.0 - lr * group["weight_decay"]) - step, {"momentum_buffer": velocity}


def _orthogonal(x: Tensor, group: Group) -> Tensor:
    """Nearly U V^T of U S V^T, by a quintic iteration on singular values of at most 1: (m, n)."""
    a, b, c = group["ns_coefficients"]
    tall = x.shape[0] > x.shape[1]
    x = x.mT if tall else x
    x = x / (x * x).sum().sqrt().clamp(min=group["eps"])
    for _ in range(group["ns_steps"]):
        gram = x @ x.mT
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return x.mT if tall else x
