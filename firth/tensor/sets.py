"""Distinct elements, membership and places in sorted rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from firth.base import dtype as dt
from firth.base.errors import ArgumentError, ShapeError, message
from firth.tensor.arithmetic import tensor_of
from firth.tensor.creation import refuse_in_jit, wrap
from firth.tensor.handle import Tensor
from firth.tensor.reading import contents
from firth.tensor.record import apply, user_line
from firth.tensor.search import gather
from firth.tensor.shape import axis_of, reshape


def unique(
    input: Tensor, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False,
    dim: int | None = None,
) -> Any:  # fmt: skip
    """The distinct elements (or slices along a dim) in order, read at once: -> (n).

    With inverse (which of them each element is) and counts if wanted. Every NaN is distinct from
    every other.
    """
    _refuse("unique")
    axis = None if dim is None else axis_of("unique", dim, len(input._kind.shape))
    values, inverse, counts = np.unique(
        contents(input), return_inverse=True, return_counts=True, equal_nan=False, axis=axis
    )
    shape = input._kind.shape if dim is None else (-1,)
    return _answer(input, values, inverse.reshape(shape), counts, return_inverse, return_counts)


def _refuse(name: str) -> None:
    refuse_in_jit(
        name, "the size of the result depends on values", "call it outside the jitted function"
    )


def _answer(
    x: Tensor, values: Any, inverse: Any, counts: Any, with_inverse: bool, with_counts: bool
) -> Any:
    out = [wrap(values, x._kind.dtype)]
    if with_inverse:
        out.append(wrap(inverse, dt.int64))
    if with_counts:
        out.append(wrap(counts, dt.int64))
    return out[0] if len(out) == 1 else tuple(out)


def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The elements (or slices along a dim) without equal neighbours, read at once: -> (n)."""
    _refuse("unique_consecutive")
    array = contents(input)
    rows = array.ravel() if dim is None else np.moveaxis(
        array, axis_of("unique_consecutive", dim, array.ndim), 0
    )  # fmt: skip
    flat = rows.reshape(len(rows), math.prod(rows.shape[1:]))
    fresh = np.ones(len(rows), bool)
    fresh[1:] = (flat[1:] != flat[:-1]).any(1)
    inverse = np.cumsum(fresh) - 1
    counts = np.diff(np.append(np.flatnonzero(fresh), len(rows)))
    values = rows[fresh] if dim is None else np.moveaxis(rows[fresh], 0, dim)
    shape = input._kind.shape if dim is None else (-1,)
    return _answer(input, values, inverse.reshape(shape), counts, return_inverse, return_counts)


def searchsorted(
    sorted_sequence: Tensor, input: Any, *, out_int32: bool = False, right: bool = False,
    side: str | None = None, sorter: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Where each element would be put to keep rows in order: (..., N), (..., M) -> (..., M) int64.

    The first such place, the last one with right=True; one row (N,) serves any input.

    >>> from firth.tensor import tensor
    >>> searchsorted(tensor([1, 3, 5]), tensor([3, 6])).tolist()
    [1, 3]
    """
    if side not in (None, "left", "right"):
        raise ArgumentError(
            message("searchsorted", "no such side", repr(side), "'left' or 'right'", "leave it out")
        ).at(user_line())
    rows, x = sorted_sequence, tensor_of(input, "searchsorted")
    if sorter is not None:
        rows = gather(rows, -1, sorter)
    kind = dt.promote(rows._kind.dtype, x._kind.dtype) if isinstance(input, Tensor) else None
    kind = kind or rows._kind.dtype
    rows, x = (apply("cast", t, dtype=kind) if t._kind.dtype is not kind else t for t in (rows, x))
    shape = x._kind.shape
    if rows.ndim == 1:  # type: ignore[attr-defined]
        found = _places(rows, reshape(x, (-1,)), right or side == "right")
        found = reshape(found, shape)
    else:
        if rows._kind.shape[:-1] != shape[:-1]:
            raise ShapeError(
                message("searchsorted", "the leading dimensions differ",
                        f"{tuple(rows._kind.shape)} and {tuple(shape)}", "equal ones, or one row",
                        "expand the rows")
            ).at(user_line())  # fmt: skip
        found = _places(rows, x, right or side == "right")
    return apply("cast", found, dtype=dt.int32) if out_int32 else found


def _places(rows: Tensor, x: Tensor, right: bool) -> Tensor:
    if rows._kind.dtype.kind == "b":
        rows, x = (apply("cast", t, dtype=dt.uint8) for t in (rows, x))
    return apply("searchsorted", rows, x, right=right)


def isin(
    elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False
) -> Tensor:
    """Which elements are among others: (...), (...) -> (...) bool; NaN never is.

    >>> from firth.tensor import tensor
    >>> isin(tensor([1, 2, 3]), tensor([3, 1])).tolist()
    [True, False, True]
    """
    x, among = tensor_of(elements, "isin"), tensor_of(test_elements, "isin")
    if not isinstance(elements, Tensor):
        x = apply("cast", x, dtype=among._kind.dtype)
    if not isinstance(test_elements, Tensor):
        among = apply("cast", among, dtype=x._kind.dtype)
    among = reshape(among, (-1,))
    n = among._kind.shape[0]
    if n <= 16 or x._kind.dtype.kind == "c":
        wide = reshape(x, (*x._kind.shape, 1))
        found = apply("any", apply("equal", wide, among), axes=(x.ndim,), keepdims=False)  # type: ignore[attr-defined]
    else:
        rows = among.sort().values  # type: ignore[attr-defined]
        place = apply("minimum", searchsorted(rows, x), n - 1)
        near = apply("reshape", rows[place], shape=tuple(x._kind.shape))  # type: ignore[index]
        found = apply("equal", near, x)
    return apply("bitwise_not", found) if invert else found


METHODS: dict[str, Callable[..., Any]] = {
    "unique": unique, "unique_consecutive": unique_consecutive,
}  # fmt: skip
FUNCTIONS: dict[str, Callable[..., Any]] = {
    **METHODS, "isin": isin, "searchsorted": searchsorted,
}  # fmt: skip
