"""Pooling over n spatial dimensions, which are the last ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.base.errors import ArgumentError, ShapeError, message
from firth.ir.node import Shape
from firth.ir.op import TABLE, Expr
from firth.ops.contract import contract
from firth.ops.elementwise import equal, maximum, minimum, not_equal, where
from firth.ops.movement import pad_or_crop, unwindow, window, window_extent
from firth.ops.reduce import amax, amin, spread, sum_
from firth.ops.rules import (
    FLOATS,
    cases,
    cast,
    composed,
    count,
    filled,
    iota,
    reshape,
    same,
)
from firth.ops.statistics import float_only

Pairs = tuple[tuple[int, int], ...]
Sizes = tuple[int, ...]


def pooled_extent(
    extent: int, size: int, stride: int, padding: tuple[int, int], dilation: int, ceil_mode: bool
) -> int:
    """How many windows; with ceil_mode one more may hang over the end, if it starts inside."""
    whole = window_extent(extent + sum(padding), size, stride, dilation)
    if not ceil_mode or whole == 0:
        return whole
    span = (size - 1) * dilation + 1
    more = -((extent + sum(padding) - span) // -stride) + 1
    return more - 1 if (more - 1) * stride >= extent + padding[0] else more


def _overhang(
    x: Shape, sizes: Sizes, stride: Sizes, padding: Pairs, dilation: Sizes, ceil_mode: bool
) -> tuple[Pairs, Shape]:
    """Padding that the windows reach, and how many windows."""
    n = len(sizes)
    pairs, places = [], []
    for k, m, s, p, d in zip(x[len(x) - n :], sizes, stride, padding, dilation, strict=True):
        out = pooled_extent(k, m, s, p, d, ceil_mode)
        needed = (out - 1) * s + (m - 1) * d + 1 if out else 0
        pairs.append((p[0], max(p[1], needed - k - p[0])))
        places.append(out)
    return tuple(pairs), tuple(places)


def _pool_shape(name: str) -> Callable[..., Shape]:
    def rule(
        x: Shape, sizes: Sizes, stride: Sizes, padding: Pairs, ceil_mode: bool,
        dilation: Sizes | None = None, **_: Any,
    ) -> Shape:  # fmt: skip
        n = len(sizes)
        dilation = dilation or (1,) * n
        if len(x) < n or not len(stride) == len(padding) == len(dilation) == n:
            raise ArgumentError(
                message(name, "sizes, stride, padding and dilation do not fit",
                        f"{sizes}, {stride}, {padding}, {dilation} for shape {x}",
                        "one of each per spatial dimension", "check the kernel size")
            )  # fmt: skip
        if any(2 * max(p) > m for p, m in zip(padding, sizes, strict=True)):
            raise ArgumentError(
                message(name, "padding is more than half the kernel", f"{padding} for {sizes}",
                        "at most half", "use a larger kernel or pad x first")
            )  # fmt: skip
        _, places = _overhang(x, sizes, stride, padding, dilation, ceil_mode)
        if 0 in places and 0 not in x:
            raise ShapeError(
                message(name, "the kernel is larger than its input", f"x {x}, kernel {sizes}",
                        "a kernel that fits at least once", "use a smaller kernel, or pool less")
            )  # fmt: skip
        return (*x[: len(x) - n], *places)

    return rule


def _padded(x: Expr, pairs: Pairs, value: float) -> Expr:
    lead = (0,) * (x.ndim - len(pairs))
    low, high = (tuple(p[i] for p in pairs) for i in (0, 1))
    return pad_or_crop(x, (*lead, *low), (*lead, *high), (0,) * x.ndim, value)


def _lowest(d: DType) -> float:
    return -math.inf if d.kind == "f" else int(np.iinfo(d.np).min)


def _max_windows(
    x: Expr, sizes: Sizes, stride: Sizes, padding: Pairs, dilation: Sizes, ceil_mode: bool
) -> Expr:
    """Windows with the lowest number around: (..., O.., k..)."""
    pairs, places = _overhang(x.shape, sizes, stride, padding, dilation, ceil_mode)
    padded = _padded(x, pairs, _lowest(x.dtype))
    w = window(padded, sizes=sizes, strides=stride, dilations=dilation)
    lead = x.shape[: x.ndim - len(sizes)]
    found = (*lead, *places, *sizes)
    return w if w.shape == found else _padded(w, _crop(w.shape, found), 0)


def _crop(shape: Shape, wanted: Shape) -> Pairs:
    return tuple((0, b - a) for a, b in zip(shape, wanted, strict=True))


def _kernel_axes(w: Expr, n: int) -> Sizes:
    return tuple(range(w.ndim - n, w.ndim))


def _max_lower(x: Expr, sizes: Sizes, **attrs: Any) -> Expr:
    w = _max_windows(x, sizes, **attrs)
    return amax(w, axes=_kernel_axes(w, len(sizes)), keepdims=False)


def _max_vjp(
    g: Expr, y: Expr, x: Expr, sizes: Sizes, stride: Sizes, padding: Pairs, dilation: Sizes,
    ceil_mode: bool,
) -> tuple[Expr]:  # fmt: skip
    """The first place of each window that holds its maximum gets the gradient, as in PyTorch."""
    n = len(sizes)
    if count(g.shape) == 0:
        return (filled(0, x.shape, g.dtype),)
    w = _max_windows(x, sizes, stride, padding, dilation, ceil_mode)
    axes = _kernel_axes(w, n)
    hit = equal(w, spread(y, w, axes)) | not_equal(w, w)
    place = reshape(
        TABLE["iota"](extent=count(sizes), dtype=dt.int32),
        (*(1 for _ in range(w.ndim - n)), *sizes),
    )
    first = amin(where(hit, place, count(sizes)), axes=axes, keepdims=True)
    share = where(equal(place, first), spread(g, w, axes), 0)
    pairs, _ = _overhang(x.shape, sizes, stride, padding, dilation, ceil_mode)
    lead = x.shape[: x.ndim - n]
    outer = (*lead, *(k + sum(p) for k, p in zip(x.shape[x.ndim - n :], pairs, strict=True)))
    back = unwindow(share, outer, sizes, stride, dilation)
    return (_padded(back, tuple((-a, -b) for a, b in pairs), 0),)


def _ref_windows(
    x: np.ndarray, sizes: Sizes, stride: Sizes, padding: Pairs, dilation: Sizes, ceil_mode: bool,
    value: float,
) -> np.ndarray:  # fmt: skip
    pairs, places = _overhang(x.shape, sizes, stride, padding, dilation, ceil_mode)
    n = len(sizes)
    if 0 in x.shape:
        return np.zeros((*x.shape[: x.ndim - n], *places, *sizes), x.dtype)
    x = np.pad(x, (*((0, 0),) * (x.ndim - n), *pairs), constant_values=value)
    spans = tuple((m - 1) * d + 1 for m, d in zip(sizes, dilation, strict=True))
    w = sliding_window_view(x, spans, tuple(range(x.ndim - n, x.ndim)))
    spots = [slice(0, (o - 1) * s + 1, s) for o, s in zip(places, stride, strict=True)]
    return w[(..., *spots, *(slice(None, None, d) for d in dilation))]


def _max_ref(x: np.ndarray, sizes: Sizes, **attrs: Any) -> Any:
    low = _lowest(dt.from_numpy(x.dtype))
    w = _ref_windows(x, sizes, value=low, **attrs)
    return w.max(axis=tuple(range(w.ndim - len(sizes), w.ndim)))


def _row(
    sizes: Any, stride: Any, padding: Any, ceil_mode: bool = False, **more: Any
) -> dict[str, Any]:
    return {"sizes": sizes, "stride": stride, "padding": padding, "ceil_mode": ceil_mode, **more}


def _draw_max(make: Any, rng: Any, d: DType) -> list[tuple[Any, ...]]:
    none = ((0, 0), (0, 0))
    return [
        (make(2, 3, 6, 6), _row((2, 2), (2, 2), none, dilation=(1, 1))),
        (make(1, 2, 7, 6), _row((3, 2), (2, 1), ((1, 1), (0, 1)), dilation=(1, 2))),
        (make(2, 8), _row((3,), (2,), ((0, 0),), True, dilation=(1,))),
        (make(2, 5), _row((2,), (3,), ((1, 1),), True, dilation=(1,))),
        (make(0, 2, 4), _row((2,), (2,), ((0, 0),), dilation=(1,))),
    ]


max_pool = composed(
    "max_pool", family="reduction", attrs=("sizes", "stride", "padding", "dilation", "ceil_mode"),
    defaults={"ceil_mode": False}, shape=_pool_shape("max_pool"), dtype=same, ref=_max_ref,
    lower=_max_lower, vjp=_max_vjp,
    doc="The largest of each window, the first one gets the gradient: x (..., S1..Sn) -> "
    "(..., O1..On); padding is one (low, high) per dimension and never wins.",
    sample=cases(_draw_max, (*FLOATS, dt.int32)),
)  # fmt: skip

# --- averages -------------------------------------------------------------------------------------


def _counted(
    name: str, extent: int, places: int, size: int, stride: int, padding: tuple[int, int],
    count_padding: bool, dtype: DType,
) -> Expr:  # fmt: skip
    """How many elements each window divides by: (O)."""
    start = TABLE["iota"](extent=places, dtype=dt.int64) * stride - padding[0]
    high = extent + padding[1] if count_padding else extent
    end = minimum(start + size, high)
    return cast(end - (start if count_padding else maximum(start, 0)), dtype)


def _avg_lower(
    x: Expr, sizes: Sizes, stride: Sizes, padding: Pairs, ceil_mode: bool, count_padding: bool
) -> Expr:
    n = len(sizes)
    ones = (1,) * n
    pairs, places = _overhang(x.shape, sizes, stride, padding, ones, ceil_mode)
    lead = x.shape[: x.ndim - n]
    w = window(_padded(x, pairs, 0), sizes=sizes, strides=stride, dilations=ones)
    wanted = (*lead, *places, *sizes)
    w = w if w.shape == wanted else _padded(w, _crop(w.shape, wanted), 0)
    total = sum_(w, axes=_kernel_axes(w, n), keepdims=False)
    if pairs == padding and (count_padding or not any(map(any, padding))):
        return total / (count(sizes) * 1.0)
    for i in range(n):
        number = _counted(
            "avg_pool", x.shape[len(lead) + i], places[i], sizes[i], stride[i], padding[i],
            count_padding, x.dtype,
        )  # fmt: skip
        total = total / reshape(number, (places[i], *(1 for _ in range(n - 1 - i))))
    return total


def _avg_ref(
    x: np.ndarray, sizes: Sizes, stride: Sizes, padding: Pairs, ceil_mode: bool, count_padding: bool
) -> Any:
    n = len(sizes)
    ones = (1,) * n
    attrs = {"stride": stride, "dilation": ones, "ceil_mode": ceil_mode}
    w = _ref_windows(x, sizes, padding=padding, value=0, **attrs)
    spatial = x.shape[x.ndim - n :]
    if count_padding:
        counted = np.ones([k + sum(p) for k, p in zip(spatial, padding, strict=True)])
        pairs, _ = _overhang(x.shape, sizes, stride, padding, ones, ceil_mode)
        counted = np.pad(counted, [(0, b[1] - a[1]) for a, b in zip(padding, pairs, strict=True)])
    else:
        pairs, _ = _overhang(x.shape, sizes, stride, padding, ones, ceil_mode)
        counted = np.pad(np.ones(spatial), pairs)
    numbers = _ref_windows(counted, sizes, padding=((0, 0),) * n, value=0,
                           stride=stride, dilation=ones, ceil_mode=False)  # fmt: skip
    last = tuple(range(-n, 0))
    spots = tuple(slice(0, m) for m in w.shape[x.ndim - n : x.ndim])
    return w.sum(axis=last) / numbers.sum(axis=last)[spots]


def _draw_avg(make: Any, rng: Any, d: DType) -> list[tuple[Any, ...]]:
    found = []
    for inside in (True, False):
        more = {"count_padding": inside}
        found += [
            (make(2, 3, 6, 6), _row((2, 2), (2, 2), ((0, 0), (0, 0)), **more)),
            (make(1, 2, 7, 6), _row((3, 2), (2, 1), ((1, 1), (0, 1)), **more)),
            (make(2, 8), _row((3,), (2,), ((1, 1),), True, **more)),
        ]
    return [*found, (make(0, 4), _row((2,), (2,), ((0, 0),), count_padding=True))]


avg_pool = composed(
    "avg_pool", family="reduction",
    attrs=("sizes", "stride", "padding", "ceil_mode", "count_padding"),
    defaults={"ceil_mode": False, "count_padding": True}, shape=_pool_shape("avg_pool"),
    dtype=float_only("avg_pool"), ref=_avg_ref, lower=_avg_lower,
    doc="The mean of each window, padding counted as zeros or not at all: x (..., S1..Sn) float "
    "-> (..., O1..On).",
    sample=cases(_draw_avg),
)  # fmt: skip


def _adaptive_shape(x: Shape, sizes: Sizes) -> Shape:
    if len(x) < len(sizes):
        raise ShapeError(
            message("adaptive_avg_pool", "x has too few dimensions", f"{x} for sizes {sizes}",
                    f"at least {len(sizes)}", "add the channel dimension")
        )  # fmt: skip
    return (*x[: len(x) - len(sizes)], *sizes)


def _inside(extent: int, places: int) -> Expr:
    """Which elements each place takes, from its share of the extent rounded down to the next one's
    rounded up: (extent, places). Without divisions, which machines do one by one."""
    i, j = iota((extent, places), 0), iota((extent, places), 1)
    return (j * extent < (i + 1) * places) & (i * places < (j + 1) * extent)


def _adaptive_lower(x: Expr, sizes: Sizes) -> Expr:
    n = len(sizes)
    extents = x.shape[x.ndim - n :]
    if all(s and k % s == 0 for k, s in zip(extents, sizes, strict=True)):
        kernel = tuple(k // s for k, s in zip(extents, sizes, strict=True))
        split = (*x.shape[: x.ndim - n], *(v for p in zip(sizes, kernel, strict=True) for v in p))
        axes = tuple(x.ndim - n + 2 * i + 1 for i in range(n))
        return sum_(reshape(x, split), axes=axes, keepdims=False) / (count(kernel) * 1.0)
    labels = tuple(range(x.ndim))
    for i, (extent, places) in enumerate(zip(extents, sizes, strict=True)):
        axis = x.ndim - n + i
        out = (*labels[:axis], x.ndim, *labels[axis + 1 :])
        inside = _inside(extent, places)
        taken = sum_(cast(inside, dt.int32), axes=(0,), keepdims=False)
        ones = cast(inside, x.dtype)
        x = contract(x, ones, a_labels=labels, b_labels=(axis, x.ndim), out_labels=out)
        x = x / reshape(cast(taken, x.dtype), (places, *(1 for _ in labels[axis + 1 :])))
    return x


def _adaptive_ref(x: np.ndarray, sizes: Sizes) -> Any:
    n = len(sizes)
    out = np.zeros(_adaptive_shape(x.shape, sizes))
    for place in np.ndindex(*sizes):
        spot = []
        for o, s, k in zip(place, sizes, x.shape[x.ndim - n :], strict=True):
            spot.append(slice(o * k // s, -(-(o + 1) * k // s)))
        out[(..., *place)] = x[(..., *spot)].mean(axis=tuple(range(-n, 0)))
    return out


adaptive_avg_pool = composed(
    "adaptive_avg_pool", family="reduction", attrs=("sizes",), shape=_adaptive_shape,
    dtype=float_only("adaptive_avg_pool"), ref=_adaptive_ref, lower=_adaptive_lower,
    doc="Means over as many nearly equal windows as asked: x (..., S1..Sn) float -> (..., sizes).",
    sample=cases(lambda make, rng, d: [
        (make(2, 3, 6, 4), {"sizes": (3, 2)}), (make(2, 7, 5), {"sizes": (3, 2)}),
        (make(2, 3), {"sizes": (1,)}), (make(2, 2), {"sizes": (3,)}),
    ]),
)  # fmt: skip
