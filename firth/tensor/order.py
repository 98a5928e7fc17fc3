"""Order statistics and counting: k-th values, quantiles, running extremes, histograms."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from firth.base import dtype as dt
from firth.base.errors import ArgumentError, DTypeError, ShapeError, message
from firth.tensor import reduce, shape
from firth.tensor.convert import cast
from firth.tensor.creation import get_default_dtype, refuse_in_jit, wrap
from firth.tensor.handle import Tensor
from firth.tensor.reading import contents
from firth.tensor.record import apply, user_line
from firth.tensor.reduce import ValuesIndices
from firth.tensor.search import argsort
from firth.tensor.sets import searchsorted
from firth.tensor.shape import axis_of


class MinMax(NamedTuple):
    """The smallest and the largest."""

    min: Tensor
    max: Tensor


class Histogram(NamedTuple):
    """Counts and the edges between which they lie."""

    hist: Tensor
    bin_edges: Any


def _taken(x: Tensor, indices: Tensor, axis: int, keepdim: bool) -> ValuesIndices:
    """Values at indices (kept dims) along an axis; gradients go to those places."""
    values = apply("take_along_axis", x, indices, axis=axis)
    if not keepdim:
        new = (*x._kind.shape[:axis], *x._kind.shape[axis + 1 :])
        values, indices = (apply("reshape", t, shape=new) for t in (values, indices))
    return ValuesIndices(values, indices)


def _number(x: Tensor) -> ValuesIndices:
    return ValuesIndices(shape.clone(x), apply("full", shape=(), value=0, dtype=dt.int64))


def _row(order: Tensor, axis: int, place: int) -> Tensor:
    kept = tuple(1 if i == axis else n for i, n in enumerate(order._kind.shape))
    return apply("reshape", shape.window(order, axis, place, 1), shape=kept)


def kthvalue(self: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> ValuesIndices:
    """(value, index) of the k-th smallest along a dim, k from 1: (..., N, ...) -> (...)."""
    axis = axis_of("kthvalue", dim, len(self._kind.shape))
    n = self._kind.shape[axis] if self._kind.shape else 1
    k = operator.index(k)
    if not 1 <= k <= n:
        raise ArgumentError(
            message("kthvalue", "there is no such place", f"k={k}", f"1 to {n}",
                    "k counts from 1")
        ).at(user_line())  # fmt: skip
    if not self._kind.shape:
        return _number(self)
    return _taken(self, _row(argsort(self, axis), axis, k - 1), axis, keepdim)


def _missing(x: Tensor) -> Tensor:
    return apply("isnan", x)


def median(self: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The lower of the middle values, NaN if any; along a dim also where it was."""
    return _median("median", self, dim, keepdim)


