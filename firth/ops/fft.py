"""Discrete Fourier transforms of the last axes, by NumPy's FFT (single precision stays single).

Every transform is linear, so its gradient is the transposed one: the other way round, with the
scale of its own way. Of two conjugate numbers a real transform stores one, which counts twice.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.base.errors import ArgumentError, DTypeError, ShapeError, message
from firth.ir.node import Shape
from firth.ir.op import Expr
from firth.ops.complex import real
from firth.ops.elementwise import mul, where
from firth.ops.host import host
from firth.ops.rules import (
    COMPLEX,
    cases,
    complex_of,
    filled,
    iota,
    no_complex,
    real_of,
)

_OTHER = {"backward": "forward", "ortho": "ortho", "forward": "backward"}
REAL = (dt.float32, dt.float64)


def _check(name: str, x: Shape, ndim: int, norm: str) -> None:
    if norm not in _OTHER:
        raise ArgumentError(
            message(name, "there is no such norm", repr(norm), ", ".join(_OTHER),
                    "leave it out: only the inverse is divided by n")
        )  # fmt: skip
    if not 1 <= ndim <= len(x):
        raise ShapeError(
            message(name, "there are not so many axes", f"{ndim} of shape {x}",
                    f"1 to {len(x)}", "check the dims")
        )  # fmt: skip
    if 0 in x[len(x) - ndim :]:
        raise ShapeError(
            message(name, "nothing to transform", f"shape {x}, the last {ndim} axes",
                    "extents of at least 1", "pass n=, which pads with zeros")
        )  # fmt: skip


def _wide(name: str, d: DType) -> DType:
    if d not in (*REAL, *COMPLEX):
        raise DTypeError(
            message(name, "no transform of this dtype", d.name,
                    "float32, float64, complex64 or complex128", "cast first, e.g. x.float()")
        )  # fmt: skip
    return d


def _axes(ndim: int) -> tuple[int, ...]:
    return tuple(range(-ndim, 0))


# --- complex to complex ---------------------------------------------------------------------------


def _fft_shape(x: Shape, ndim: int, inverse: bool, norm: str) -> Shape:
    _check("fft", x, ndim, norm)
    return x


def _fft_ref(x: np.ndarray, ndim: int, inverse: bool, norm: Any) -> np.ndarray:
    return (np.fft.ifftn if inverse else np.fft.fftn)(x, axes=_axes(ndim), norm=norm)


def _fft_vjp(g: Expr, y: Expr, x: Expr, ndim: int, inverse: bool, norm: str) -> tuple[Expr]:
    back = fft(g, ndim=ndim, inverse=not inverse, norm=_OTHER[norm])
    return (back if x.dtype.is_complex else real(back),)


_NORMS = ("backward", "ortho", "forward")


fft = host(
    "fft", attrs=("ndim", "inverse", "norm"), defaults={"inverse": False, "norm": "backward"},
    doc="The Fourier transform of the last ndim axes, or its inverse; norm says which way is "
    "divided by n: x (..., n) float or complex -> (..., n) complex.",
    shape=_fft_shape, dtype=lambda d, **_: complex_of(_wide("fft", d)), ref=_fft_ref, vjp=_fft_vjp,
    sample=cases(lambda make, rng, d: [
        *((make(2, 5), {"ndim": 1, "inverse": i, "norm": n}) for i in (0, 1) for n in _NORMS),
        (make(3, 4), {"ndim": 2}), (make(0, 4), {"ndim": 1}), (make(2, 3, 2), {"ndim": 2}),
    ], (*REAL, *COMPLEX)),
)  # fmt: skip


# --- real to half of a complex spectrum, and back -------------------------------------------------


def _rfft_shape(x: Shape, ndim: int, norm: str) -> Shape:
    _check("rfft", x, ndim, norm)
    return (*x[:-1], x[-1] // 2 + 1)


def _rfft_dtype(d: DType, ndim: int, norm: str) -> DType:
    no_complex("rfft", (d,))
    return complex_of(_wide("rfft", d))


def _counted(g: Expr, n: int, once: float, twice: float) -> Expr:
    """g times how often each stored number stands in a spectrum of n."""
    place = iota((g.shape[-1],), 0)
    alone = (place < 1) | (place * 2 > n - 1)  # 0, and n / 2 where n is even
    part = real_of(g.dtype)
    weight = where(alone, filled(once, (), part), filled(twice, (), part))
    return mul(g, weight)


def _rfft_vjp(g: Expr, y: Expr, x: Expr, ndim: int, norm: str) -> tuple[Expr]:
    n = x.shape[-1]
    return (irfft(_counted(g, n, 1.0, 0.5), ndim=ndim, odd=n % 2 == 1, norm=_OTHER[norm]),)


rfft = host(
    "rfft", attrs=("ndim", "norm"), defaults={"norm": "backward"},
    doc="The Fourier transform of the last ndim axes of real numbers, the half that is not the "
    "conjugate of the other: x (..., n) float -> (..., n // 2 + 1) complex.",
    shape=_rfft_shape, dtype=_rfft_dtype, vjp=_rfft_vjp,
    ref=lambda x, ndim, norm: np.fft.rfftn(x, axes=_axes(ndim), norm=norm),
    sample=cases(lambda make, rng, d: [
        *((make(2, k), {"ndim": 1, "norm": n}) for k in (1, 4, 5) for n in _NORMS),
        (make(3, 4), {"ndim": 2}), (make(0, 4), {"ndim": 1}), (make(2, 3, 5), {"ndim": 3}),
    ], REAL),
)  # fmt: skip


def _length(m: int, odd: bool) -> int:
    """How many numbers a spectrum of m stands for. The length itself as an attribute would make
    programs of their own for every one."""
    return 2 * m - 2 + odd


def _irfft_shape(x: Shape, ndim: int, odd: bool, norm: str) -> Shape:
    _check("irfft", x, ndim, norm)
    n = _length(x[-1], odd)
    if n < 1:
        raise ShapeError(
            message("irfft", "nothing comes out", f"a spectrum of {x[-1]}", "at least 2, or an odd "
                    "length", "pad it first")
        )  # fmt: skip
    return (*x[:-1], n)


def _irfft_ref(x: np.ndarray, ndim: int, odd: bool, norm: Any) -> np.ndarray:
    n = _length(x.shape[-1], odd)
    return np.fft.irfftn(x, (*x.shape[x.ndim - ndim : -1], n), axes=_axes(ndim), norm=norm)


def _irfft_vjp(g: Expr, y: Expr, x: Expr, ndim: int, odd: bool, norm: str) -> tuple[Expr]:
    n = _length(x.shape[-1], odd)
    back = _counted(rfft(g, ndim=ndim, norm=_OTHER[norm]), n, 1.0, 2.0)
    return (back if x.dtype.is_complex else real(back),)


irfft = host(
    "irfft", attrs=("ndim", "odd", "norm"), defaults={"norm": "backward"},
    doc="The inverse of rfft, to an even or odd length: x (..., m) float or complex -> "
    "(..., 2 m - 2 + odd) float.",
    shape=_irfft_shape, dtype=lambda d, **_: real_of(_wide("irfft", d)), ref=_irfft_ref,
    vjp=_irfft_vjp,
    sample=cases(lambda make, rng, d: [
        *((make(2, n // 2 + 1), {"ndim": 1, "odd": n % 2 == 1, "norm": m}) for n in (1, 4, 5)
          for m in _NORMS),
        (make(3, 3), {"ndim": 2, "odd": False}), (make(0, 3), {"ndim": 1, "odd": True}),
    ], (*REAL, *COMPLEX)),
)  # fmt: skip
