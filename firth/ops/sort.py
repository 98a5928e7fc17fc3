"""Sorting: one base op, argsort, and gathers by it; and the search in what is sorted."""

from __future__ import annotations

from typing import Any

import numpy as np

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.base.errors import ArgumentError, DTypeError, ShapeError, message
from firth.ir.node import Shape
from firth.ir.op import Expr, declare
from firth.ops.index import take_along_axis
from firth.ops.movement import slice_
from firth.ops.rules import EVERY, NUMBERS, cases, check_axes, no_complex, no_gradient, widen


def _sort_shape(x: Shape, axis: int, descending: bool) -> Shape:
    check_axes("argsort", len(x), (axis,))
    return x


def _order(x: np.ndarray, axis: int, descending: bool) -> np.ndarray:
    """Stable both ways: a descending sort is an ascending one of the turned axis, turned back."""
    x = np.asarray(x)
    if x.dtype.kind == "V" or x.dtype.name == "bfloat16":
        x = x.astype(np.float32)
    if not descending:
        return np.argsort(x, axis=axis, kind="stable").astype(np.int64)
    turned = np.argsort(np.flip(x, axis), axis=axis, kind="stable")
    return (x.shape[axis] - 1 - np.flip(turned, axis)).astype(np.int64)


def _index_dtype(name: str) -> Any:
    def rule(d: DType, **_: Any) -> DType:
        no_complex(name, (d,))
        return dt.int64

    return rule


def _own_dtype(name: str) -> Any:
    def rule(d: DType, **_: Any) -> DType:
        no_complex(name, (d,))
        return d

    return rule


def _draw(make: Any, rng: Any, d: DType) -> list[tuple[Any, ...]]:
    found = []
    for descending in (False, True):
        attrs = {"axis": 1, "descending": descending}
        found += [(make(3, 7), attrs), (make(2, 5, 2), attrs), (make(2, 0), attrs)]
        if d.kind == "f":
            special = np.array([[1, np.nan, -np.inf, 0.0, -0.0, np.inf, np.nan, 0.0]], d.np)
            found.append((special, attrs))
    return found


argsort = declare(
    "argsort", family="sort", attrs=("axis", "descending"), defaults={"descending": False},
    doc="Positions that sort an axis, equal ones in their order, NaN last (first when "
    "descending): x (..., n, ...) -> the same, int64.",
    shape=_sort_shape, dtype=_index_dtype("argsort"), ref=_order, vjp=no_gradient,
    sample=cases(_draw, EVERY),
)  # fmt: skip


def _draw_smooth(make: Any, rng: Any, d: DType) -> list[tuple[Any, ...]]:
    rows = [(make(3, 7), {"axis": 1, "descending": v}) for v in (False, True)]
    return [*rows, (make(2, 0), {"axis": 1, "descending": False})]


def _sorted(x: Expr, axis: int, descending: bool) -> Expr:
    return take_along_axis(x, argsort(x, axis=axis, descending=descending), axis=axis)


sort = declare(
    "sort", family="sort", attrs=("axis", "descending"), defaults={"descending": False},
    doc="An axis in order, NaN last (first when descending): x (..., n, ...) -> the same.",
    shape=_sort_shape, dtype=_own_dtype("sort"), lower=_sorted,
    ref=lambda x, axis, descending: np.take_along_axis(x, _order(x, axis, descending), axis),
    sample=cases(_draw_smooth, EVERY),
)  # fmt: skip


def _top_shape(x: Shape, k: int, axis: int, largest: bool) -> Shape:
    check_axes("topk", len(x), (axis,))
    if not 0 <= k <= x[axis]:
        raise ArgumentError(
            message("topk", "there are not so many elements", f"k = {k} of shape {x}",
                    f"0 to {x[axis]}", f"use k = min(k, {x[axis]})")
        )  # fmt: skip
    return (*x[:axis], k, *x[axis + 1 :])


