"""Penalties on weights that are added to the loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from firth.keras.lookup import Configured, lookup
from firth.tensor import Tensor


class Regularizer(Configured):
    """A function of a weight -> penalty ()."""

    def __call__(self, x: Tensor) -> Tensor:
        raise NotImplementedError


class L1L2(Regularizer):
    """l1 * sum(|x|) + l2 * sum(x * x)."""

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1, self.l2 = l1 or 0.0, l2 or 0.0

    def __call__(self, x: Tensor) -> Tensor:
        total = self.l1 * x.abs().sum() if self.l1 else 0.0
        return total + self.l2 * (x * x).sum() if self.l2 or not self.l1 else total


class L1(L1L2):
    """l1 * sum(|x|)."""

    def __init__(self, l1: float = 0.01) -> None:
        super().__init__(l1, 0.0)


class L2(L1L2):
    """l2 * sum(x * x)."""

    def __init__(self, l2: float = 0.01) -> None:
        super().__init__(0.0, l2)


l1, l2, l1_l2 = L1, L2, L1L2


def get(identifier: Any) -> Callable[[Tensor], Tensor] | None:
    """A regularizer by its name, or itself; None is None."""
    return lookup("regularizer", globals(), identifier, Regularizer)
