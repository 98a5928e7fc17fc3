"""Adafactor."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from firth.base.dtype import DType
from firth.base.errors import ArgumentError, message
from firth.optim.optimizer import Group, Optimizer, State, zeros_like
from firth.tensor import Tensor, from_numpy, minimum
from firth.tensor.scalar import option


class Adafactor(Optimizer):
    """Adam's scaling from the mean squares of rows and of columns alone (Shazeer and Stern, 2018).

    State of a matrix (m, n) is m + n numbers. eps: what mean squares are at least (None: the
    dtype's), and what the size of an array is at least; d: the largest step, in units of lr.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[Mapping[str, Any]],
        lr: float = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        for fine, wrong, got, expected in (
            (beta2_decay <= 0, "beta2_decay is positive", beta2_decay, "0 or less"),
            (min(eps[0] or 0.0, eps[1]) >= 0, "eps is negative", eps, "0 or more"),
            (d >= 1, "d is below 1", d, "1 or more"),
        ):
            if not fine:
                raise ArgumentError(message("Adafactor", wrong, str(got), expected, "leave it out"))
        super().__init__(
            params,
            dict(lr=lr, beta2_decay=beta2_decay, eps=tuple(eps), d=d, weight_decay=weight_decay,
                 maximize=maximize),
        )  # fmt: skip

    def init(self, p: Tensor, group: Group) -> State:
        """Mean squares of rows and columns, or of all elements of a vector."""
        if p.dtype.is_complex:
            self._refuse("a parameter is complex", p.dtype.name, "real numbers")
        if p.ndim < 2:
            return {"step": zeros_like(p), "variance": zeros_like(p)}
        rows, columns = (*p.shape[:-1], 1), (*p.shape[:-2], 1, p.shape[-1])
        names = {"row_var": rows, "col_var": columns}
        zeros = {n: from_numpy(np.zeros(shape, p.dtype.np)) for n, shape in names.items()}
        return {"step": zeros_like(p), **zeros}

    def prepare(self, step: Tensor | None, group: Group, dtype: DType) -> Any:
        """(share of the new squares, relative size of the step)."""
        assert step is not None
        count = step.to(dtype)
        largest = minimum(count.rsqrt(), option(group, "lr", dtype))
        return count ** group["beta2_decay"], largest

    def apply(
        self, p: Tensor, g: Tensor, state: State, group: Group, shared: Any
    ) -> tuple[Tensor, State]:
        """One step of one array."""
        share, size = shared
        eps, least = group["eps"]
        eps = float(np.finfo(p.dtype.np).eps) if eps is None else eps
        count = math.sqrt(max(p.numel(), 1))
        size = size * (p.norm() / count).clamp(min=least)
        if group["weight_decay"]:
            p = p * (1.0 - option(group, "lr", p.dtype) * group["weight_decay"])
        squares = {"variance": g * g} if p.ndim < 2 else {
            "row_var": (g * g).mean(-1, keepdim=True), "col_var": (g * g).mean(-2, keepdim=True)
        }  # fmt: skip
        new = {name: state[name] + (x - state[name]) * share for name, x in squares.items()}
        if p.ndim < 2:
            estimate = new["variance"]
        else:
            mean = new["row_var"].mean(-2, keepdim=True).clamp(min=eps)
            estimate = new["row_var"] * new["col_var"] / mean
        change = g * estimate.clamp(min=eps * eps).rsqrt()
        over = (change.norm() / (count * group["d"])).clamp(min=1.0)
        return p - change * (size / over), new
