"""Arrangements: movement ops with bodies."""

from __future__ import annotations

from typing import Any

import numpy as np

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.base.errors import ArgumentError, ShapeError, message
from firth.ir.node import Shape
from firth.ir.op import Expr, declare
from firth.ops.elementwise import where
from firth.ops.movement import concatenate, slice_
from firth.ops.rules import (
    ANY,
    cases,
    check_axes,
    count,
    expand_to,
    iota,
    promote,
    reshape,
    same,
)


def arrangement(name: str, draw: Any, dtype: Any = same, **fields: Any) -> Any:
    """An op of any dtype that moves elements and has a body."""
    return declare(
        name, family="movement", dtype=dtype, sample=cases(draw, ANY),
        tolerance=dict.fromkeys(ANY, 0.0), **fields,
    )  # fmt: skip


def _stack_shape(*shapes: Shape, axis: int) -> Shape:
    if not shapes or any(s != shapes[0] for s in shapes):
        other = next((s for s in shapes if s != shapes[0]), ())
        raise ShapeError(
            message("stack", "the sources differ in shape", f"{shapes[:1]} and {other}",
                    "equal shapes", "reshape them, or use concatenate")
        )  # fmt: skip
    check_axes("stack", len(shapes[0]) + 1, (axis,))
    return (*shapes[0][:axis], len(shapes), *shapes[0][axis:])


def _stack_lower(*xs: Expr, axis: int) -> Expr:
    rows = [reshape(x, (*x.shape[:axis], 1, *x.shape[axis:])) for x in xs]
    return concatenate(*rows, axis=axis)


def _stack_ref(*xs: np.ndarray, axis: int) -> np.ndarray:
    dtype = promote([dt.from_numpy(np.asarray(x).dtype) for x in xs])
    return np.stack([np.asarray(x).astype(dtype.np) for x in xs], axis)


stack = arrangement(
    "stack",
    lambda make, rng, d: [
        (make(2, 3), make(2, 3), {"axis": 1}), (make(), make(), make(), {"axis": 0}),
        (make(3), {"axis": 1}),
    ],
    dtype=lambda *ds, axis: promote(ds), arity=None, attrs=("axis",), shape=_stack_shape,
    doc="Sources side by side along a new axis: x (A.., B..) -> (A.., n, B..); dtypes promote.",
    ref=_stack_ref, lower=_stack_lower,
)  # fmt: skip


def _tile_shape(x: Shape, counts: Shape) -> Shape:
    if len(counts) < len(x) or any(n < 0 for n in counts):
        raise ArgumentError(
            message("tile", "counts do not fit the dimensions", f"{counts} for shape {x}",
                    "a count of 0 or more per dimension, or more dimensions", "add counts of 1")
        )  # fmt: skip
    return tuple(n * c for n, c in zip((1,) * (len(counts) - len(x)) + x, counts, strict=True))


def _tile_lower(x: Expr, counts: Shape) -> Expr:
    lead = (1,) * (len(counts) - x.ndim) + x.shape
    split = tuple(v for n in lead for v in (1, n))
    grown = tuple(v for c, n in zip(counts, lead, strict=True) for v in (c, n))
    return reshape(expand_to(reshape(x, split), grown), _tile_shape(x.shape, counts))


tile = arrangement(
    "tile",
    lambda make, rng, d: [
        (make(2, 3), {"counts": (2, 3)}), (make(3), {"counts": (2, 1)}),
        (make(2), {"counts": (0,)}),
    ],
    attrs=("counts",), shape=_tile_shape, lower=_tile_lower,
    doc="The whole repeated along each dimension, what `repeat` means: x (D0..) -> (c0 * D0..).",
    ref=lambda x, counts: np.tile(x, counts),
)  # fmt: skip


def _repeat_shape(x: Shape, count: int, axis: int) -> Shape:
    check_axes("repeat_interleave", len(x), (axis,))
    return (*x[:axis], x[axis] * count, *x[axis + 1 :])


def _repeat_lower(x: Expr, count: int, axis: int) -> Expr:
    head, tail = x.shape[: axis + 1], x.shape[axis + 1 :]
    grown = expand_to(reshape(x, (*head, 1, *tail)), (*head, count, *tail))
    return reshape(grown, _repeat_shape(x.shape, count, axis))


repeat_interleave = arrangement(
    "repeat_interleave",
    lambda make, rng, d: [
        (make(2, 3), {"count": 2, "axis": 0}), (make(3), {"count": 0, "axis": 0}),
    ],
    attrs=("count", "axis"), shape=_repeat_shape, lower=_repeat_lower,
    doc="Each element repeated along an axis: x (A.., n, B..) -> (A.., n * count, B..).",
    ref=lambda x, count, axis: np.repeat(x, count, axis),
)  # fmt: skip


def _cut(x: Expr, axis: int, start: int, size: int) -> Expr:
    starts = tuple(start if a == axis else 0 for a in range(x.ndim))
    sizes = tuple(size if a == axis else n for a, n in enumerate(x.shape))
    return slice_(x, starts=starts, sizes=sizes, steps=(1,) * x.ndim)


def _unpack_shape(x: Shape, start: int, shape: Shape) -> Shape:
    if not x or start < 0 or any(n < 0 for n in shape) or start + count(shape) > x[-1]:
        raise ShapeError(
            message("unpack", "the last dimension does not hold so much",
                    f"{x}, {shape} from {start} on", "a part of its extent", "check the sizes")
        )  # fmt: skip
    return (*x[:-1], *shape)


