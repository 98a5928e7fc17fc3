"""Reductions that leave elements out: only those where a bool mask holds count."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from firth.base.dtype import DType
from firth.base.dtype import int64 as _int64
from firth.base.errors import DTypeError, ShapeError, message
from firth.tensor import Tensor, full
from firth.tensor.arguments import guarded
from firth.tensor.record import apply

__all__ = [
    "amax", "amin", "argmax", "argmin", "cumprod", "cumsum", "log_softmax", "logaddexp",
    "logsumexp", "mean", "median", "norm", "normalize", "prod", "softmax", "softmin", "std", "sum",
    "var",
]  # fmt: skip


def _wide(name: str, x: Tensor, mask: Tensor) -> Tensor:
    """The mask broadcast to the input; DTypeError or ShapeError when it is no mask for it."""
    if mask.dtype.kind != "b":
        raise DTypeError(
            message(f"masked.{name}", "the mask is not bool", mask.dtype.name, "bool", "compare")
        )
    have, want = tuple(mask.shape), tuple(x.shape)
    fits = len(have) <= len(want) and all(
        a in (1, b) for a, b in zip(reversed(have), reversed(want), strict=False)
    )
    if not fits:
        raise ShapeError(
            message(f"masked.{name}", "the mask does not fit", str(have),
                    f"a shape that broadcasts to {want}", "reshape or expand the mask")
        )  # fmt: skip
    return mask.expand(*want)


def _filled(name: str, x: Tensor, mask: Tensor | None, value: float | bool) -> Tensor:
    """The input with a number wherever the mask does not hold."""
    if mask is None:
        return x
    if x.dtype.kind in "iub" and isinstance(value, float):
        info = np.iinfo(x.dtype.np) if x.dtype.kind in "iu" else None
        if math.isinf(value):
            value = (info.max if value > 0 else info.min) if info else value > 0
        else:
            value = bool(value) if info is None else int(value)
    return apply("where", _wide(name, x, mask), x, value)


def _as(x: Tensor, dtype: DType | None) -> Tensor:
    return x if dtype is None else x.to(dtype)


def sum(
    input: Tensor, dim: Any = None, *, keepdim: bool = False, dtype: DType | None = None,
    mask: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The sum over dims of the elements where the mask holds: (...) -> (...).

    >>> from firth import tensor
    >>> sum(tensor([1.0, 2.0, 4.0]), mask=tensor([True, False, True])).item()
    5.0
    """
    return _filled("sum", input, mask, 0.0).sum(dim, keepdim, dtype=dtype)