def _top_order(x: Expr, k: int, axis: int, largest: bool) -> Expr:
    order = argsort(x, axis=axis, descending=largest)
    sizes = _top_shape(x.shape, k, axis, largest)
    return slice_(order, starts=(0,) * x.ndim, sizes=sizes, steps=(1,) * x.ndim)


def _top_ref(x: np.ndarray, k: int, axis: int, largest: bool) -> np.ndarray:
    return np.take(_order(x, axis, largest), np.arange(k), axis)


def _draw_top(make: Any, rng: Any, d: DType) -> list[tuple[Any, ...]]:
    return [
        (make(3, 7), {"k": 3, "axis": 1, "largest": True}),
        (make(5, 2), {"k": 2, "axis": 0, "largest": False}),
        (make(4), {"k": 0, "axis": 0, "largest": True}),
    ]


topk = declare(
    "topk", family="sort", attrs=("k", "axis", "largest"), defaults={"largest": True},
    doc="The k largest (or smallest) along an axis, in order: x (..., n, ...) -> (..., k, ...).",
    shape=_top_shape, dtype=_own_dtype("topk"),
    lower=lambda x, k, axis, largest: take_along_axis(
        x, _top_order(x, k, axis, largest), axis=axis),
    ref=lambda x, k, axis, largest: np.take_along_axis(x, _top_ref(x, k, axis, largest), axis),
    sample=cases(_draw_top, EVERY),
)  # fmt: skip
topk_indices = declare(
    "topk_indices", family="sort", attrs=("k", "axis", "largest"), defaults={"largest": True},
    doc="Where the k largest (or smallest) along an axis are, in order: "
    "x (..., n, ...) -> (..., k, ...) int64.",
    shape=_top_shape, dtype=_index_dtype("topk_indices"), lower=_top_order, ref=_top_ref,
    vjp=no_gradient, sample=cases(_draw_top, EVERY),
)  # fmt: skip


def _places_shape(rows: Shape, x: Shape, right: bool) -> Shape:
    if not rows or rows[:-1] != x[:-1] or len(rows) != len(x):
        raise ShapeError(
            message("searchsorted", "the leading dimensions differ", f"{rows} and {x}",
                    "equal ones", "expand the rows")
        )  # fmt: skip
    return x


def _places_dtype(rows: DType, x: DType, right: bool) -> DType:
    no_complex("searchsorted", (rows, x))
    if rows is not x:
        raise DTypeError(
            message("searchsorted", "the dtypes differ", f"{rows.name} and {x.name}", "equal ones",
                    "cast one")
        )  # fmt: skip
    return dt.int64


def _places_ref(rows: np.ndarray, x: np.ndarray, right: bool) -> np.ndarray:
    rows, x = widen(np.asarray(rows)), widen(np.asarray(x))
    found = np.zeros(x.shape, np.int64)
    for at in np.ndindex(*x.shape[:-1]):
        found[at] = np.searchsorted(rows[at], x[at], "right" if right else "left")
    return found


def _draw_places(make: Any, rng: Any, d: DType) -> list[tuple[Any, ...]]:
    found = []
    for right in (False, True):
        rows, wide = np.sort(make(5), -1), np.sort(make(2, 3, 300), -1)
        given = np.concatenate([make(4), rows[:3]])
        pairs = [(rows, given), (wide, make(2, 3, 20)), (make(0), make(3)), (make(1), make(0))]
        found += [(*pair, {"right": right}) for pair in pairs]
        if d.kind == "f":
            special = np.array([-np.inf, 0, 0, 1, np.inf, np.nan, np.nan], d.np)
            found.append((special, special, {"right": right}))
    return found


searchsorted = declare(
    "searchsorted", family="sort", arity=2, attrs=("right",),
    doc="How many elements of a sorted row are less than each x (or equal, when right), NaN being "
    "the largest: rows (..., n), x (..., m) real -> (..., m) int64.",
    shape=_places_shape, dtype=_places_dtype, ref=_places_ref, vjp=no_gradient,
    sample=cases(_draw_places, NUMBERS, smooth=False),
)  # fmt: skip
