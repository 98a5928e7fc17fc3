"""Indexing by values: gather, scatter and what is made of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.base.errors import ArgumentError, DTypeError, ShapeError, message
from firth.ir.node import Shape
from firth.ir.op import Expr, declare
from firth.ops.elementwise import div, equal, where
from firth.ops.rules import (
    LOOSE,
    NUMBERS,
    cases,
    cast,
    check_axes,
    filled,
    in_range,
    round_to,
    widen,
    widened_vjp,
)

Axes = tuple[int, ...]
MODES = ("set", "add", "multiply", "maximum", "minimum")


def _gathered(name: str, x: Shape, indices: tuple[Shape, ...], axes: Axes) -> Shape:
    check_axes(name, len(x), axes)
    if len(indices) != len(axes) or not axes or any(i != indices[0] for i in indices):
        raise ShapeError(
            message(name, "indices do not fit the axes", f"index shapes {indices}, axes {axes}",
                    "one index per axis, all of one shape", "expand them first")
        )  # fmt: skip
    return (*indices[0], *(n for i, n in enumerate(x) if i not in axes))


def _positions(name: str, dtypes: tuple[DType, ...]) -> None:
    for d in dtypes:
        if d is not dt.int64:
            raise DTypeError(message(name, "indices are not int64", d.name, "int64", "cast them"))


def _gather_dtype(x: DType, *indices: DType, axes: Axes) -> DType:
    _positions("gather", indices)
    return x


def _spot(name: str, x: np.ndarray, indices: Any, axes: Axes) -> tuple[np.ndarray, Any]:
    """x with the axes in front, and the index; IndexOutOfRange outside."""
    for a, i in zip(axes, indices, strict=True):
        in_range(name, np.asarray(i), x.shape[a])
    return np.moveaxis(x, axes, range(len(axes))), tuple(np.asarray(i) for i in indices)


def _gather_ref(x: np.ndarray, *indices: np.ndarray, axes: Axes) -> np.ndarray:
    front, spot = _spot("gather", np.asarray(x), indices, axes)
    return np.asarray(front[spot])


def _gather_vjp(g: Expr, y: Expr, x: Expr, *indices: Expr, axes: Axes) -> Any:
    gx = scatter(filled(0, x.shape, g.dtype), g, *indices, axes=axes, mode="add")
    return (gx, *(None for _ in indices))


def _draw_gather(make: Any, rng: Any, d: DType) -> list[tuple[Any, ...]]:
    i, j = rng.integers(0, 3, (2, 4)), rng.integers(0, 5, (2, 4))
    return [
        (make(3, 4, 5), i, {"axes": (0,)}), (make(3, 4, 5), i, j, {"axes": (0, 2)}),
        (make(3), np.int64(2), {"axes": (0,)}), (make(3, 2), i[:0], {"axes": (0,)}),
    ]  # fmt: skip


gather = declare(
    "gather", family="index", arity=None, attrs=("axes",),
    doc="Elements at positions along `axes`, one int64 index (I) each: x (...) -> (I, the other "
    "dimensions); IndexError outside.",
    shape=lambda x, *i, axes: _gathered("gather", x, i, axes), dtype=_gather_dtype,
    ref=_gather_ref, vjp=widened_vjp(_gather_vjp), sample=cases(_draw_gather, NUMBERS),
)  # fmt: skip


def _scatter_shape(x: Shape, updates: Shape, *indices: Shape, axes: Axes, mode: str) -> Shape:
    if mode not in MODES:
        raise ArgumentError(
            message("scatter", "there is no such mode", repr(mode), ", ".join(MODES), "pick one")
        )
    expected = _gathered("scatter", x, indices, axes)
    if updates != expected:
        raise ShapeError(
            message("scatter", "updates do not fit", f"updates {updates}", str(expected),
                    "expand them to what the same index would read")
        )  # fmt: skip
    return x


def _scatter_dtype(x: DType, updates: DType, *indices: DType, axes: Axes, mode: str) -> DType:
    _positions("scatter", indices)
    if x is not updates:
        raise DTypeError(
            message("scatter", "updates have another dtype", f"{x.name} and {updates.name}",
                    "equal dtypes", "cast the updates")
        )  # fmt: skip
    return x


def _scatter_ref(
    x: np.ndarray, updates: np.ndarray, *indices: np.ndarray, axes: Axes, mode: str
) -> np.ndarray:
    dtype = dt.from_numpy(np.asarray(x).dtype)
    out = widen(np.array(x))
    front, spot = _spot("scatter", out, indices, axes)
    wide_updates = widen(np.asarray(updates))
    ufuncs = {"add": np.add, "multiply": np.multiply, "maximum": np.maximum, "minimum": np.minimum}
    with np.errstate(all="ignore"):
        if mode != "set":
            ufuncs[mode].at(front, spot, wide_updates)
            return round_to(out, dtype)
        for place in np.ndindex(spot[0].shape):  # in order: the last one stays
            front[tuple(int(i[place]) for i in spot)] = wide_updates[place]
    return round_to(out, dtype)


def _scatter_vjp(
    g: Expr, y: Expr, x: Expr, updates: Expr, *indices: Expr, axes: Axes, mode: str
) -> Any:
    nones = (None,) * len(indices)
    picked = gather(g, *indices, axes=axes)
    if mode == "add":
        return (g, picked, *nones)
    if mode == "set":
        zeros = filled(0, updates.shape, g.dtype)
        return (scatter(g, zeros, *indices, axes=axes, mode="set"), picked, *nones)
    if mode == "multiply":
        ones = filled(1, x.shape, g.dtype)
        factor = scatter(ones, updates, *indices, axes=axes, mode="multiply")
        return (g * factor, gather(g * y, *indices, axes=axes) / updates, *nones)
    # Everything that equals the result shares the gradient.
    hit_x, hit_u = equal(x, y), equal(updates, gather(y, *indices, axes=axes))
    ties = scatter(
        cast(hit_x, g.dtype), cast(hit_u, g.dtype), *indices, axes=axes, mode="add"
    )
    share = div(g, ties)
    return where(hit_x, share, 0), where(hit_u, gather(share, *indices, axes=axes), 0), *nones


def _draw_scatter(make: Any, rng: Any, d: DType) -> list[tuple[Any, ...]]:
    i, j = rng.integers(0, 3, 4), rng.integers(0, 5, 4)
    once = rng.permutation(5)[:3]
    rows: list[tuple[Any, ...]] = [
        (make(5, 2, low=0.5), make(3, 2, low=0.5), once, {"axes": (0,), "mode": mode})
        for mode in MODES
    ]
    if d.kind != "f":
        rows.append((make(3, 5), make(4), i, j, {"axes": (0, 1), "mode": "set"}))
    return [
        *rows,
        (make(3, 4, 5), make(4, 4, 5), i, {"axes": (0,), "mode": "add"}),
        (make(3, 5), make(4), i, j, {"axes": (0, 1), "mode": "add"}),
        (make(3, 5), make(4, 3), j, {"axes": (1,), "mode": "maximum"}),
        (make(3), make(), np.int64(1), {"axes": (0,), "mode": "add"}),
        (make(3), make(0), i[:0], {"axes": (0,), "mode": "set"}),
    ]


scatter = declare(
    "scatter", family="index", arity=None, attrs=("axes", "mode"),
    doc="x with updates put in at positions along `axes`, in order of their position: x (...), "
    "updates shaped like the gather, int64 indices (I) -> (...); mode: set, add, multiply, "
    "maximum, minimum; IndexError outside.",
    shape=_scatter_shape, dtype=_scatter_dtype, ref=_scatter_ref, vjp=widened_vjp(_scatter_vjp),
    sample=cases(_draw_scatter, NUMBERS), tolerance=LOOSE,
)  # fmt: skip