def nanmedian(self: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The lower of the middle values that are not NaN; along a dim also where it was."""
    return _median("nanmedian", self, dim, keepdim)


def _median(name: str, x: Tensor, dim: int | None, keepdim: bool) -> Any:
    if dim is None:
        flat = shape.reshape(x, (-1,))
        if not x._kind.numel:
            if x._kind.dtype.kind == "f":
                return apply("full", shape=(), value=math.nan, dtype=x._kind.dtype)
            return apply("full", shape=(), value=int(np.iinfo(x._kind.dtype.np).min),
                         dtype=x._kind.dtype)  # fmt: skip
        return _median(name, flat, 0, False).values
    axis = axis_of(name, dim, len(x._kind.shape))
    if not x._kind.shape:
        return _number(x)
    n = x._kind.shape[axis]
    if n == 0:
        raise ShapeError(
            message(name, "there is nothing to choose from", str(tuple(x._kind.shape)),
                    "an extent of at least 1", "check for empty input first")
        ).at(user_line())  # fmt: skip
    order = argsort(x, axis)
    if x._kind.dtype.kind != "f":
        return _taken(x, _row(order, axis, (n - 1) // 2), axis, keepdim)
    count = apply("sum", cast(_missing(x), dt.int64), axes=(axis,), keepdims=True)
    if name == "nanmedian":
        place = apply("shift_right", apply("maximum", apply("sub", n - 1, count), 0), 1)
    else:  # the first NaN is at n - count
        broken = apply("greater", count, 0)
        place = apply("where", broken, apply("sub", n, count), (n - 1) // 2)
    return _taken(x, apply("take_along_axis", order, place, axis=axis), axis, keepdim)


def mode(self: Tensor, dim: int = -1, keepdim: bool = False) -> ValuesIndices:
    """(value, index) of what is there most often along a dim, the smallest of equals."""
    axis = axis_of("mode", dim, len(self._kind.shape))
    if not self._kind.shape:
        return _number(self)
    n = self._kind.shape[axis]
    if n == 0:
        raise ShapeError(
            message("mode", "there is nothing to choose from", str(tuple(self._kind.shape)),
                    "an extent of at least 1", "check for empty input first")
        ).at(user_line())  # fmt: skip
    order = argsort(self, axis)
    ordered = apply("take_along_axis", self, order, axis=axis)
    before = apply("concatenate", shape.window(ordered, axis, 0, 1),
                   shape.window(ordered, axis, 0, n - 1), axis=axis)  # fmt: skip
    line = shape.reshape(
        apply("iota", extent=n, dtype=dt.int64),
        tuple(-1 if i == axis else 1 for i in range(len(self._kind.shape))),
    )
    same = apply("equal", ordered, before)
    if self._kind.dtype.kind == "f":  # NaN counts as one value
        both = apply("bitwise_and", _missing(ordered), _missing(before))
        same = apply("bitwise_or", same, both)
    fresh = apply("logical_not", same)
    start = apply("cumulate", apply("where", fresh, line, 0), axis=axis, kind="maximum")
    length = apply("sub", line, start)
    best = reduce.argmax(length, axis, True)
    # torch names the last place of the value
    return _taken(self, apply("take_along_axis", order, best, axis=axis), axis, keepdim)


def msort(self: Tensor) -> Tensor:
    """Sorted along the first dimension: (N, ...) -> (N, ...)."""
    return self.sort(0).values  # type: ignore[attr-defined,no-any-return]


def aminmax(self: Tensor, *, dim: int | None = None, keepdim: bool = False) -> MinMax:
    """(smallest, largest), of everything or along a dim."""
    if not self._kind.numel and dim is None:
        raise ShapeError(
            message("aminmax", "there is nothing to choose from", str(tuple(self._kind.shape)),
                    "at least one element", "check for empty input first")
        ).at(user_line())  # fmt: skip
    return MinMax(reduce.amin(self, dim, keepdim), reduce.amax(self, dim, keepdim))


def _running(name: str) -> Callable[..., ValuesIndices]:
    def method(self: Tensor, dim: int) -> ValuesIndices:
        axis = axis_of(name, dim, len(self._kind.shape))
        if not self._kind.shape:
            return _number(self)
        x = self if self._kind.dtype.kind != "b" else cast(self, dt.uint8)
        best = apply("cumulate", x, axis=axis, kind="maximum" if name == "cummax" else "minimum")
        hit = apply("equal", x, best)
        if x._kind.dtype.kind == "f":
            hit = apply("bitwise_or", hit, _missing(x))
        line = shape.reshape(
            apply("iota", extent=x._kind.shape[axis], dtype=dt.int64),
            tuple(-1 if i == axis else 1 for i in range(len(x._kind.shape))),
        )
        place = apply("cumulate", apply("where", hit, line, 0), axis=axis, kind="maximum")
        return ValuesIndices(apply("take_along_axis", self, place, axis=axis), place)

    method.__name__ = name
    what = "largest" if name == "cummax" else "smallest"
    method.__doc__ = f"(values, indices) of the {what} so far along a dim, the last of equals."
    return method


cummax, cummin = _running("cummax"), _running("cummin")


def logcumsumexp(self: Tensor, dim: int) -> Tensor:
    """log of the running sum of exp(x) along a dim, without overflow: (...) -> (...)."""
    axis = axis_of("logcumsumexp", dim, len(self._kind.shape))
    x = self if self._kind.dtype.kind == "f" else cast(self, get_default_dtype())
    if not x._kind.shape:
        return shape.clone(x)
    return apply("logcumsumexp", x, axis=axis)


# --- quantiles ------------------------------------------------------------------------------------

_BETWEEN = ("linear", "lower", "higher", "midpoint", "nearest")


def quantile(
    self: Tensor, q: Any, dim: int | None = None, keepdim: bool = False, *,
    interpolation: str = "linear",
) -> Tensor:  # fmt: skip
    """The values below which a share q (a number or a vector) lies; NaN if any is: -> (q, ...)."""
    return _quantile("quantile", self, q, dim, keepdim, interpolation)


def nanquantile(
    self: Tensor, q: Any, dim: int | None = None, keepdim: bool = False, *,
    interpolation: str = "linear",
) -> Tensor:  # fmt: skip
    """The values below which a share q of what is not NaN lies: -> (q, ...)."""
    return _quantile("nanquantile", self, q, dim, keepdim, interpolation)


def _quantile(name: str, x: Tensor, q: Any, dim: int | None, keepdim: bool, between: str) -> Tensor:
    kind = x._kind.dtype
    if kind not in (dt.float32, dt.float64):
        raise DTypeError(
            message(name, "works on float32 and float64", kind.name, "one of them", "x.float()")
        ).at(user_line())
    if between not in _BETWEEN:
        raise ArgumentError(
            message(name, "no such interpolation", repr(between), ", ".join(_BETWEEN), "'linear'")
        ).at(user_line())
    q = _shares(name, q, kind)
    ndim = len(x._kind.shape)
    if dim is None:
        flat, axis = shape.reshape(x, (-1,)), 0
        kept: tuple[int, ...] = (1,) * ndim if keepdim else ()
    else:
        axis = axis_of(name, dim, ndim)
        flat = x if ndim else shape.reshape(x, (1,))
        rest = tuple(n for i, n in enumerate(x._kind.shape) if i != axis)
        kept = (
            tuple(1 if i == axis else n for i, n in enumerate(x._kind.shape)) if keepdim else rest
        )
    n = flat._kind.shape[axis]
    if n == 0:
        raise ShapeError(
            message(name, "there is nothing to choose from", str(tuple(x._kind.shape)),
                    "at least one element", "check for empty input first")
        ).at(user_line())  # fmt: skip
    last = shape.movedim(flat, axis, -1)  # (..., n)
    ordered = last.sort(-1).values  # type: ignore[attr-defined]
    shares = shape.reshape(q, (-1,))
    if name == "nanquantile":
        missing = cast(_missing(last), kind)
        count = apply("sum", missing, axes=(len(last._kind.shape) - 1,), keepdims=True)
        rank = apply("mul", shares, apply("maximum", apply("sub", n - 1.0, count), 0.0))
    else:  # NaN is the last in order
        broken = _missing(shape.window(ordered, len(last._kind.shape) - 1, n - 1, 1))
        rank = apply("where", broken, n - 1.0, apply("mul", shares, n - 1.0))
    wide = (*last._kind.shape[:-1], shares._kind.shape[0])
    rank = shape.expand(rank, *wide)
    found = _between(ordered, rank, between)  # (..., q)
    found = shape.movedim(found, -1, 0)
    return shape.reshape(found, (*q._kind.shape, *kept))


def _shares(name: str, q: Any, kind: dt.DType) -> Tensor:
    if isinstance(q, Tensor):
        if q._kind.dtype is not kind or len(q._kind.shape) > 1:
            raise DTypeError(
                message(name, "q does not fit the input",
                        f"{q._kind.dtype.name} {tuple(q._kind.shape)}",
                        f"{kind.name}, a number or a vector", "cast q to the input's dtype")
            ).at(user_line())  # fmt: skip
        return q
    if not 0 <= q <= 1:
        raise ArgumentError(
            message(name, "q is not a share", str(q), "0 to 1", "0.5 is the median")
        ).at(user_line())
    return apply("full", shape=(), value=float(q), dtype=kind)


def _between(ordered: Tensor, rank: Tensor, how: str) -> Tensor:
    axis = len(ordered._kind.shape) - 1

    def at(place: Tensor) -> Tensor:
        return apply("take_along_axis", ordered, cast(place, dt.int64), axis=axis)

    low, high = apply("floor", rank), apply("ceil", rank)
    if how in ("lower", "higher", "nearest"):
        return at({"lower": low, "higher": high, "nearest": apply("round", rank)}[how])
    weight = 0.5 if how == "midpoint" else apply("sub", rank, low)
    return apply("lerp", at(low), at(high), weight)


# --- counting -------------------------------------------------------------------------------------


def bucketize(
    input: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False
) -> Tensor:
    """Between which boundaries each element lies: (...), (N,) sorted -> (...) int64."""
    if len(boundaries._kind.shape) != 1:
        raise ShapeError(
            message("bucketize", "the boundaries are not a vector",
                    str(tuple(boundaries._kind.shape)), "one dimension", "flatten them")
        ).at(user_line())  # fmt: skip
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


def histc(self: Tensor, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    """How many elements lie in each of equal bins from min to max: -> (bins,).

    With min equal to max the range is that of the elements, read at once.
    """
    if bins < 1 or max < min:
        raise ArgumentError(
            message("histc", "there are no such bins", f"{bins} from {min} to {max}",
                    "at least one, and min below max", "swap min and max")
        ).at(user_line())  # fmt: skip
    refuse_in_jit("histc", "it reads its values at once", "call it outside the jitted function")
    x = contents(self).ravel()
    if not isinstance(bins, int) or not 0 < bins < 2**31:
        raise ArgumentError(
            message("histc", "no such number of bins", repr(bins), "an int of at least 1",
                    "pass e.g. bins=100")
        ).at(user_line())  # fmt: skip
    low, high = (float(min), float(max))
    if low == high and x.size:
        low, high = float(x.min()), float(x.max())
    if low == high:
        low, high = low - 1, high + 1
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ArgumentError(
            message("histc", "the range is not finite", f"{low} to {high}", "finite numbers",
                    "give min and max")
        ).at(user_line())  # fmt: skip
    inside = x[(x >= low) & (x <= high)].astype(np.float64)
    place = np.minimum(((inside - low) * (bins / (high - low))).astype(np.int64), bins - 1)
    return wrap(np.bincount(place, minlength=bins).astype(x.dtype), self._kind.dtype)


def histogram(
    self: Tensor, bins: Any, *, range: Sequence[float] | None = None,
    weight: Tensor | None = None, density: bool = False,
) -> Histogram:  # fmt: skip
    """(counts, edges): equal bins over a range, or bins between given edges, read at once."""
    refuse_in_jit("histogram", "it reads its values at once", "call it outside")
    x = contents(self).ravel()
    counts, edges = _counted(x[:, None], [bins], None if range is None else [tuple(range)],
                             weight, density)  # fmt: skip
    return Histogram(wrap(counts, self._kind.dtype), wrap(edges[0], self._kind.dtype))


def histogramdd(
    self: Tensor, bins: Any, *, range: Sequence[float] | None = None,
    weight: Tensor | None = None, density: bool = False,
) -> Histogram:  # fmt: skip
    """(counts, edges) of points in D dimensions: (..., D) -> (B1, ..., BD), read at once."""
    refuse_in_jit("histogramdd", "it reads its values at once", "call it outside")
    dims = self._kind.shape[-1]
    points = contents(self).reshape(-1, dims)
    each = [bins] * dims if isinstance(bins, (int, Tensor)) else list(bins)
    if len(each) != dims:
        raise ArgumentError(
            message("histogramdd", "not one number of bins for each dimension", str(len(each)),
                    str(dims), "give one number for all")
        ).at(user_line())  # fmt: skip
    ranges = None
    if range is not None:
        ranges = [(range[2 * i], range[2 * i + 1]) for i in np.arange(dims)]
    counts, edges = _counted(points, each, ranges, weight, density)
    found = tuple(wrap(e, self._kind.dtype) for e in edges)
    return Histogram(wrap(counts, self._kind.dtype), found)


def _counted(
    points: np.ndarray, bins: list[Any], ranges: Any, weight: Tensor | None, density: bool
) -> tuple[np.ndarray, list[np.ndarray]]:
    edges = []
    for d, b in enumerate(bins):
        if isinstance(b, Tensor):
            edges.append(contents(b))
            continue
        column = points[:, d]
        low, high = (column.min(), column.max()) if len(column) else (0, 1)
        if ranges is not None:
            low, high = ranges[d]
        if low == high:
            low, high = low - 0.5, high + 0.5
        edges.append(np.linspace(low, high, b + 1).astype(points.dtype))
    weights = np.ones(len(points)) if weight is None else contents(weight).ravel()
    places, inside = [], np.ones(len(points), bool)
    for d, e in enumerate(edges):
        column = points[:, d]
        place = np.searchsorted(e, column, side="right") - 1
        place = np.where(column == e[-1], len(e) - 2, place)
        inside &= (column >= e[0]) & (column <= e[-1])
        places.append(place)
    counts = np.zeros([len(e) - 1 for e in edges])
    np.add.at(counts, tuple(p[inside] for p in places), weights[inside])
    if density:
        volume = np.ones(())
        for e in edges:
            volume = np.multiply.outer(volume, np.diff(e.astype(np.float64)))
        with np.errstate(invalid="ignore"):  # of nothing: NaN, as in PyTorch
            counts = counts / counts.sum() / volume
    return counts, edges


def nansum(self: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The sum over dims (all without one) with NaN as 0: (...) -> (...)."""
    x = self if dtype is None else cast(self, dtype)
    if x._kind.dtype.kind == "f":
        x = apply("where", _missing(x), 0.0, x)
    return reduce.sum(x, dim, keepdim)


def nanmean(self: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The mean over dims (all without one) of what is not NaN: (...) -> (...)."""
    x = self if dtype is None else cast(self, dtype)
    if x._kind.dtype.kind not in "fc":
        raise DTypeError(
            message("nanmean", "integers have no exact answer", x._kind.dtype.name,
                    "a float dtype", "cast first, e.g. x.float()")
        ).at(user_line())  # fmt: skip
    count = reduce.sum(cast(apply("logical_not", _missing(x)), x._kind.dtype), dim, keepdim)
    return apply("div", nansum(x, dim, keepdim), count)


METHODS: dict[str, Callable[..., Any]] = {
    "aminmax": aminmax, "cummax": cummax, "cummin": cummin, "histc": histc,
    "histogram": histogram, "kthvalue": kthvalue, "logcumsumexp": logcumsumexp, "median": median,
    "mode": mode, "msort": msort, "nanmean": nanmean, "nanmedian": nanmedian,
    "nanquantile": nanquantile, "nansum": nansum, "quantile": quantile,
}  # fmt: skip
FUNCTIONS: dict[str, Callable[..., Any]] = {
    **METHODS, "bucketize": bucketize, "histogramdd": histogramdd,
}  # fmt: skip
