"""Indexing by values: gather, scatter and what is made of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.base.errors import ArgumentError, DTypeError, ShapeError, message
from firth.ir.node import Shape
from firth.ir.op import TABLE, Expr, declare
from firth.ops.elementwise import div, equal, where
from firth.ops.rules import (
    ANY_NUMBER,
    INEXACT,
    LOOSE,
    cases,
    cast,
    check_axes,
    composed,
    expand_to,
    filled,
    in_range,
    iota,
    no_complex,
    no_gradient,
    reshape,
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
            raise DTypeError(
                message(name, "indices are not int64", d.name, "int64", "cast them, e.g. x.long()")
            )


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
    ref=_gather_ref, vjp=widened_vjp(_gather_vjp), sample=cases(_draw_gather, ANY_NUMBER),
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
    if mode not in ("set", "add"):
        no_complex(f"scatter with mode {mode}", (x,))
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
        return (g * factor, _factor_slopes(g, x, updates, indices, axes), *nones)
    # Everything that equals the result shares the gradient.
    hit_x, hit_u = equal(x, y), equal(updates, gather(y, *indices, axes=axes))
    ties = scatter(cast(hit_x, g.dtype), cast(hit_u, g.dtype), *indices, axes=axes, mode="add")
    share = div(g, ties)
    return where(hit_x, share, 0), where(hit_u, gather(share, *indices, axes=axes), 0), *nones


def _factor_slopes(g: Expr, x: Expr, updates: Expr, indices: tuple[Expr, ...], axes: Axes) -> Expr:
    """The gradient of a product's factors, right for factors of 0 too."""
    zero_x, zero_u = equal(x, 0), equal(updates, 0)
    zeros = scatter(cast(zero_x, g.dtype), cast(zero_u, g.dtype), *indices, axes=axes, mode="add")
    some = where(zero_u, 1, updates)
    rest = scatter(where(zero_x, 1, x), some, *indices, axes=axes, mode="multiply")
    of_some = gather(where(equal(zeros, 0), g * rest, 0), *indices, axes=axes) / some
    return where(zero_u, gather(where(equal(zeros, 1), g * rest, 0), *indices, axes=axes), of_some)


def _draw_scatter(make: Any, rng: Any, d: DType) -> list[tuple[Any, ...]]:
    i, j = rng.integers(0, 3, 4), rng.integers(0, 5, 4)
    once = rng.permutation(5)[:3]
    rows: list[tuple[Any, ...]] = [
        (make(5, 2, low=0.5), make(3, 2, low=0.5), once, {"axes": (0,), "mode": mode})
        for mode in (("set", "add") if d.is_complex else MODES)
    ]
    if d.kind not in "fc":
        rows.append((make(3, 5), make(4), i, j, {"axes": (0, 1), "mode": "set"}))
    return [
        *rows,
        (make(3, 4, 5), make(4, 4, 5), i, {"axes": (0,), "mode": "add"}),
        (make(3, 5), make(4), i, j, {"axes": (0, 1), "mode": "add"}),
        (make(3, 5), make(4, 3), j, {"axes": (1,), "mode": "add" if d.is_complex else "maximum"}),
        (make(3), make(), np.int64(1), {"axes": (0,), "mode": "add"}),
        (make(3), make(0), i[:0], {"axes": (0,), "mode": "set"}),
    ]


scatter = declare(
    "scatter", family="index", arity=None, attrs=("axes", "mode"),
    doc="x with updates put in at positions along `axes`, in order of their position: x (...), "
    "updates shaped like the gather, int64 indices (I) -> (...); mode: set, add, multiply, "
    "maximum, minimum; IndexError outside.",
    shape=_scatter_shape, dtype=_scatter_dtype, ref=_scatter_ref, vjp=widened_vjp(_scatter_vjp),
    sample=cases(_draw_scatter, ANY_NUMBER), tolerance=LOOSE,
)  # fmt: skip

# --- along one axis -------------------------------------------------------------------------------


def _wrapped(i: Expr, extent: int) -> Expr:
    return where(i < 0, i + extent, i)


wrap_index = composed(
    "wrap_index", attrs=("extent",), family="index",
    doc="Negative positions counted from the end: i (...) int64 -> (...) int64.",
    shape=lambda i, extent: i, dtype=lambda d, extent: d,
    ref=lambda i, extent: np.where(i < 0, i + extent, i), lower=_wrapped, vjp=no_gradient,
    sample=cases(lambda make, rng, d: [(rng.integers(-5, 5, (3, 2)), {"extent": 5})], (dt.int64,)),
)  # fmt: skip


