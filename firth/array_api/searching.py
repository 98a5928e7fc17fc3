"""Finding, sorting and sets, under the standard's names."""

from __future__ import annotations

from typing import Any, NamedTuple

import firth
from firth import Tensor
from firth.base.errors import ShapeError, message
from firth.tensor.shape import axis_of


class UniqueAll(NamedTuple):
    """Distinct values, where each first is, where each element's value is, how many of each."""

    values: Tensor
    indices: Tensor
    inverse_indices: Tensor
    counts: Tensor


class UniqueCounts(NamedTuple):
    """Distinct values and how many of each."""

    values: Tensor
    counts: Tensor


class UniqueInverse(NamedTuple):
    """Distinct values and where each element's value is."""

    values: Tensor
    inverse_indices: Tensor


def argmax(x: Tensor, /, *, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Where the largest is, the first of equals."""
    return firth.argmax(x, axis, keepdims)


def argmin(x: Tensor, /, *, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Where the smallest is, the first of equals."""
    return firth.argmin(x, axis, keepdims)


def argsort(
    x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True
) -> Tensor:
    """The order that sorts along an axis, always stable."""
    return firth.argsort(x, axis, descending)


def sort(x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The elements in order along an axis."""
    return firth.sort(x, axis, descending).values


def count_nonzero(x: Tensor, /, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """How many elements are not zero."""
    ones = (x != 0).to(firth.int64)
    return ones if axis == () else firth.sum(ones, axis, keepdims)


def nonzero(x: Tensor, /) -> tuple[Tensor, ...]:
    """Where the elements are not zero: one index array for each dimension, of which there is one.

    Raises ShapeError (a ValueError) for an array of shape ().
    """
    if not x.ndim:
        raise ShapeError(
            message("nonzero", "no dimension to count in", "shape ()", "1 or more dimensions",
                    "reshape it, e.g. reshape(x, (1,))")
        )  # fmt: skip
    return firth.nonzero(x, as_tuple=True)


def searchsorted(
    x1: Tensor, x2: Any, /, *, side: str = "left", sorter: Tensor | None = None
) -> Tensor:
    """Where each of x2 would be put in the sorted x1 to keep the order."""
    return firth.searchsorted(x1, x2, side=side, sorter=sorter)


def where(condition: Tensor, x1: Any, x2: Any, /) -> Tensor:
    """x1 where the condition holds, x2 elsewhere."""
    return firth.where(condition, x1, x2)


def take(x: Tensor, indices: Tensor, /, *, axis: int | None = None) -> Tensor:
    """The places of an axis named by indices of any shape."""
    place = 0 if axis is None else axis % x.ndim
    return x[(slice(None),) * place + (indices,)]


def take_along_axis(x: Tensor, indices: Tensor, /, *, axis: int = -1) -> Tensor:
    """For each position along an axis the element named by indices there."""
    extent = x.shape[axis_of("take_along_axis", axis, x.ndim)]
    return firth.take_along_dim(x, firth.where(indices < 0, indices + extent, indices), axis)


def isin(x1: Any, x2: Any, /, *, invert: bool = False) -> Tensor:
    """Which elements of x1 occur in x2."""
    return firth.isin(x1, x2, invert=invert)


def unique_all(x: Tensor, /) -> UniqueAll:
    """Distinct values with first places, inverse and counts; every NaN is distinct."""
    return UniqueAll(*_unique(x))


def unique_counts(x: Tensor, /) -> UniqueCounts:
    """Distinct values and how many of each; every NaN is distinct."""
    values, _, _, counts = _unique(x)
    return UniqueCounts(values, counts)


def unique_inverse(x: Tensor, /) -> UniqueInverse:
    """Distinct values and where each element's value is; every NaN is distinct."""
    values, _, inverse, _ = _unique(x)
    return UniqueInverse(values, inverse)


def unique_values(x: Tensor, /) -> Tensor:
    """The distinct values in order; every NaN is distinct."""
    return firth.unique(x)


def _unique(x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    values, inverse, counts = firth.unique(x, return_inverse=True, return_counts=True)
    flat = inverse.reshape(-1)
    order = firth.argsort(flat)
    firsts = firth.cumsum(counts, 0) - counts
    return values, order[firsts], inverse, counts
