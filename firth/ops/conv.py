"""Convolution in any number of dimensions: pad, window, contract."""

from __future__ import annotations

import functools
import itertools
import math
import operator
from typing import Any

import numpy as np

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.base.errors import ArgumentError, ShapeError, message
from firth.ir.node import Shape
from firth.ir.op import Expr
from firth.ir.traced import as_seen
from firth.ops.contract import contract, product_dtype
from firth.ops.movement import flip, pad, pad_or_crop, permute, slice_, window, window_extent
from firth.ops.reduce import sum_
from firth.ops.rules import FLOATS, cases, cast, composed, count, filled, reshape

Pairs = tuple[tuple[int, int], ...]
Sizes = tuple[int, ...]

_MOST_PARTS = 4  # contractions of one input gradient
_FEW_PRODUCTS = 1 << 20  # of one input gradient: up to here fewer kernels are worth more than work
_UNEVEN = 0.8  # share of products with other than zeros below which there are several


def _features(name: str, text: str, got: str, expected: str, fix: str) -> ShapeError:
    return ShapeError(message(name, text, got, expected, fix))


def _conv_check(name: str, x: Shape, w: Shape, n: int, *rows: tuple[Any, ...]) -> None:
    if len(x) != n + 2 or len(w) != n + 2:
        raise _features(
            name, f"{n} spatial dimensions need {n + 2}", f"x {x} and weight {w}",
            f"{n + 2} dimensions each", "add the batch dimension, e.g. x[None]",
        )  # fmt: skip
    if any(len(row) != n for row in rows):
        raise ArgumentError(
            message(name, "stride, padding and dilation do not fit", str(rows),
                    f"{n} of each", "give one per spatial dimension")
        )  # fmt: skip


def _conv_shape(
    x: Shape, w: Shape, *bias: Shape, stride: Sizes, padding: Pairs, dilation: Sizes, groups: int
) -> Shape:
    n = len(stride)
    _conv_check("conv", x, w, n, stride, padding, dilation)
    if x[1] != w[1] * groups:
        raise _features(
            "conv", f"{x[1]} channels do not fit the weight", f"x {x}, weight {w}, groups {groups}",
            f"x ({x[0]}, {w[1] * groups}, ...)", f"make the layer with in_channels={x[1]}",
        )  # fmt: skip
    if w[0] % groups or (bias and bias[0] != w[:1]):
        raise _features(
            "conv", "output channels do not fit", f"weight {w}, groups {groups}, bias {bias}",
            "a multiple of groups, and one bias each", "check out_channels",
        )  # fmt: skip
    spatial = _conv_extents(x[2:], w[2:], stride, padding, dilation)
    if 0 in spatial and 0 not in x:
        raise _features(
            "conv", "the kernel is larger than its input", f"x {x}, weight {w}, padding {padding}",
            "a kernel that fits at least once", "add padding or use a smaller kernel",
        )  # fmt: skip
    return (x[0], w[0], *spatial)


def _conv_extents(x: Shape, k: Sizes, stride: Sizes, padding: Pairs, dilation: Sizes) -> Shape:
    rows = zip(x, k, stride, padding, dilation, strict=True)
    return tuple(window_extent(n + p[0] + p[1], m, s, d) for n, m, s, p, d in rows)