def _position_dtype(d: DType, extent: int) -> DType:
    if d is not dt.int64:
        raise DTypeError(
            f"checked_index: positions are int64; got {d.name}, expected int64; cast them first"
        )
    return d


def _checked_ref(i: np.ndarray, extent: int) -> np.ndarray:
    in_range("checked_index", i, extent)
    return i


checked_index = declare(
    "checked_index", attrs=("extent",), family="index",
    doc="Positions as they are, IndexError outside [0, extent): i (...) int64 -> (...) int64.",
    shape=lambda i, extent: i, dtype=_position_dtype, ref=_checked_ref, vjp=no_gradient,
    sample=cases(lambda make, rng, d: [(rng.integers(0, 5, (3, 2)), {"extent": 5})], (dt.int64,)),
)  # fmt: skip


def _take_shape(x: Shape, i: Shape, axis: int) -> Shape:
    check_axes("take", len(x), (axis,))
    return (*x[:axis], *i, *x[axis + 1 :])


def _take_lower(x: Expr, i: Expr, axis: int) -> Expr:
    """gather puts the index in front; permute puts it where the axis was."""
    found = gather(x, cast(i, dt.int64), axes=(axis,))
    if axis == 0:
        return found
    order = (*range(i.ndim, i.ndim + axis), *range(i.ndim), *range(i.ndim + axis, found.ndim))
    return TABLE["permute"](found, axes=order)


def _indexed_dtype(name: str) -> Any:
    def rule(x: DType, i: DType, **_: Any) -> DType:
        if not i.is_integer:
            raise DTypeError(
                message(
                    name, "indices are not integers", i.name, "int64", "cast them, e.g. x.long()"
                )
            )
        return x

    return rule


def _take_ref(x: np.ndarray, i: np.ndarray, axis: int) -> np.ndarray:
    in_range("take", i, x.shape[axis])
    return np.asarray(np.take(x, i, axis))


take = composed(
    "take", arity=2, attrs=("axis",), family="index",
    doc="Elements at positions along one axis: x (A.., n, B..), i (I..) integer -> "
    "(A.., I.., B..); IndexError outside [0, n).",
    shape=_take_shape, dtype=_indexed_dtype("take"), ref=_take_ref, lower=_take_lower,
    sample=cases(lambda make, rng, d: [
        (make(3, 4, 5), rng.integers(0, 4, (2, 3)), {"axis": 1}),
        (make(3, 4), rng.integers(0, 3, 4), {"axis": 0}), (make(3), np.int64(1), {"axis": 0}),
        (make(2, 3), np.zeros((0,), np.int64), {"axis": 1}),
    ], ANY_NUMBER),
)  # fmt: skip


def _along_shape(name: str) -> Any:
    def rule(x: Shape, *others: Shape, axis: int, **_: Any) -> Shape:
        check_axes(name, len(x), (axis,))
        i = others[-1]
        bad = len(i) != len(x) or any(
            a != b for k, (a, b) in enumerate(zip(x, i, strict=True)) if k != axis
        )
        if bad or (len(others) > 1 and others[0] != i):
            raise ShapeError(
                message(name, f"the index does not fit in dimension {axis}",
                        " and ".join(map(str, (x, *others))),
                        f"equal extents everywhere but in dimension {axis}",
                        "slice the source or expand the index")
            )  # fmt: skip
        return i if len(others) == 1 else x

    return rule


def _grid(i: Expr, axis: int) -> tuple[Expr, ...]:
    """One full index per axis: i along `axis`, positions along the others."""
    wide = cast(i, dt.int64)
    return tuple(wide if a == axis else expand_to(iota(i.shape, a), i.shape) for a in range(i.ndim))


def _along_ref(x: np.ndarray, i: np.ndarray, axis: int) -> np.ndarray:
    in_range("take_along_axis", i, x.shape[axis])
    return np.take_along_axis(x, i, axis)


take_along_axis = composed(
    "take_along_axis", arity=2, attrs=("axis",), family="index",
    doc="Element by element along one axis: x (A.., n, B..), i (A.., m, B..) integer -> "
    "(A.., m, B..), y[a, k, b] = x[a, i[a, k, b], b]; IndexError outside [0, n).",
    shape=_along_shape("take_along_axis"), dtype=_indexed_dtype("take_along_axis"), ref=_along_ref,
    lower=lambda x, i, axis: gather(x, *_grid(i, axis), axes=tuple(range(x.ndim))),
    sample=cases(lambda make, rng, d: [
        (make(3, 4), rng.integers(0, 4, (3, 2)), {"axis": 1}),
        (make(3, 4), rng.integers(0, 3, (5, 4)), {"axis": 0}),
    ], ANY_NUMBER),
)  # fmt: skip