def prod(
    input: Tensor, dim: Any = None, *, keepdim: bool = False, dtype: DType | None = None,
    mask: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The product over dims of the elements where the mask holds: (...) -> (...)."""
    return _filled("prod", input, mask, 1.0).prod(dim, keepdim, dtype=dtype)


def _extreme(name: str, value: float) -> Callable[..., Tensor]:
    def function(
        input: Tensor, dim: Any = None, *, keepdim: bool = False, dtype: DType | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        found = getattr(_filled(name, input, mask, value), name)(dim, keepdim)
        return _as(found, dtype or input.dtype)

    function.__name__ = name
    function.__doc__ = f"{name} over dims of the elements where the mask holds, in x's dtype."
    return function


amax, amin = _extreme("amax", -math.inf), _extreme("amin", math.inf)
argmax, argmin = _extreme("argmax", -math.inf), _extreme("argmin", math.inf)


def _count(name: str, x: Tensor, dim: Any, keepdim: bool, mask: Tensor | None) -> Tensor:
    held = full(tuple(x.shape), True) if mask is None else _wide(name, x, mask)
    return held.to(_int64).sum(dim, keepdim)


def mean(
    input: Tensor, dim: Any = None, *, keepdim: bool = False, dtype: DType | None = None,
    mask: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The mean over dims of the elements where the mask holds, NaN where it never does."""
    total = sum(input, dim, keepdim=keepdim, dtype=dtype or input.dtype, mask=mask)
    return total / _count("mean", input, dim, keepdim, mask)


def median(
    input: Tensor, dim: int = -1, *, keepdim: bool = False, dtype: DType | None = None,
    mask: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The lower median along a dim where the mask holds, NaN where it never does."""
    x = input if input.dtype.kind == "f" else input.float()
    found = _filled("median", x, mask, math.nan).nanmedian(dim, keepdim).values
    return _as(found, dtype or input.dtype)


def norm(
    input: Tensor, ord: float = 2.0, dim: Any = None, *, keepdim: bool = False,
    dtype: DType | None = None, mask: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The vector p-norm over dims of the elements where the mask holds: (...) -> (...)."""
    empty = 0.0 if ord >= 0 else math.inf
    return _as(_filled("norm", input, mask, empty), dtype).norm(ord, dim, keepdim)


def var(
    input: Tensor, dim: Any = None, unbiased: bool | None = None, *,
    correction: float | None = None, keepdim: bool = False, dtype: DType | None = None,
    mask: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The variance over dims of the elements where the mask holds, divided by n - correction."""
    less = correction if correction is not None else 0 if unbiased is False else 1
    x = _as(input, dtype)
    x = x if x.dtype.kind in "fc" else x.float()
    middle = sum(x, dim, keepdim=True, mask=mask) / _count("var", x, dim, True, mask)
    gap = x - middle
    total = sum(gap * gap, dim, keepdim=keepdim, mask=mask)
    count = _count("var", x, dim, keepdim, mask).to(x.dtype)
    return total / (count - less).clamp(min=0)


def std(
    input: Tensor, dim: Any = None, unbiased: bool | None = None, *,
    correction: float | None = None, keepdim: bool = False, dtype: DType | None = None,
    mask: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The standard deviation over dims of the elements where the mask holds."""
    found = var(input, dim, unbiased, correction=correction, keepdim=keepdim, dtype=dtype,
                mask=mask)  # fmt: skip
    return found.sqrt()


def softmax(
    input: Tensor, dim: int, *, dtype: DType | None = None, mask: Tensor | None = None
) -> Tensor:
    """softmax along a dim, 0 where the mask does not hold, NaN where it never does."""
    return _filled("softmax", _as(input, dtype), mask, -math.inf).softmax(dim)


def log_softmax(
    input: Tensor, dim: int, *, dtype: DType | None = None, mask: Tensor | None = None
) -> Tensor:
    """log_softmax along a dim, minus infinity where the mask does not hold."""
    return _filled("log_softmax", _as(input, dtype), mask, -math.inf).log_softmax(dim)


def softmin(
    input: Tensor, dim: int, *, dtype: DType | None = None, mask: Tensor | None = None
) -> Tensor:
    """softmax of -x along a dim, 0 where the mask does not hold."""
    return (-_filled("softmin", _as(input, dtype), mask, math.inf)).softmax(dim)


def logsumexp(
    input: Tensor, dim: Any = None, *, keepdim: bool = False, dtype: DType | None = None,
    mask: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """log(sum(exp(x))) over dims of the elements where the mask holds."""
    return _filled("logsumexp", _as(input, dtype), mask, -math.inf).logsumexp(dim, keepdim)


def logaddexp(
    input: Tensor, other: Tensor, *, dtype: DType | None = None, input_mask: Tensor | None = None,
    other_mask: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """log(exp(x) + exp(y)), each only where its mask holds."""
    a = _filled("logaddexp", input, input_mask, -math.inf)
    b = _filled("logaddexp", other, other_mask, -math.inf)
    return _as(a.logaddexp(b), dtype)


def cumsum(
    input: Tensor, dim: int, *, dtype: DType | None = None, mask: Tensor | None = None
) -> Tensor:
    """The running sum along a dim of the elements where the mask holds."""
    return _filled("cumsum", input, mask, 0.0).cumsum(dim, dtype=dtype)


def cumprod(
    input: Tensor, dim: int, *, dtype: DType | None = None, mask: Tensor | None = None
) -> Tensor:
    """The running product along a dim of the elements where the mask holds."""
    return _filled("cumprod", input, mask, 1.0).cumprod(dim, dtype=dtype)


def normalize(
    input: Tensor, ord: float, dim: int, *, eps: float = 1e-12, dtype: DType | None = None,
    mask: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The elements where the mask holds over their p-norm along a dim, 0 elsewhere."""
    length = norm(input, ord, dim, keepdim=True, dtype=dtype, mask=mask)
    return _filled("normalize", _as(input, dtype), mask, 0.0) / length.clamp(min=eps)


guarded(globals(), __all__)