def _unpack_lower(x: Expr, start: int, shape: Shape) -> Expr:
    return reshape(_cut(x, x.ndim - 1, start, count(shape)), (*x.shape[:-1], *shape))


unpack = arrangement(
    "unpack",
    lambda make, rng, d: [
        (make(2, 11), {"start": 2, "shape": (3, 2)}), (make(5), {"start": 5, "shape": (0, 2)}),
        (make(4), {"start": 1, "shape": (3,)}),
    ],
    attrs=("start", "shape"), shape=_unpack_shape, lower=_unpack_lower,
    doc="What lies in rows from a place on, with a shape: x (..., N) -> (..., *shape).",
    ref=lambda x, start, shape: x[..., start : start + count(shape)].reshape(*x.shape[:-1], *shape),
)  # fmt: skip


def _roll_lower(x: Expr, shifts: Shape, axes: Shape) -> Expr:
    for shift, axis in zip(shifts, axes, strict=True):
        n = x.shape[axis]
        k = shift % n if n else 0
        if k:
            x = concatenate(_cut(x, axis, n - k, k), _cut(x, axis, 0, n - k), axis=axis)
    return reshape(x, x.shape)


def _roll_shape(x: Shape, shifts: Shape, axes: Shape) -> Shape:
    if len(shifts) != len(axes) or any(not 0 <= a < len(x) for a in axes):
        raise ArgumentError(
            message("roll", "shifts and axes do not fit", f"{shifts} along {axes} of {x}",
                    "one shift per axis", "check the axes")
        )  # fmt: skip
    return x


roll = arrangement(
    "roll",
    lambda make, rng, d: [
        (make(3, 4), {"shifts": (1, -2), "axes": (0, 1)}),
        (make(3), {"shifts": (5,), "axes": (0,)}),
        (make(0), {"shifts": (1,), "axes": (0,)}), (make(2), {"shifts": (), "axes": ()}),
    ],
    attrs=("shifts", "axes"), shape=_roll_shape, lower=_roll_lower,
    doc="Elements moved along axes, those that fall off come back: x (...) -> (...).",
    ref=lambda x, shifts, axes: np.roll(x, shifts, axes) if axes else x,
)  # fmt: skip


def _matrix_shape(name: str) -> Any:
    def rule(x: Shape, diagonal: int) -> Shape:
        if len(x) < 2:
            raise ShapeError(
                message(name, "x is not a matrix", str(x), "at least 2 dimensions", "reshape it")
            )
        return x

    return rule


def _below(x: Expr, diagonal: int) -> Expr:
    """Whether column - row <= diagonal: (rows, columns) bool."""
    shape = x.shape[-2:]
    return iota(shape, 1) <= iota(shape, 0) + diagonal


def _draw_matrix(make: Any, rng: Any, d: DType) -> list[tuple[Any, ...]]:
    shapes = ((3, 4), (2, 3, 3), (0, 2))
    return [(make(*s), {"diagonal": k}) for s in shapes for k in (0, 1, -2)]


tril = arrangement(
    "tril", _draw_matrix, attrs=("diagonal",), defaults={"diagonal": 0},
    shape=_matrix_shape("tril"), ref=lambda x, diagonal: np.tril(x, diagonal),
    doc="The part on and below a diagonal, 0 above: x (..., M, N) -> (..., M, N).",
    lower=lambda x, diagonal: _keep_where(_below(x, diagonal), x),
)  # fmt: skip
triu = arrangement(
    "triu", _draw_matrix, attrs=("diagonal",), defaults={"diagonal": 0},
    shape=_matrix_shape("triu"), ref=lambda x, diagonal: np.triu(x, diagonal),
    doc="The part on and above a diagonal, 0 below: x (..., M, N) -> (..., M, N).",
    lower=lambda x, diagonal: _keep_where(~_below(x, diagonal - 1), x),
)  # fmt: skip


def _keep_where(kept: Expr, x: Expr) -> Expr:
    return kept & x if x.dtype.kind == "b" else where(kept, x, 0)


def _diagonal_extent(x: Shape, offset: int) -> int:
    rows, columns = x[-2:]
    return max(min(rows + min(offset, 0), columns - max(offset, 0)), 0)


def _diagonal_shape(x: Shape, offset: int) -> Shape:
    _matrix_shape("diagonal")(x, offset)
    return (*x[:-2], _diagonal_extent(x, offset))


def _diagonal_lower(x: Expr, offset: int) -> Expr:
    """Rows and columns as one axis: the diagonal is then every (columns + 1)-th element."""
    rows, columns = x.shape[-2:]
    n = _diagonal_extent(x.shape, offset)
    lead = x.shape[:-2]
    flat = reshape(x, (*lead, rows * columns))
    start = offset if offset >= 0 else -offset * columns
    return slice_(
        flat, starts=(*(0 for _ in lead), min(start, rows * columns)), sizes=(*lead, n),
        steps=(*(1 for _ in lead), columns + 1),
    )  # fmt: skip


diagonal = arrangement(
    "diagonal",
    lambda make, rng, d: [(make(3, 4), {"offset": k}) for k in (0, 1, -1, 3, 4)]
    + [(make(2, 3, 2), {"offset": 0})],
    attrs=("offset",), defaults={"offset": 0}, shape=_diagonal_shape, lower=_diagonal_lower,
    doc="The diagonal of the last two dimensions: x (..., M, N) -> (..., n).",
    ref=lambda x, offset: np.diagonal(x, offset, -2, -1),
)  # fmt: skip