def _scatter_along_ref(
    x: np.ndarray, updates: np.ndarray, i: np.ndarray, axis: int, mode: str
) -> np.ndarray:
    grid = list(np.indices(i.shape))
    grid[axis] = i
    return _scatter_ref(x, updates, *grid, axes=tuple(range(x.ndim)), mode=mode)


scatter_along_axis = composed(
    "scatter_along_axis", arity=3, attrs=("axis", "mode"), family="index",
    doc="x with updates put in along one axis: x (A.., n, B..), updates and i (A.., m, B..) -> "
    "(A.., n, B..), at [a, i[a, k, b], b]; mode as scatter's; IndexError outside [0, n).",
    shape=_along_shape("scatter_along_axis"), dtype=lambda x, u, i, **_: x,
    ref=_scatter_along_ref,
    lower=lambda x, u, i, axis, mode: scatter(
        x, cast(u, x.dtype), *_grid(i, axis), axes=tuple(range(x.ndim)), mode=mode),
    sample=cases(lambda make, rng, d: [
        (make(3, 4), make(3, 2), np.array([[0, 1], [2, 3], [3, 1]]), {"axis": 1, "mode": "set"}),
        (make(3, 4), make(5, 4), rng.integers(0, 3, (5, 4)), {"axis": 0, "mode": "add"}),
    ], ANY_NUMBER),
)  # fmt: skip


def _one_hot_lower(i: Expr, classes: int, dtype: DType) -> Expr:
    wide = reshape(cast(i, dt.int64), (*i.shape, 1))
    return cast(equal(wide, iota((*i.shape, classes), i.ndim)), dtype)


def _one_hot_ref(i: np.ndarray, classes: int, dtype: DType) -> np.ndarray:
    return np.asarray(i[..., None] == np.arange(classes))


one_hot = composed(
    "one_hot", attrs=("classes", "dtype"), defaults={"dtype": dt.int64}, family="index",
    doc="1 at the position, 0 elsewhere, all 0 outside: i (...) integer -> (..., classes).",
    shape=lambda i, classes, dtype: (*i, classes), dtype=lambda d, classes, dtype: dtype,
    ref=_one_hot_ref, lower=_one_hot_lower, vjp=no_gradient,
    sample=cases(lambda make, rng, d: [
        (make(3, 2, low=0, high=3), {"classes": 4, "dtype": t}) for t in (dt.int64, dt.float32)
    ], (dt.int64, dt.int32)),
)  # fmt: skip


def _embedding_shape(weight: Shape, i: Shape, padding: int | None) -> Shape:
    if len(weight) != 2:
        raise ShapeError(
            message("embedding", "the weight is not a table", str(weight), "(rows, features)",
                    "reshape it")
        )  # fmt: skip
    return (*i, weight[1])


def _embedding_ref(weight: np.ndarray, i: np.ndarray, padding: int | None) -> np.ndarray:
    in_range("embedding", i, weight.shape[0])
    return np.asarray(weight[i])


def _embedding_vjp(
    g: Expr, y: Expr, weight: Expr, i: Expr, padding: int | None
) -> tuple[Expr, None]:
    if padding is not None:
        g = where(reshape(equal(i, padding), (*i.shape, 1)), 0, g)
    zeros = filled(0, weight.shape, g.dtype)
    return scatter(zeros, g, cast(i, dt.int64), axes=(0,), mode="add"), None


embedding = composed(
    "embedding", arity=2, attrs=("padding",), defaults={"padding": None}, family="index",
    doc="Rows of a table: weight (V, F), i (...) integer -> (..., F); the row `padding` gets no "
    "gradient; IndexError outside [0, V).",
    shape=_embedding_shape, dtype=_indexed_dtype("embedding"), ref=_embedding_ref,
    lower=lambda weight, i, padding: gather(weight, cast(i, dt.int64), axes=(0,)),
    vjp=_embedding_vjp,
    sample=cases(lambda make, rng, d: [
        (make(5, 3), rng.integers(0, 5, (2, 4)), {}), (make(5, 3), np.int64(4), {}),
    ], INEXACT),
)  # fmt: skip
