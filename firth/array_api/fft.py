"""Fourier transforms, under the standard's names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import firth
from firth import DType, Tensor
from firth.tensor.arguments import guarded


def _along(name: str) -> Callable[..., Tensor]:
    """A transform along one axis."""
    function = getattr(firth.fft, name)

    def transform(
        x: Tensor, /, *, n: int | None = None, axis: int = -1, norm: str = "backward"
    ) -> Tensor:
        return function(x, n, axis, norm)  # type: ignore[no-any-return]

    return _named(transform, name, function)


def _over(name: str) -> Callable[..., Tensor]:
    """A transform over several axes."""
    function = getattr(firth.fft, name)

    def transform(
        x: Tensor, /, *, s: Sequence[int] | None = None, axes: Sequence[int] | None = None,
        norm: str = "backward",
    ) -> Tensor:  # fmt: skip
        return function(x, s, axes, norm)  # type: ignore[no-any-return]

    return _named(transform, name, function)


def _named(transform: Callable[..., Any], name: str, like: Any) -> Callable[..., Any]:
    transform.__name__ = transform.__qualname__ = name
    transform.__doc__ = like.__doc__.split("\n")[0]
    return transform


fft, ifft, rfft, irfft, hfft, ihfft = map(_along, "fft ifft rfft irfft hfft ihfft".split())
fftn, ifftn, rfftn, irfftn = map(_over, "fftn ifftn rfftn irfftn".split())


def fftfreq(n: int, /, *, d: float = 1.0, dtype: DType | None = None, device: Any = None) -> Tensor:
    """The frequencies of fft's results: -> (n)."""
    return firth.fft.fftfreq(n, d, dtype=dtype, device=device)  # type: ignore[no-any-return]


def rfftfreq(
    n: int, /, *, d: float = 1.0, dtype: DType | None = None, device: Any = None
) -> Tensor:
    """The frequencies of rfft's results: -> (n // 2 + 1)."""
    return firth.fft.rfftfreq(n, d, dtype=dtype, device=device)  # type: ignore[no-any-return]


def fftshift(x: Tensor, /, *, axes: int | Sequence[int] | None = None) -> Tensor:
    """Frequency 0 in the middle of axes (all without any)."""
    return firth.fft.fftshift(x, axes)  # type: ignore[no-any-return]


def ifftshift(x: Tensor, /, *, axes: int | Sequence[int] | None = None) -> Tensor:
    """The inverse of fftshift."""
    return firth.fft.ifftshift(x, axes)  # type: ignore[no-any-return]


guarded(globals())
