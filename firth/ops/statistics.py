"""Reductions and scans with bodies: mean, variance, softmax, positions of extremes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.base.errors import DTypeError, ShapeError, message
from firth.ir.node import Shape
from firth.ir.op import TABLE, Expr, Op
from firth.ops.compose import power, sign
from firth.ops.elementwise import (
    abs,
    equal,
    exp,
    log,
    not_equal,
    sqrt,
    where,
)
from firth.ops.reduce import amax, amin, cumulate, spread, sum_
from firth.ops.rules import (
    FLOATS,
    INEXACT,
    NUMBERS,
    cases,
    cast,
    check_axes,
    composed,
    count,
    filled,
    iota,
    keep,
    no_complex,
    real_of,
    reduced,
    reshape,
    same,
)

Axes = tuple[int, ...]


def float_only(name: str) -> Callable[..., DType]:
    """A dtype rule: floats only, the same dtype."""

    def rule(d: DType, *_: Any, **__: Any) -> DType:
        if d.kind != "f":
            raise DTypeError(
                message(name, "works on floats", d.name, "a float dtype",
                        "convert first, e.g. x.float()")
            )  # fmt: skip
        return d

    return rule


def _inexact(name: str, out: Callable[[DType], DType]) -> Callable[..., DType]:
    """A dtype rule: floats and complex numbers; `out` says what the result has."""
    floats = float_only(name)
    return lambda d, **_: out(d) if d.is_complex else floats(d)


def statistic(
    name: str,
    ref: Callable[..., Any],
    lower: Callable[..., Expr],
    *,
    doc: str,
    vjp: Callable[..., Any] | None = None,
    rows: tuple[dict[str, Any], ...] = ({},),
    dtype: Callable[..., DType] | None = None,
    **fields: Any,
) -> Op:
    """Declares a reduction of floats with a body: ref(x, axis=, keepdims=, ...).

    dtype: the rule of one that takes complex numbers too.
    """

    def shape_rule(x: Shape, axes: Axes, keepdims: bool, **_: Any) -> Shape:
        check_axes(name, len(x), axes)
        return reduced(x, axes, keepdims)

    def draw(make: Any, rng: Any, d: DType) -> list[tuple[Any, ...]]:
        found = []
        for row in rows:
            found += [
                (make(3, 4, 5), {"axes": (0, 2), "keepdims": False, **row}),
                (make(3, 4, 5), {"axes": (1,), "keepdims": True, **row}),
                (make(7), {"axes": (0,), "keepdims": False, **row}),
                (make(0, 3), {"axes": (1,), "keepdims": False, **row}),
            ]
        return found

    def full_ref(x: np.ndarray, axes: Axes, keepdims: bool, **attrs: Any) -> Any:
        if not count(reduced(x.shape, axes, False)):
            return np.zeros(reduced(x.shape, axes, keepdims))
        return ref(x, axis=axes, keepdims=keepdims, **attrs)

    return composed(
        name, doc=doc, shape=shape_rule, dtype=dtype or float_only(name), ref=full_ref,
        lower=lower, vjp=vjp, attrs=("axes", "keepdims", *fields.get("defaults", {})),
        sample=cases(draw, INEXACT if dtype else FLOATS), **fields,
    )  # fmt: skip


def _size(x: Expr, axes: Axes) -> int:
    return count(tuple(x.shape[a] for a in axes))


def _divided(x: Expr, n: float) -> Expr:
    """x / n, where n is known: NaN or infinity for 0."""
    return x / (n * 1.0)


mean = statistic(
    "mean", np.mean, dtype=_inexact("mean", same),
    doc="The mean over axes, NaN when empty: x (...) float -> (...) without them.",
    lower=lambda x, axes, keepdims: _divided(
        sum_(x, axes=axes, keepdims=keepdims), _size(x, axes)),
    vjp=lambda g, y, x, axes, keepdims: (spread(_divided(g, _size(x, axes)), x, axes),),
)  # fmt: skip


def _centred(x: Expr, axes: Axes) -> Expr:
    return x - mean(x, axes=axes, keepdims=True)


def _freedom(x: Expr, axes: Axes, correction: float) -> float:
    return max(_size(x, axes) - correction, 0)


def _squared(x: Expr) -> Expr:
    """|x|^2."""
    if not x.dtype.is_complex:
        return x * x
    re, im = TABLE["real"](x), TABLE["imag"](x)
    return re * re + im * im


def _var_lower(x: Expr, axes: Axes, keepdims: bool, correction: float) -> Expr:
    d = _centred(x, axes)
    return _divided(sum_(_squared(d), axes=axes, keepdims=keepdims), _freedom(x, axes, correction))


def _var_vjp(
    g: Expr, y: Expr, x: Expr, axes: Axes, keepdims: bool, correction: float
) -> tuple[Expr]:
    scale = spread(_divided(g * 2.0, _freedom(x, axes, correction)), x, axes)
    return (scale * _centred(x, axes),)


def _std_vjp(
    g: Expr, y: Expr, x: Expr, axes: Axes, keepdims: bool, correction: float
) -> tuple[Expr]:
    flat = equal(y, 0)
    scale = where(flat, 0, _divided(g, _freedom(x, axes, correction)) / where(flat, 1, y))
    return (spread(scale, x, axes) * _centred(x, axes),)


def _var_ref(x: np.ndarray, axis: Axes, keepdims: bool, correction: float) -> Any:
    n = max(count(tuple(x.shape[a] for a in axis)) - correction, 0)
    d = x - x.mean(axis=axis, keepdims=True)
    return np.sum((d * d.conj()).real, axis=axis, keepdims=keepdims) / np.float64(n)


_CORRECTIONS = ({"correction": 1}, {"correction": 0})
var = statistic(
    "var", _var_ref, _var_lower, vjp=_var_vjp, rows=_CORRECTIONS, defaults={"correction": 1},
    dtype=_inexact("var", real_of),
    doc="The variance over axes, divided by n - correction: x (...) float -> (...) without them.",
)  # fmt: skip
std = statistic(
    "std", lambda x, **attrs: np.sqrt(_var_ref(x, **attrs)),
    lambda x, **attrs: sqrt(var(x, **attrs)), vjp=_std_vjp, rows=_CORRECTIONS,
    defaults={"correction": 1}, dtype=_inexact("std", real_of),
    doc="The standard deviation over axes: x (...) float -> (...) without them.",
)  # fmt: skip


def _finite(m: Expr) -> Expr:
    """m with 0 for infinities, so that x - m is not inf - inf."""
    return where(equal(abs(m), math.inf), 0, m)


def _logsumexp_ref(x: np.ndarray, axis: Axes, keepdims: bool) -> Any:
    m = np.max(x.real, axis=axis, keepdims=True)
    m = np.where(np.isinf(m), 0, m)
    found = np.log(np.sum(np.exp(x - m), axis=axis, keepdims=True)) + m
    return found if keepdims else np.squeeze(found, axis)


def _logsumexp_lower(x: Expr, axes: Axes, keepdims: bool) -> Expr:
    if _size(x, axes) == 0:
        return filled(-math.inf, reduced(x.shape, axes, keepdims), x.dtype)
    size = TABLE["real"](x) if x.dtype.is_complex else x
    m = _finite(amax(size, axes=axes, keepdims=True))
    found = log(sum_(exp(x - m), axes=axes, keepdims=True)) + m
    return found if keepdims else _squeezed(found, x, axes)


def _squeezed(y: Expr, x: Expr, axes: Axes) -> Expr:
    from_shape = reduced(x.shape, axes, False)
    return reshape(y, from_shape)


logsumexp = statistic(
    "logsumexp", _logsumexp_ref, _logsumexp_lower, dtype=_inexact("logsumexp", same),
    vjp=lambda g, y, x, axes, keepdims: (
        spread(g, x, axes) * exp(x - keep(where(equal(y, -math.inf), 0, y), x.shape, axes)),),
    doc="log(sum(exp(x))) over axes without overflow: x (...) float -> (...) without them.",
)  # fmt: skip


def _norm_ref(x: np.ndarray, axis: Axes, keepdims: bool, ord: float) -> Any:
    a = np.abs(x)
    if ord == math.inf:
        return a.max(axis=axis, keepdims=keepdims)
    if ord == -math.inf:
        return a.min(axis=axis, keepdims=keepdims)
    if ord == 0:
        return (a != 0).sum(axis=axis, keepdims=keepdims).astype(np.float64)
    return np.sum(a**ord, axis=axis, keepdims=keepdims) ** (1 / ord)


def _norm_lower(x: Expr, axes: Axes, keepdims: bool, ord: float) -> Expr:
    if ord == 2:
        return sqrt(sum_(_squared(x), axes=axes, keepdims=keepdims))
    if ord == math.inf:
        return amax(abs(x), axes=axes, keepdims=keepdims)
    if ord == -math.inf:
        return amin(abs(x), axes=axes, keepdims=keepdims)
    if ord == 0:
        return sum_(cast(not_equal(x, 0), real_of(x.dtype)), axes=axes, keepdims=keepdims)
    if ord == 1:
        return sum_(abs(x), axes=axes, keepdims=keepdims)
    total = sum_(power(abs(x), float(ord)), axes=axes, keepdims=keepdims)
    return power(total, 1.0 / ord)


def _norm_vjp(g: Expr, y: Expr, x: Expr, axes: Axes, keepdims: bool, ord: float) -> tuple[Expr]:
    if ord == 0:
        return (filled(0, x.shape, g.dtype),)
    whole = keep(y, x.shape, axes)
    wide_g = keep(g, x.shape, axes)
    if ord in (math.inf, -math.inf):
        hit = equal(abs(x), whole)
        ties = sum_(cast(hit, g.dtype), axes=axes, keepdims=True)
        return (where(hit, sign(x) * (wide_g / ties), 0),)
    if ord == 1:
        return (sign(x) * wide_g,)
    share = wide_g / where(equal(whole, 0), 1, whole)
    if ord == 2:
        return (x * where(equal(whole, 0), 0, share),)
    ratio = abs(x) / where(equal(whole, 0), 1, whole)
    return (where(equal(x, 0), 0, sign(x) * power(ratio, ord - 1.0)) * wide_g,)


norm = statistic(
    "norm", _norm_ref, _norm_lower, vjp=_norm_vjp, defaults={"ord": 2},
    dtype=_inexact("norm", real_of),
    rows=tuple({"ord": p} for p in (2, 1, 3, math.inf, -math.inf, 0)),
    doc="The p-norm over axes, p = ord, infinities and 0 included, gradient 0 at 0: "
    "x (...) float -> (...) without them.",
)  # fmt: skip

# --- along one axis -------------------------------------------------------------------------------


def _axis_shape(name: str) -> Callable[..., Shape]:
    def rule(x: Shape, axis: int, **_: Any) -> Shape:
        check_axes(name, len(x), (axis,))
        return x

    return rule


def _draw_axis(make: Any, rng: Any, d: DType) -> list[tuple[Any, ...]]:
    return [
        (make(3, 4), {"axis": 1}), (make(3, 4, 2), {"axis": 1}), (make(5), {"axis": 0}),
        (make(0, 3), {"axis": 1}), (make(2, 1), {"axis": 1}),
    ]  # fmt: skip


def _softmax_ref(x: np.ndarray, axis: int) -> Any:
    if not x.size:
        return x
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def _shifted(x: Expr, axis: int) -> Expr:
    return x - amax(x, axes=(axis,), keepdims=True) if x.shape[axis] else x


def _softmax_lower(x: Expr, axis: int) -> Expr:
    e = exp(_shifted(x, axis))
    return e / sum_(e, axes=(axis,), keepdims=True)


def _log_softmax_lower(x: Expr, axis: int) -> Expr:
    d = _shifted(x, axis)
    return d - log(sum_(exp(d), axes=(axis,), keepdims=True))


def _log_softmax_ref(x: np.ndarray, axis: int) -> Any:
    if not x.size:
        return x
    d = x - x.max(axis=axis, keepdims=True)
    return d - np.log(np.exp(d).sum(axis=axis, keepdims=True))


softmax = composed(
    "softmax", attrs=("axis",), doc="exp(x) over its sum along an axis: x (...) float -> (...).",
    shape=_axis_shape("softmax"), dtype=float_only("softmax"), ref=_softmax_ref,
    lower=_softmax_lower, sample=cases(_draw_axis),
    vjp=lambda g, y, x, axis: (y * (g - sum_(g * y, axes=(axis,), keepdims=True)),),
)  # fmt: skip
log_softmax = composed(
    "log_softmax", attrs=("axis",), doc="log(softmax(x)) along an axis: x (...) float -> (...).",
    shape=_axis_shape("log_softmax"), dtype=float_only("log_softmax"), ref=_log_softmax_ref,
    lower=_log_softmax_lower, sample=cases(_draw_axis),
    vjp=lambda g, y, x, axis: (g - exp(y) * sum_(g, axes=(axis,), keepdims=True),),
)  # fmt: skip


def _position(name: str, largest: bool, doc: str) -> Op:
    pick = np.argmax if largest else np.argmin

    def shape_rule(x: Shape, axis: int, keepdims: bool) -> Shape:
        check_axes(name, len(x), (axis,))
        if x[axis] == 0 and count(reduced(x, (axis,), False)):
            raise ShapeError(
                message(name, "there is nothing to choose from", f"shape {x}, axis {axis}",
                        "an extent of at least 1", "check for empty input first")
            )  # fmt: skip
        return reduced(x, (axis,), keepdims)

    def dtype_rule(d: DType, axis: int, keepdims: bool) -> DType:
        no_complex(name, (d,))
        return dt.int64

    def ref(x: np.ndarray, axis: int, keepdims: bool) -> Any:
        if not count(reduced(x.shape, (axis,), False)):
            return np.zeros(reduced(x.shape, (axis,), keepdims), np.int64)
        return pick(x, axis=axis, keepdims=keepdims).astype(np.int64)

    def lower(x: Expr, axis: int, keepdims: bool) -> Expr:
        x = cast(x, dt.uint8) if x.dtype.kind == "b" else x
        best = (amax if largest else amin)(x, axes=(axis,), keepdims=True)
        hit = equal(x, best)
        if x.dtype.kind == "f":
            hit = hit | not_equal(x, x)  # the first NaN is the extreme
        place = where(hit, iota(x.shape, axis), x.shape[axis])
        return amin(place, axes=(axis,), keepdims=keepdims)

    return composed(
        name, attrs=("axis", "keepdims"), doc=doc, shape=shape_rule, dtype=dtype_rule, ref=ref,
        lower=lower, vjp=lambda g, y, x, axis, keepdims: (None,),
        sample=cases(lambda make, rng, d: [
            (make(3, 4), {"axis": 1, "keepdims": False}),
            (make(3, 4, 2), {"axis": 1, "keepdims": True}),
            (make(0, 2), {"axis": 1, "keepdims": False}),
            *([(np.array([1, np.nan, np.nan], d.np), {"axis": 0, "keepdims": False})]
              if d.kind == "f" else []),
        ], (*NUMBERS, dt.bool_)),
    )  # fmt: skip


argmax = _position(
    "argmax", True, "The first position of the largest along an axis, NaN is largest: "
    "x (..., n, ...) -> (...) int64."
)  # fmt: skip
argmin = _position(
    "argmin", False, "The first position of the smallest along an axis, NaN is smallest: "
    "x (..., n, ...) -> (...) int64."
)  # fmt: skip


def _running(name: str, kind: str, ufunc: Any, doc: str) -> Op:
    floats = FLOATS if kind in ("maximum", "minimum") else INEXACT
    return composed(
        name, attrs=("axis",), doc=doc, shape=_axis_shape(name), dtype=same,
        ref=lambda x, axis: ufunc.accumulate(x, axis=axis, dtype=x.dtype),
        lower=lambda x, axis: cumulate(x, axis=axis, kind=kind),
        sample=cases(_draw_axis, (*floats, dt.int64, dt.int32)),
    )  # fmt: skip


cumsum = _running(
    "cumsum", "add", np.add, "The running sum along an axis: x (...) number -> (...)."
)
cumprod = _running(
    "cumprod", "mul", np.multiply, "The running product along an axis: x (...) number -> (...)."
)
cummax = _running(
    "cummax", "maximum", np.maximum, "The largest so far along an axis: x (...) number -> (...)."
)
cummin = _running(
    "cummin", "minimum", np.minimum, "The smallest so far along an axis: x (...) number -> (...)."
)
