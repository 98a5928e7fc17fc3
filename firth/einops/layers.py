"""Patterns as modules, for `nn.Sequential`."""

from __future__ import annotations

from firth.einops.functions import Reduction, rearrange, reduce
from firth.nn import Module
from firth.tensor import Tensor

__all__ = ["Rearrange", "Reduce"]


class Rearrange(Module):
    """`rearrange` as a layer: x (...) -> (...).

    >>> Rearrange("b c h w -> b (c h w)")(firth.zeros(2, 3, 4, 5)).shape
    Size([2, 60])
    """

    def __init__(self, pattern: str, **axes_lengths: int) -> None:
        self.pattern = pattern
        self.axes_lengths = axes_lengths

    def extra_repr(self) -> str:
        """The pattern and its lengths."""
        return ", ".join([repr(self.pattern), *(f"{k}={v}" for k, v in self.axes_lengths.items())])

    def forward(self, x: Tensor) -> Tensor:
        """x: (...) -> (...)."""
        return rearrange(x, self.pattern, **self.axes_lengths)


class Reduce(Module):
    """`reduce` as a layer: x (...) -> (...).

    >>> Reduce("b c (h 2) (w 2) -> b c h w", "max")(firth.zeros(2, 3, 4, 6)).shape
    Size([2, 3, 2, 3])
    """

    def __init__(self, pattern: str, reduction: Reduction, **axes_lengths: int) -> None:
        self.pattern = pattern
        self.reduction = reduction
        self.axes_lengths = axes_lengths

    def extra_repr(self) -> str:
        """The pattern, the reduction and lengths."""
        lengths = (f"{k}={v}" for k, v in self.axes_lengths.items())
        return ", ".join([repr(self.pattern), repr(self.reduction), *lengths])

    def forward(self, x: Tensor) -> Tensor:
        """x: (...) -> (...)."""
        return reduce(x, self.pattern, self.reduction, **self.axes_lengths)
