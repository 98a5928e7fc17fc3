"""Reductions and running sums, under the standard's names."""

from __future__ import annotations

import builtins
from typing import Any

import firth
from firth import DType, Tensor
from firth.base.errors import ArgumentError, message

Axis = int | tuple[int, ...] | None


def _over(x: Tensor, axis: Axis) -> Any:
    """Firth's dims: None for all; () means none of them."""
    return builtins.tuple(range(x.ndim)) if axis is None else axis


def _nothing(axis: Axis) -> bool:
    return isinstance(axis, builtins.tuple) and not axis


def max(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The largest, NaN if there is one."""
    return x.clone() if _nothing(axis) else firth.amax(x, _over(x, axis), keepdims)


def min(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The smallest, NaN if there is one."""
    return x.clone() if _nothing(axis) else firth.amin(x, _over(x, axis), keepdims)


def mean(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The mean."""
    return x.clone() if _nothing(axis) else firth.mean(x, _over(x, axis), keepdims)


def var(
    x: Tensor, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False
) -> Tensor:
    """The variance, divided by n - correction."""
    axis = _over(x, axis)
    if _nothing(axis):
        return firth.where(x == x, 0.0, x) / (1.0 - correction)
    return firth.var(x, axis, correction=correction, keepdim=keepdims)


def std(
    x: Tensor, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False
) -> Tensor:
    """The standard deviation, divided by n - correction."""
    axis = _over(x, axis)
    if _nothing(axis):
        return firth.sqrt(var(x, axis=axis, correction=correction))
    return firth.std(x, axis, correction=correction, keepdim=keepdims)


def _summed(x: Tensor, dtype: DType | None) -> Tensor:
    """Small integers add up in the widest of their kind."""
    if dtype is None:
        dtype = {"u": firth.uint64, "i": firth.int64, "b": firth.int64}.get(x.dtype.kind, x.dtype)
    return x.to(dtype)


def sum(
    x: Tensor, /, *, axis: Axis = None, dtype: DType | None = None, keepdims: bool = False
) -> Tensor:
    """The sum; integers and bool add up in 64 bits."""
    x = _summed(x, dtype)
    return x.clone() if _nothing(axis) else firth.sum(x, _over(x, axis), keepdims, dtype=x.dtype)


def prod(
    x: Tensor, /, *, axis: Axis = None, dtype: DType | None = None, keepdims: bool = False
) -> Tensor:
    """The product; integers and bool multiply in 64 bits."""
    x = _summed(x, dtype)
    return x.clone() if _nothing(axis) else firth.prod(x, _over(x, axis), keepdims, dtype=x.dtype)


def all(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether all elements are true (not zero)."""
    return x != 0 if _nothing(axis) else firth.all(x, _over(x, axis), keepdims)


def any(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether any element is true (not zero)."""
    return x != 0 if _nothing(axis) else firth.any(x, _over(x, axis), keepdims)


def cumulative_sum(
    x: Tensor, /, *, axis: int | None = None, dtype: DType | None = None,
    include_initial: bool = False,
) -> Tensor:  # fmt: skip
    """The running sum along an axis, with the 0 before it if wanted."""
    return _running(firth.cumsum, 0, x, axis, dtype, include_initial)


def cumulative_prod(
    x: Tensor, /, *, axis: int | None = None, dtype: DType | None = None,
    include_initial: bool = False,
) -> Tensor:  # fmt: skip
    """The running product along an axis, with the 1 before it if wanted."""
    return _running(firth.cumprod, 1, x, axis, dtype, include_initial)


def _running(
    scan: Any, start: int, x: Tensor, axis: int | None, dtype: DType | None, initial: bool
) -> Tensor:
    if axis is None:
        if x.ndim > 1:
            raise ArgumentError(
                message("cumulative_sum", "the axis is missing", f"{x.ndim} dimensions",
                        "an axis, or one dimension", "say which, e.g. axis=-1")
            )  # fmt: skip
        axis = 0
    x = _summed(x, dtype)
    out = scan(x, axis, dtype=x.dtype)
    if not initial:
        return out
    shape = list(x.shape)
    shape[axis] = 1
    return firth.cat([firth.full(shape, start, dtype=x.dtype), out], axis)


def diff(
    x: Tensor, /, *, axis: int = -1, n: int = 1, prepend: Tensor | None = None,
    append: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Differences of neighbours along an axis, n times."""
    return firth.diff(x, n, axis, prepend, append)
