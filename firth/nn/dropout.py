"""Dropout, of elements and of whole channels."""

from __future__ import annotations

from firth.base.errors import ArgumentError, message
from firth.nn import functional as F
from firth.nn.module import Module
from firth.tensor import Tensor


class Dropout(Module):
    """In training, zeroes elements with probability p and scales the rest by 1 / (1 - p)."""

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        if not 0 <= p <= 1:
            raise ArgumentError(
                message(
                    type(self).__name__,
                    "p is not a probability",
                    str(p),
                    "0 <= p <= 1",
                    "p is the share of elements that is dropped",
                )  # fmt: skip
            )
        self.p = p
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        """x: (...), the same shape out."""
        return F.dropout(x, self.p, self.training)

    def extra_repr(self) -> str:
        """The probability."""
        return f"p={self.p}, inplace={self.inplace}"


class Dropout1d(Dropout):
    """In training, zeroes whole channels with probability p. x: (N, C, L)."""

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, C, L), the same shape out."""
        return F.dropout1d(x, self.p, self.training)


class Dropout2d(Dropout):
    """In training, zeroes whole channels with probability p. x: (N, C, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, C, H, W), the same shape out."""
        return F.dropout2d(x, self.p, self.training)


class Dropout3d(Dropout):
    """In training, zeroes whole channels with probability p. x: (N, C, D, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, C, D, H, W), the same shape out."""
        return F.dropout3d(x, self.p, self.training)


class AlphaDropout(Dropout):
    """Dropout that keeps mean 0 and variance 1, for SELU (Klambauer et al., 2017). x: (...)."""

    def forward(self, x: Tensor) -> Tensor:
        """x: (...), the same shape out."""
        return F.alpha_dropout(x, self.p, self.training)
