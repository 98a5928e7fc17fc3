"""A running mean."""

from __future__ import annotations

from typing import Any

import numpy as np


class Mean:
    """The weighted mean of everything seen.

    >>> loss = Mean()
    >>> loss.update(2.0, weight=3)
    >>> loss.update(4.0)
    >>> loss.compute()
    2.5
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forgets everything."""
        self.total = 0.0
        self.weight = 0.0

    def update(self, value: Any, weight: float = 1.0) -> None:
        """Adds a number, or the mean of an array or tensor."""
        self.total += float(np.mean(np.asarray(value, np.float64))) * weight
        self.weight += weight

    def compute(self) -> float:
        """The mean; NaN before the first update."""
        return self.total / self.weight if self.weight else float("nan")
