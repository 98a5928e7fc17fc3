"""Window functions: (M,) float, symmetric, or periodic with sym=False."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from firth.base.dtype import DType
from firth.base.errors import ArgumentError, DTypeError, message
from firth.tensor import Tensor, get_default_dtype, tensor
from firth.tensor.arguments import guarded

__all__ = [
    "bartlett", "blackman", "cosine", "exponential", "gaussian", "general_cosine",
    "general_hamming", "hamming", "hann", "kaiser", "nuttall",
]  # fmt: skip

Shape = Callable[[np.ndarray, float], np.ndarray]


def _window(
    name: str, M: int, sym: bool, dtype: DType | None, requires_grad: bool, shape: Shape
) -> Tensor:
    """The window that `shape` gives for places 0, 1, ... and the last place, in float64."""
    kind = dtype or get_default_dtype()
    if kind.kind != "f":
        raise DTypeError(
            message(name, "a window is of floats", kind.name, "a float dtype", "leave it out")
        )
    if not isinstance(M, int) or M < 0:
        raise ArgumentError(message(name, "no such length", repr(M), "0 or more", "use M=64"))
    if M < 2:
        values = np.ones(M)
    else:
        values = shape(np.arange(M, dtype=np.float64), float(M - 1 if sym else M))
    return tensor(values, dtype=kind, requires_grad=requires_grad)


def _positive(name: str, what: str, value: float) -> None:
    if value <= 0:
        raise ArgumentError(message(name, f"{what} is not positive", str(value), "above 0", "1.0"))


def general_cosine(
    M: int, *, a: Iterable[float], sym: bool = True, dtype: DType | None = None,
    device: Any = None, requires_grad: bool = False, layout: Any = None,
) -> Tensor:  # fmt: skip
    """A sum of cosines: a[0] - a[1] cos(w) + a[2] cos(2w) - ...: -> (M,)."""
    weights = list(a) if isinstance(a, Iterable) else []
    if not weights:
        raise ArgumentError(
            message("general_cosine", "no coefficients", repr(a), "at least one", "[1.0]")
        )
    return _window("general_cosine", M, sym, dtype, requires_grad, _cosines(weights))


def _cosines(weights: list[float]) -> Shape:
    def shape(n: np.ndarray, last: float) -> np.ndarray:
        out = np.zeros_like(n)
        for k, weight in enumerate(weights):
            out += (-1) ** k * weight * np.cos(2 * math.pi * k / last * n)
        return out

    return shape


def _family(name: str, weights: list[float], doc: str) -> Callable[..., Tensor]:
    def function(
        M: int, *, sym: bool = True, dtype: DType | None = None, device: Any = None,
        requires_grad: bool = False, layout: Any = None,
    ) -> Tensor:  # fmt: skip
        return _window(name, M, sym, dtype, requires_grad, _cosines(weights))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return function


hann = _family("hann", [0.5, 0.5], "The Hann window, a raised cosine: -> (M,).")
hamming = _family("hamming", [0.54, 0.46], "The Hamming window: -> (M,).")
blackman = _family("blackman", [0.42, 0.5, 0.08], "The Blackman window: -> (M,).")
nuttall = _family(
    "nuttall", [0.3635819, 0.4891775, 0.1365995, 0.0106411],
    "The minimum 4-term Blackman-Harris window after Nuttall: -> (M,).",
)  # fmt: skip


def general_hamming(
    M: int, *, alpha: float = 0.54, sym: bool = True, dtype: DType | None = None,
    device: Any = None, requires_grad: bool = False, layout: Any = None,
) -> Tensor:  # fmt: skip
    """alpha - (1 - alpha) cos(w): -> (M,)."""
    return general_cosine(M, a=[alpha, 1 - alpha], sym=sym, dtype=dtype,
                          requires_grad=requires_grad)  # fmt: skip


def bartlett(
    M: int, *, sym: bool = True, dtype: DType | None = None, device: Any = None,
    requires_grad: bool = False, layout: Any = None,
) -> Tensor:  # fmt: skip
    """A triangle, 0 at its ends: -> (M,)."""
    return _window("bartlett", M, sym, dtype, requires_grad,
                   lambda n, last: 1 - np.abs(2 * n / last - 1))  # fmt: skip


def cosine(
    M: int, *, sym: bool = True, dtype: DType | None = None, device: Any = None,
    requires_grad: bool = False, layout: Any = None,
) -> Tensor:  # fmt: skip
    """Half a period of the sine: -> (M,)."""
    return _window("cosine", M, sym, dtype, requires_grad,
                   lambda n, last: np.sin(math.pi * (n + 0.5) / (last + 1)))  # fmt: skip


def gaussian(
    M: int, *, std: float = 1.0, sym: bool = True, dtype: DType | None = None,
    device: Any = None, requires_grad: bool = False, layout: Any = None,
) -> Tensor:  # fmt: skip
    """A Gaussian bell of a standard deviation in samples: -> (M,)."""
    _positive("gaussian", "std", std)
    return _window("gaussian", M, sym, dtype, requires_grad,
                   lambda n, last: np.exp(-(((n - last / 2) / std) ** 2) / 2))  # fmt: skip


def exponential(
    M: int, *, center: float | None = None, tau: float = 1.0, sym: bool = True,
    dtype: DType | None = None, device: Any = None, requires_grad: bool = False,
    layout: Any = None,
) -> Tensor:  # fmt: skip
    """exp(-|n - center| / tau), around the middle unless a center is given: -> (M,)."""
    _positive("exponential", "tau", tau)
    if center is not None and sym:
        raise ArgumentError(
            message("exponential", "a center of its own is not symmetric", f"center={center}",
                    "sym=False", "leave center out")
        )  # fmt: skip
    return _window(
        "exponential", M, sym, dtype, requires_grad,
        lambda n, last: np.exp(-np.abs(n - (last / 2 if center is None else center)) / tau),
    )  # fmt: skip


def kaiser(
    M: int, *, beta: float = 12.0, sym: bool = True, dtype: DType | None = None,
    device: Any = None, requires_grad: bool = False, layout: Any = None,
) -> Tensor:  # fmt: skip
    """The Kaiser window; beta trades the main lobe's width for low side lobes: -> (M,)."""
    if beta < 0:
        raise ArgumentError(message("kaiser", "beta is negative", str(beta), "0 or more", "12.0"))

    def shape(n: np.ndarray, last: float) -> np.ndarray:
        inside = np.maximum(1 - (2 * n / last - 1) ** 2, 0)
        return np.i0(beta * np.sqrt(inside)) / np.i0(beta)

    return _window("kaiser", M, sym, dtype, requires_grad, shape)


guarded(globals(), __all__)
