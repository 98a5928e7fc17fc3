"""Functions of single elements: Firth's own where name and meaning are the standard's."""

from __future__ import annotations

import sys
from typing import Any

import firth
from firth import Tensor

# The standard's name -> Firth's.
_SAME = {
    **{
        name: name for name in (
            "abs acos acosh add asin asinh atan atan2 atanh bitwise_and bitwise_left_shift "
            "bitwise_or bitwise_right_shift bitwise_xor ceil copysign cos cosh divide exp "
            "expm1 floor floor_divide greater greater_equal hypot imag isfinite isinf isnan less "
            "less_equal log log10 log1p log2 logaddexp logical_and logical_not logical_or "
            "logical_xor maximum minimum multiply negative nextafter not_equal positive pow real "
            "reciprocal remainder round signbit sin sinh sqrt square subtract tan tanh trunc"
        ).split()
    },
    "bitwise_invert": "bitwise_not", "equal": "eq",
}  # fmt: skip
__all__ = [*sorted(_SAME), "clip", "conj", "sign"]  # noqa: PLE0604

_here = sys.modules[__name__]
for _name, _firth in _SAME.items():
    setattr(_here, _name, getattr(firth, _firth))


def clip(x: Tensor, /, min: Any = None, max: Any = None) -> Tensor:
    """Elements below min become min, above max become max."""
    return x.clone() if min is None and max is None else firth.clamp(x, min, max)


def conj(x: Tensor, /) -> Tensor:
    """Every element with its imaginary part turned; real numbers stay."""
    return firth.conj(x)


def sign(x: Tensor, /) -> Tensor:
    """-1, 0 or 1; NaN stays NaN."""
    found = firth.sign(x)
    return firth.where(x == x, found, x) if x.dtype.kind in "fc" else found
