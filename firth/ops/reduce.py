"""Reductions and scans: attributes `axes` (sorted, distinct, not negative) and `keepdims`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.base.errors import ArgumentError, DTypeError, ShapeError, message
from firth.ir.node import Shape
from firth.ir.op import TABLE, Expr, Op, declare
from firth.ops.elementwise import cast, equal, exp, where
from firth.ops.movement import concatenate, expand, flip, permute, slice_
from firth.ops.rules import (
    ANY_NUMBER,
    LOOSE,
    NUMBERS,
    cases,
    check_axes,
    count,
    filled,
    iota,
    keep,
    no_complex,
    no_gradient,
    reduced,
    reshape,
    round_to,
    widen,
    widened_vjp,
)

Axes = tuple[int, ...]


def _draw(make: Any, rng: Any, d: DType) -> list[tuple[Any, ...]]:
    return [
        (make(3, 4, 5), {"axes": (0, 2), "keepdims": False}),
        (make(3, 4, 5), {"axes": (1,), "keepdims": True}),
        (make(7), {"axes": (0,), "keepdims": False}),
        (make(2, 1), {"axes": (), "keepdims": False}),
        (make(), {"axes": (), "keepdims": False}),
        (make(0, 3), {"axes": (1,), "keepdims": False}),
    ]


def _draw_empty(make: Any, rng: Any, d: DType) -> list[tuple[Any, ...]]:
    return [*_draw(make, rng, d), (make(0, 3), {"axes": (0,), "keepdims": False})]


def reduction(
    name: str,
    ref: Callable[..., Any],
    *,
    doc: str,
    vjp: Callable[..., Any] = no_gradient,
    dtypes: tuple[DType, ...] = ANY_NUMBER,
    needs_elements: bool = False,
) -> Op:
    """Declares an op that folds axes: ref(x, axis=, keepdims=); half types accumulate in float32.

    dtypes: what x may be. needs_elements: reducing an extent of 0 has no answer.
    """

    def shape_rule(x: Shape, axes: Axes, keepdims: bool) -> Shape:
        check_axes(name, len(x), axes)
        if needs_elements and any(x[a] == 0 for a in axes) and count(reduced(x, axes, False)):
            raise ShapeError(
                message(name, "there is nothing to choose from", f"shape {x}, axes {axes}",
                        "extents of at least 1", "check for empty input first")
            )  # fmt: skip
        return reduced(x, axes, keepdims)

    def dtype_rule(d: DType, axes: Axes, keepdims: bool) -> DType:
        if d not in dtypes:
            no_complex(name, (d,))
            raise DTypeError(
                message(name, "has no meaning for this dtype", d.name,
                        ", ".join(x.name for x in dtypes), "cast first")
            )  # fmt: skip
        return d

    def full_ref(x: np.ndarray, axes: Axes, keepdims: bool) -> np.ndarray:
        x = np.asarray(x)
        d = dtype_rule(dt.from_numpy(x.dtype), axes, keepdims)
        if not count(reduced(x.shape, axes, False)):
            return np.zeros(reduced(x.shape, axes, keepdims), x.dtype)
        with np.errstate(all="ignore"):
            return round_to(ref(widen(x), axis=axes, keepdims=keepdims), d)

    return declare(
        name, family="reduction", attrs=("axes", "keepdims"), doc=doc, shape=shape_rule,
        dtype=dtype_rule, ref=full_ref, vjp=widened_vjp(vjp), tolerance=LOOSE,
        sample=cases(_draw if needs_elements else _draw_empty, dtypes),
    )  # fmt: skip


def spread(g: Expr, x: Expr, axes: Axes) -> Expr:
    """A reduced g repeated over the axes that were reduced: -> x.shape."""
    from_shape = keep(g, x.shape, axes)
    return from_shape if from_shape.shape == x.shape else expand(from_shape, shape=x.shape)


def _sum_ref(x: np.ndarray, axis: Axes, keepdims: bool) -> np.ndarray:
    return np.asarray(np.sum(x, axis=axis, keepdims=keepdims, dtype=x.dtype))


def _prod_ref(x: np.ndarray, axis: Axes, keepdims: bool) -> np.ndarray:
    return np.asarray(np.prod(x, axis=axis, keepdims=keepdims, dtype=x.dtype))


sum_ = reduction(
    "sum", _sum_ref, doc="The sum over axes, 0 when empty: x (...) number -> (...) without them.",
    vjp=lambda g, y, x, axes, keepdims: (spread(g, x, axes),),
)  # fmt: skip


def _prod_vjp(g: Expr, y: Expr, x: Expr, axes: Axes, keepdims: bool) -> tuple[Expr]:
    """Products of all the others, from both sides, so that zeros need no care."""
    if not axes:
        return (g,)
    rest = tuple(a for a in range(x.ndim) if a not in axes)
    order = (*rest, *axes)
    lead = tuple(x.shape[a] for a in rest)
    flat = reshape(permute(x, axes=order), (*lead, count(tuple(x.shape[a] for a in axes))))
    others = _before(flat) * flip(_before(flip(flat, axes=(len(lead),))), axes=(len(lead),))
    others = reshape(others, tuple(x.shape[a] for a in order))
    back = tuple(order.index(i) for i in range(x.ndim))
    return (spread(g, x, axes) * permute(others, axes=back),)


def _before(x: Expr) -> Expr:
    """The product of everything before each element of the last axis."""
    last = x.ndim - 1
    n = x.shape[last]
    if n == 0:
        return x
    ones = filled(1, (*x.shape[:last], 1), x.dtype)
    head = slice_(x, starts=(0,) * x.ndim, sizes=(*x.shape[:last], n - 1), steps=(1,) * x.ndim)
    return cumulate(concatenate(ones, head, axis=last), axis=last, kind="mul")


prod = reduction(
    "prod", _prod_ref,
    doc="The product over axes, 1 when empty: x (...) number -> (...) without them.",
    vjp=_prod_vjp,
)  # fmt: skip


def _extreme_vjp(g: Expr, y: Expr, x: Expr, axes: Axes, keepdims: bool) -> tuple[Expr]:
    hit = equal(x, keep(y, x.shape, axes))
    share = keep(g, x.shape, axes) / sum_(cast(hit, dtype=g.dtype), axes=axes, keepdims=True)
    return (where(hit, share, 0),)


amax = reduction(
    "amax", np.max, needs_elements=True, dtypes=NUMBERS, vjp=_extreme_vjp,
    doc="The largest over axes, NaN if any; ties share the gradient: x (...) number -> (...).",
)  # fmt: skip
amin = reduction(
    "amin", np.min, needs_elements=True, dtypes=NUMBERS, vjp=_extreme_vjp,
    doc="The smallest over axes, NaN if any; ties share the gradient: x (...) number -> (...).",
)  # fmt: skip
any_ = reduction(
    "any", np.any, dtypes=(dt.bool_,),
    doc="Whether any holds over axes, False when empty: x (...) bool -> (...).",
)  # fmt: skip
all_ = reduction(
    "all", np.all, dtypes=(dt.bool_,),
    doc="Whether all hold over axes, True when empty: x (...) bool -> (...).",
)  # fmt: skip

# --- scan -----------------------------------------------------------------------------------------

_SCANS = {
    "add": np.add, "mul": np.multiply, "maximum": np.maximum, "minimum": np.minimum,
}  # fmt: skip


def _scan_shape(x: Shape, axis: int, kind: str) -> Shape:
    check_axes("cumulate", len(x), (axis,))
    if kind not in _SCANS:
        raise ArgumentError(
            message("cumulate", "there is no such kind", repr(kind), ", ".join(_SCANS), "pick one")
        )
    return x


def _scan_dtype(d: DType, axis: int, kind: str) -> DType:
    if kind in ("maximum", "minimum"):
        no_complex("cumulate", (d,))
    if d.kind == "b":
        raise DTypeError(
            message("cumulate", "has no meaning for bool", "bool", "a number", "cast first")
        )
    return d


def _scan_ref(x: np.ndarray, axis: int, kind: str) -> np.ndarray:
    x = np.asarray(x)
    with np.errstate(all="ignore"):
        wide_x = widen(x)
        found = _SCANS[kind].accumulate(wide_x, axis=axis, dtype=wide_x.dtype)
        return round_to(found, dt.from_numpy(x.dtype))


def _reverse_sum(g: Expr, axis: int) -> Expr:
    return flip(cumulate(flip(g, axes=(axis,)), axis=axis, kind="add"), axes=(axis,))


def _scan_vjp(g: Expr, y: Expr, x: Expr, axis: int, kind: str) -> tuple[Expr]:
    if kind == "add":
        return (_reverse_sum(g, axis),)
    if kind == "mul":
        return (_scan_mul_vjp(g, y, x, axis),)
    # The latest position that reached the extreme so far receives the gradient.
    where_reached = where(equal(x, y), iota(x.shape, axis), -1)
    winner = cumulate(where_reached, axis=axis, kind="maximum")
    winner = where(winner < 0, iota(x.shape, axis), winner)
    return (
        TABLE["scatter_along_axis"](filled(0, x.shape, g.dtype), g, winner, axis=axis, mode="add"),
    )


def _scan_mul_vjp(g: Expr, y: Expr, x: Expr, axis: int) -> Expr:
    """Before the first zero by division; at it, with the zero taken as 1; after it, nothing."""
    zero = equal(x, 0)
    seen = cumulate(cast(zero, dtype=dt.int64), axis=axis, kind="add")
    first = zero & equal(seen, 1)
    no_zero = cumulate(where(first, 1, x), axis=axis, kind="mul")
    before = _reverse_sum(g * y, axis) / where(zero, 1, x)
    at_first = _reverse_sum(g * no_zero, axis)
    return where(equal(seen, 0), before, where(first, at_first, 0))


cumulate = declare(
    "cumulate", family="scan", attrs=("axis", "kind"),
    doc="The running sum, product, maximum or minimum along an axis: x (..., n, ...) -> the same; "
    "kind: add, mul, maximum or minimum.",
    shape=_scan_shape, dtype=_scan_dtype, ref=_scan_ref, vjp=widened_vjp(_scan_vjp),
    sample=cases(lambda make, rng, d: [
        (make(3, 4), {"axis": a, "kind": k}) for a in (0, 1)
        for k in (_SCANS if not d.is_complex else ("add", "mul"))
    ] + [(make(0, 2), {"axis": 0, "kind": "add"}), (make(2, 1), {"axis": 1, "kind": "mul"})],
        ANY_NUMBER),
    tolerance=LOOSE,
)  # fmt: skip


def _recurrence_shape(a: Shape, b: Shape, axis: int) -> Shape:
    check_axes("recurrence", len(b), (axis,))
    if a != b:
        raise ShapeError(
            message("recurrence", "the sources differ in shape", f"{a} and {b}", "equal shapes",
                    "expand the smaller one")
        )  # fmt: skip
    return b


def _recurrence_dtype(a: DType, b: DType, axis: int) -> DType:
    if a is not b or a.kind != "f":
        raise DTypeError(
            message("recurrence", "the dtypes do not fit", f"{a.name} and {b.name}",
                    "one floating-point dtype", "cast them")
        )  # fmt: skip
    return a


def _recurrence_ref(a: np.ndarray, b: np.ndarray, axis: int) -> np.ndarray:
    a, b = np.asarray(a), np.asarray(b)
    rows = np.moveaxis(widen(b), axis, 0).copy()
    with np.errstate(all="ignore"):
        kept = np.zeros(rows.shape[1:])
        for k, factor in enumerate(np.moveaxis(widen(a), axis, 0)):
            kept = rows[k] = factor * kept + rows[k]
        return round_to(np.moveaxis(rows, 0, axis), dt.from_numpy(b.dtype))


def _one_earlier(x: Expr, axis: int) -> Expr:
    """Zeros, then all but the last along an axis."""
    if x.shape[axis] < 2:
        return filled(0, x.shape, x.dtype)
    zeros, steps = (0,) * x.ndim, (1,) * x.ndim
    low = tuple(int(d == axis) for d in range(x.ndim))
    sizes = tuple(n - k for n, k in zip(x.shape, low, strict=True))
    kept = slice_(x, starts=zeros, sizes=sizes, steps=steps)
    return TABLE["pad"](kept, low=low, high=zeros, inner=zeros, value=0.0)


def _recurrence_vjp(g: Expr, y: Expr, a: Expr, b: Expr, axis: int) -> tuple[Expr, Expr]:
    """The same backwards: what reaches y[k] also comes from y[k + 1], times a[k + 1]."""
    factors = _one_earlier(flip(a, axes=(axis,)), axis)
    gb = flip(recurrence(factors, flip(g, axes=(axis,)), axis=axis), axes=(axis,))
    return gb * _one_earlier(y, axis), gb


recurrence = declare(
    "recurrence", family="scan", arity=2, attrs=("axis",),
    doc="y[k] = a[k] * y[k - 1] + b[k] along an axis, from 0 on: a, b (..., n, ...) float -> the "
    "same.",
    shape=_recurrence_shape, dtype=_recurrence_dtype, ref=_recurrence_ref,
    vjp=widened_vjp(_recurrence_vjp),
    sample=cases(lambda make, rng, d: [
        (make(3, 4), make(3, 4), {"axis": 0}), (make(3, 4), make(3, 4), {"axis": 1}),
        (make(0, 2), make(0, 2), {"axis": 0}), (make(2, 1), make(2, 1), {"axis": 1}),
    ]),
    tolerance=LOOSE,
)  # fmt: skip


def _log_sums_shape(x: Shape, axis: int) -> Shape:
    check_axes("logcumsumexp", len(x), (axis,))
    return x


def _log_sums_dtype(d: DType, axis: int) -> DType:
    if d.kind != "f":
        raise DTypeError(
            message("logcumsumexp", "has no meaning for this dtype", d.name,
                    "a real floating-point dtype", "cast first")
        )  # fmt: skip
    return d


def _log_sums_ref(x: np.ndarray, axis: int) -> np.ndarray:
    x = np.asarray(x)
    with np.errstate(all="ignore"):
        found = np.logaddexp.accumulate(widen(x), axis=axis)
    return round_to(found, dt.from_numpy(x.dtype))


def _log_sums_vjp(g: Expr, y: Expr, x: Expr, axis: int) -> tuple[Expr]:
    """g[i] * exp(x[j] - y[i]), summed over i >= j from the end, relative to exp(y[j])."""
    none = equal(y, -math.inf)  # nothing to sum: no slope
    later = flip(y, axes=(axis,))
    before = _one_earlier(later, axis)
    fall = where(later >= before, 0, later - before)  # 0 also where both are infinite
    sums = recurrence(exp(fall), flip(g, axes=(axis,)), axis=axis)
    return (where(none, 0, flip(sums, axes=(axis,)) * exp(x - where(none, 0, y))),)


logcumsumexp = declare(
    "logcumsumexp", family="scan", attrs=("axis",),
    doc="log of the running sum of exp(x) along an axis, without overflow: x (..., n, ...) float "
    "-> the same.",
    shape=_log_sums_shape, dtype=_log_sums_dtype, ref=_log_sums_ref,
    vjp=widened_vjp(_log_sums_vjp),
    sample=cases(lambda make, rng, d: [
        (make(3, 4), {"axis": 0}), (make(3, 4), {"axis": 1}), (make(0, 2), {"axis": 0}),
        (make(2, 1), {"axis": 1}),
    ]),
    tolerance=LOOSE,
)  # fmt: skip