def _split(x: Expr, axis: int, groups: int) -> Expr:
    """An axis of g * m as two: (..., g, m, ...)."""
    n = x.shape[axis]
    return reshape(x, (*x.shape[:axis], groups, n // groups, *x.shape[axis + 1 :]))


def _windows(
    x: Expr, k: Sizes, stride: Sizes, padding: Pairs, dilation: Sizes, groups: int
) -> Expr:
    """Padded windows: x (N, g * C, S..) -> (N, g, C, O.., k..)."""
    if any(p != (0, 0) for p in padding):
        low, high = (tuple(p[i] for p in padding) for i in (0, 1))
        x = pad_or_crop(x, (0, 0, *low), (0, 0, *high), (0,) * x.ndim)
    return window(_split(x, 1, groups), sizes=k, strides=stride, dilations=dilation)


# Labels: batch 0, group 1, input channel 2, output channel 3, then output places, then kernel.
def _labels(n: int) -> tuple[Sizes, Sizes, Sizes]:
    places, kernel = tuple(range(4, 4 + n)), tuple(range(4 + n, 4 + 2 * n))
    return (0, 1, 2, *places, *kernel), (1, 3, 2, *kernel), (0, 1, 3, *places)


def _conv_lower(
    x: Expr, w: Expr, *bias: Expr, stride: Sizes, padding: Pairs, dilation: Sizes, groups: int
) -> Expr:
    n = len(stride)
    shape = (x.shape[0], w.shape[0], *_conv_extents(
        x.shape[2:], w.shape[2:], stride, padding, dilation))  # fmt: skip
    a = _windows(x, w.shape[2:], stride, padding, dilation, groups)
    if _one_by_one(x, w, groups):
        weight = reshape(w, (1, groups, 1, *(1 for _ in range(n)), *w.shape[2:]))
        y = sum_(a * weight, axes=(2, *range(3 + n, 3 + 2 * n)), keepdims=False)
    else:
        a_labels, b_labels, out_labels = _labels(n)
        y = contract(
            a, _split(w, 0, groups), a_labels=a_labels, b_labels=b_labels, out_labels=out_labels
        )
    y = reshape(y, shape)
    return y + reshape(bias[0], (w.shape[0], *(1 for _ in range(n)))) if bias else y


def _one_by_one(x: Expr, w: Expr, groups: int) -> bool:
    """Whether each channel is convolved alone (depthwise): then there is no product of matrices,
    and channels are the vector. Half types keep the contraction, which adds in float32."""
    halves = (dt.float16, dt.bfloat16)
    alone = w.shape[1] == 1 and w.shape[0] == groups
    return alone and x.dtype is w.dtype and x.dtype not in halves


def _turned(w: Expr, groups: int) -> Expr:
    """The kernel of the transposed convolution: (g * F, C, k..) -> (g * C, F, k.. turned)."""
    n = w.ndim - 2
    split = _split(w, 0, groups)
    split = permute(split, axes=(0, 2, 1, *range(3, 3 + n)))
    merged = reshape(split, (groups * w.shape[1], w.shape[0] // groups, *w.shape[2:]))
    return flip(merged, axes=tuple(range(2, 2 + n)))


def _conv_vjp(
    g: Expr, y: Expr, x: Expr, w: Expr, *bias: Expr,
    stride: Sizes, padding: Pairs, dilation: Sizes, groups: int,
) -> tuple[Expr, ...]:  # fmt: skip
    n = len(stride)
    x, w = cast(x, g.dtype), cast(w, g.dtype)
    if count(g.shape) == 0:
        return tuple(filled(0, s.shape, g.dtype) for s in (x, w, *bias))
    gx = _input_gradient(g, x.shape, w, stride, padding, dilation, groups)
    a = _windows(x, w.shape[2:], stride, padding, dilation, groups)
    if _one_by_one(x, w, groups):
        each = reshape(g, (g.shape[0], groups, 1, *g.shape[2:], *(1 for _ in range(n))))
        gw = sum_(a * each, axes=(0, 2, *range(3, 3 + n)), keepdims=False)
    else:
        a_labels, b_labels, out_labels = _labels(n)
        gw = contract(
            a, _split(g, 1, groups), a_labels=a_labels, b_labels=out_labels, out_labels=b_labels
        )
    gb = tuple(sum_(g, axes=(0, *range(2, 2 + n)), keepdims=False) for _ in bias)
    return gx, reshape(gw, w.shape), *gb


def _input_gradient(
    g: Expr, shape: Shape, w: Expr, stride: Sizes, padding: Pairs, dilation: Sizes, groups: int
) -> Expr:
    """The places of x by their remainder modulo the stride; with a dilation too, or where there is
    little to do, g with zeros between its elements, convolved with the turned kernel."""
    n = len(stride)
    if any(s > 1 for s in stride):
        products = count(shape) * (w.shape[0] // groups) * count(w.shape[2:])
        alone = all(s == 1 or d == 1 for s, d in zip(stride, dilation, strict=True))
        if alone and (not products or as_seen(products) > _FEW_PRODUCTS):
            return _by_remainders(g, shape, w, stride, padding, dilation, groups)
        g = pad(g, low=(0,) * g.ndim, high=(0,) * g.ndim,
                inner=(0, 0, *(s - 1 for s in stride)), value=0)  # fmt: skip
    edges = []
    for i in range(n):
        low = (w.shape[2 + i] - 1) * dilation[i] - padding[i][0]
        reach = g.shape[2 + i] + low - (w.shape[2 + i] - 1) * dilation[i]
        edges.append((low, shape[2 + i] - reach))
    return conv(
        g, _turned(w, groups), stride=(1,) * n, padding=tuple(edges), dilation=dilation,
        groups=groups,
    )  # fmt: skip


def _by_remainders(
    g: Expr, shape: Shape, w: Expr, stride: Sizes, padding: Pairs, dilation: Sizes, groups: int
) -> Expr:
    """The input gradient of a strided convolution without dilation where it has a stride.

    Place x, p places of padding before it, is reached through those elements of the kernel whose
    number has the remainder of x + p modulo the stride: all x of one remainder are a convolution of
    g with these elements.
    """
    n = len(stride)
    if _uneven(stride, w.shape[2:]) and 0 not in shape:
        return _each_remainder(g, shape, w, stride, padding, dilation, groups)
    taps, kinds, edges, starts = [], [], [], []
    for i, (s, k, d) in enumerate(zip(stride, w.shape[2:], dilation, strict=True)):
        first, last = padding[i][0] // s, (padding[i][0] + shape[2 + i] - 1) // s
        taps.append(-(-k // s))
        kinds.append(min(s, k))
        edges.append((d * (taps[i] - 1) - first, last - g.shape[2 + i] + 1))
        starts.append(padding[i][0] - s * first)
    a = _windows(g, tuple(taps), (1,) * n, tuple(edges), dilation, groups)
    a_labels, b_labels, (_, _, _, *places) = _labels(n)
    kernel, rest = b_labels[3:], tuple(range(4 + 2 * n, 4 + 3 * n))
    y = contract(
        a, _parts_of_kernel(w, tuple(taps), tuple(kinds), groups), a_labels=a_labels,
        b_labels=(1, 2, *rest, 3, *kernel),
        out_labels=(0, 1, 3, *(label for pair in zip(places, rest, strict=True) for label in pair)),
    )  # fmt: skip
    # y: (N, g, C, O1, r1, .., On, rn): the remainders that no element has are zero
    missing = [s - r for s, r in zip(stride, kinds, strict=True)]
    if any(missing):
        high = (0, 0, 0, *(m for r in missing for m in (0, r)))
        y = pad(y, low=(0,) * y.ndim, high=high, inner=(0,) * y.ndim, value=0)
    whole = tuple(y.shape[3 + 2 * i] * s for i, s in enumerate(stride))
    y = reshape(y, (*shape[:2], *whole))
    return slice_(y, starts=(0, 0, *starts), sizes=shape, steps=(1,) * len(shape))


def _uneven(stride: Sizes, k: Sizes) -> bool:
    """Whether remainders have so different numbers of elements that each is better alone: as one,
    the smaller ones are filled up with zeros."""
    parts = math.prod(min(s, m) for s, m in zip(stride, k, strict=True))
    filled_up = math.prod(-(-m // s) * min(s, m) for s, m in zip(stride, k, strict=True))
    return parts <= _MOST_PARTS and math.prod(k) <= _UNEVEN * filled_up


def _each_remainder(
    g: Expr, shape: Shape, w: Expr, stride: Sizes, padding: Pairs, dilation: Sizes, groups: int
) -> Expr:
    """As `_by_remainders`, but a contraction for each; their places lie between one another."""
    n = len(stride)
    blocks = [-(-x // s) for x, s in zip(shape[2:], stride, strict=True)]
    parts = []
    for remainders in itertools.product(*map(range, map(min, stride, w.shape[2:]))):
        taps, edges, low, high, counts = [], [], [], [], []
        for i, (r, s, d, (p, _)) in enumerate(
            zip(remainders, stride, dilation, padding, strict=True)
        ):
            first, last = -((r - p) // s), (p + shape[2 + i] - 1 - r) // s
            taps.append(-(-(w.shape[2 + i] - r) // s))
            counts.append(last - first + 1)
            edges.append((d * (taps[i] - 1) - first, last - g.shape[2 + i] + 1))
            place = first * s + r - p  # of the first one: below the stride
            low += [0, place]
            high += [blocks[i] - counts[i], s - 1 - place]
        if min(counts) <= 0:
            continue
        a = _windows(g, tuple(taps), (1,) * n, tuple(edges), dilation, groups)
        elements = _split(w, 0, groups)
        elements = slice_(elements, starts=(0, 0, 0, *remainders),
                          sizes=(*elements.shape[:3], *taps), steps=(1, 1, 1, *stride))  # fmt: skip
        elements = flip(elements, axes=tuple(range(3, 3 + n)))
        elements = reshape(elements, (*elements.shape, *(1,) * n))  # the remainder, with one value
        a_labels, (group, other, own, *kernel), (_, _, _, *places) = _labels(n)
        rest = range(4 + 2 * n, 4 + 3 * n)
        y = contract(
            a, elements, a_labels=a_labels, b_labels=(group, own, other, *kernel, *rest),
            out_labels=(0, group, other, *itertools.chain(*zip(places, rest, strict=True))),
        )  # fmt: skip
        low, high = [0, 0, 0, *low], [0, 0, 0, *high]
        parts.append(pad(y, low=tuple(low), high=tuple(high), inner=(0,) * y.ndim, value=0))
    if not parts:  # every window lies in the padding
        return filled(0, shape, g.dtype)
    whole = (*shape[:2], *(b * s for b, s in zip(blocks, stride, strict=True)))
    y = reshape(functools.reduce(operator.add, parts), whole)
    return slice_(y, starts=(0,) * y.ndim, sizes=shape, steps=(1,) * y.ndim)


def _parts_of_kernel(w: Expr, taps: Sizes, kinds: Sizes, groups: int) -> Expr:
    """(g * F, C, k..) -> (g, F, r.., C, taps..), element tap * r of the kernel, turned."""
    n = len(taps)
    w = _split(w, 0, groups)
    high = tuple(t * r - k for t, r, k in zip(taps, kinds, w.shape[3:], strict=True))
    w = pad(w, low=(0,) * w.ndim, high=(0, 0, 0, *high), inner=(0,) * w.ndim, value=0)
    pairs = [size for pair in zip(taps, kinds, strict=True) for size in pair]
    w = reshape(w, (*w.shape[:3], *pairs))
    w = flip(w, axes=tuple(3 + 2 * i for i in range(n)))
    return permute(w, axes=(0, 1, *(4 + 2 * i for i in range(n)), 2,
                            *(3 + 2 * i for i in range(n))))  # fmt: skip


def _conv_ref(
    x: np.ndarray, w: np.ndarray, *bias: np.ndarray,
    stride: Sizes, padding: Pairs, dilation: Sizes, groups: int,
) -> np.ndarray:  # fmt: skip
    n = len(stride)
    x = np.pad(x, ((0, 0), (0, 0), *((max(a, 0), max(b, 0)) for a, b in padding)))
    cut = [slice(max(-a, 0), x.shape[2 + i] - max(-b, 0)) for i, (a, b) in enumerate(padding)]
    x = x[(slice(None), slice(None), *cut)]
    places = tuple(
        window_extent(x.shape[2 + i], w.shape[2 + i], stride[i], dilation[i]) for i in range(n)
    )
    out = np.zeros((x.shape[0], groups, w.shape[0] // groups, *places), x.dtype)
    x = x.reshape(x.shape[0], groups, w.shape[1], *x.shape[2:])
    features = w.shape[0]
    w = w.reshape(groups, features // groups, *w.shape[1:])
    for k in np.ndindex(w.shape[3:]):
        spots = [
            slice(k[i] * d, k[i] * d + (o - 1) * s + 1, s) if o else slice(0, 0)
            for i, (o, s, d) in enumerate(zip(places, stride, dilation, strict=True))
        ]  # fmt: skip
        part = x[(slice(None), slice(None), slice(None), *spots)]
        out += np.einsum("ngc...,gfc->ngf...", part, w[(..., *k)])
    out = out.reshape(out.shape[0], features, *places)
    return out + bias[0].reshape(-1, *(1 for _ in range(n))) if bias else out


_DEFAULTS = {"groups": 1}


def _attrs(stride: Any, padding: Any, dilation: Any, groups: int = 1) -> dict[str, Any]:
    return {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}


def _draw_conv(make: Any, rng: Any, d: DType) -> list[tuple[Any, ...]]:
    return [
        (make(2, 3, 7), make(4, 3, 3), make(4), _attrs((1,), ((1, 1),), (1,))),
        (make(1, 4, 9), make(6, 2, 3), _attrs((2,), ((0, 2),), (2,), 2)),
        (make(2, 2, 6, 5), make(3, 2, 3, 2), make(3), _attrs((2, 1), ((1, 1), (0, 1)), (1, 2))),
        (make(1, 3, 4, 4), make(3, 1, 2, 2), _attrs((1, 1), ((0, 0), (-1, 0)), (1, 1), 3)),
        (make(1, 1, 3, 3, 3), make(2, 1, 2, 2, 2), _attrs((1,) * 3, ((0, 0),) * 3, (1,) * 3)),
        (make(0, 2, 4), make(3, 2, 3), _attrs((1,), ((0, 0),), (1,))),
    ]


def _product(*dtypes: DType, **_: Any) -> DType:
    return product_dtype("conv", *dtypes)


conv = composed(
    "conv", family="contraction", arity=None, attrs=("stride", "padding", "dilation", "groups"),
    defaults=_DEFAULTS, shape=_conv_shape, dtype=_product, ref=_conv_ref, lower=_conv_lower,
    vjp=_conv_vjp,
    doc="Cross-correlation over n spatial dimensions: x (N, G * C, S1..Sn), weight (F, C, k1..kn), "
    "bias (F) if given -> (N, F, O1..On); padding is one (low, high) per dimension.",
    sample=cases(_draw_conv, (*FLOATS, dt.int32, dt.complex64)),
)  # fmt: skip

# --- transposed -----------------------------------------------------------------------------------


def _transpose_extents(
    x: Shape, k: Sizes, stride: Sizes, padding: Pairs, extra: Sizes, dilation: Sizes
) -> Shape:
    rows = zip(x, k, stride, padding, extra, dilation, strict=True)
    return tuple((n - 1) * s - p[0] - p[1] + d * (m - 1) + e + 1 for n, m, s, p, e, d in rows)


def _transpose_shape(
    x: Shape, w: Shape, *bias: Shape,
    stride: Sizes, padding: Pairs, output_padding: Sizes, dilation: Sizes, groups: int,
) -> Shape:  # fmt: skip
    n = len(stride)
    _conv_check("conv_transpose", x, w, n, stride, padding, output_padding, dilation)
    if x[1] != w[0] or w[0] % groups or (bias and bias[0] != (w[1] * groups,)):
        raise _features(
            "conv_transpose", f"{x[1]} channels do not fit the weight",
            f"x {x}, weight {w}, groups {groups}, bias {bias}",
            f"x ({x[0]}, {w[0]}, ...)", f"make the layer with in_channels={x[1]}",
        )  # fmt: skip
    spatial = _transpose_extents(x[2:], w[2:], stride, padding, output_padding, dilation)
    return (x[0], w[1] * groups, *(max(s, 0) for s in spatial))


def _transpose_lower(
    x: Expr, w: Expr, *bias: Expr,
    stride: Sizes, padding: Pairs, output_padding: Sizes, dilation: Sizes, groups: int,
) -> Expr:  # fmt: skip
    n = len(stride)
    spatial = _transpose_extents(
        x.shape[2:], w.shape[2:], stride, padding, output_padding, dilation
    )
    shape = (x.shape[0], w.shape[1] * groups, *spatial)
    y = _input_gradient(x, shape, w, stride, padding, dilation, groups)
    return y + reshape(bias[0], (shape[1], *(1 for _ in range(n)))) if bias else y


def _transpose_ref(
    x: np.ndarray, w: np.ndarray, *bias: np.ndarray,
    stride: Sizes, padding: Pairs, output_padding: Sizes, dilation: Sizes, groups: int,
) -> np.ndarray:  # fmt: skip
    n = len(stride)
    spatial = _transpose_extents(
        x.shape[2:], w.shape[2:], stride, padding, output_padding, dilation
    )
    low = [p[0] for p in padding]
    full = [s + p[0] + p[1] for s, p in zip(spatial, padding, strict=True)]
    out = np.zeros((x.shape[0], groups, w.shape[1], *full), x.dtype)
    x = x.reshape(x.shape[0], groups, -1, *x.shape[2:])
    w = w.reshape(groups, -1, *w.shape[1:])
    for place in np.ndindex(x.shape[3:]):
        for k in np.ndindex(w.shape[3:]):
            spot = tuple(place[i] * stride[i] + k[i] * dilation[i] for i in range(n))
            part = np.einsum("ngc,gcf->ngf", x[(..., *place)], w[(..., *k)])
            out[(..., *spot)] += part
    cut = tuple(slice(a, a + s) for a, s in zip(low, spatial, strict=True))
    out = out.reshape(out.shape[0], -1, *full)[(..., *cut)]
    return out + bias[0].reshape(-1, *(1 for _ in range(n))) if bias else out


def _draw_transpose(make: Any, rng: Any, d: DType) -> list[tuple[Any, ...]]:
    one = {**_attrs((1,), ((0, 0),), (1,)), "output_padding": (0,)}
    two = {**_attrs((2, 1), ((1, 1), (0, 0)), (1, 2), 2), "output_padding": (1, 0)}
    return [
        (make(2, 3, 5), make(3, 4, 3), make(4), one),
        (make(1, 4, 3, 4), make(4, 2, 3, 2), two),
    ]


conv_transpose = composed(
    "conv_transpose", family="contraction", arity=None,
    attrs=("stride", "padding", "output_padding", "dilation", "groups"), defaults=_DEFAULTS,
    shape=_transpose_shape, dtype=_product, ref=_transpose_ref, lower=_transpose_lower,
    doc="The transpose of conv: x (N, G * C, S1..Sn), weight (G * C, F, k1..kn), bias (G * F) if "
    "given -> (N, G * F, O1..On).",
    sample=cases(_draw_transpose, (*FLOATS, dt.complex64)),
)  # fmt: skip
