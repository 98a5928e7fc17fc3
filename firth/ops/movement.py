"""Movement: the same elements somewhere else. None of these computes anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.base.errors import ArgumentError, DTypeError, ShapeError, message
from firth.ir.node import Shape
from firth.ir.op import TABLE, Expr, Op, declare
from firth.ops.rules import (
    ANY,
    Samples,
    cases,
    count,
    filled,
    in_range,
    iota,
    promote,
    same,
)

Pairs = tuple[int, ...]


def movement(
    name: str,
    *,
    doc: str,
    shape: Callable[..., Shape],
    ref: Callable[..., Any],
    vjp: Callable[..., Any],
    sample: Callable[..., list[tuple[Any, ...]]] | Samples,
    dtype: Callable[..., DType] = same,
    **fields: Any,
) -> Op:
    """Declares an op that moves elements: any dtype, nothing rounded."""
    samples = sample if isinstance(sample, Samples) else cases(sample, ANY)

    def floats_vjp(g: Expr, y: Expr, *xs: Expr, **attrs: Any) -> Any:
        return vjp(g, y, *xs, **attrs) if g.dtype.kind in "fc" else (None,) * len(xs)

    return declare(
        name, doc=doc, shape=shape, dtype=dtype, vjp=floats_vjp, sample=samples,
        ref=lambda *xs, **attrs: np.asarray(ref(*[np.asarray(x) for x in xs], **attrs)),
        tolerance={}, **{"family": "movement", **fields},
    )  # fmt: skip


def _per_axis(name: str, what: str, shape: Shape, values: tuple[Any, ...]) -> None:
    if len(values) != len(shape):
        raise ArgumentError(
            message(name, f"{what} must name every dimension", f"{values} for shape {shape}",
                    f"{len(shape)} values", "give one per dimension")
        )  # fmt: skip


# --- reshape, permute, expand, flip ---------------------------------------------------------------


def _reshape_shape(x: Shape, shape: Shape) -> Shape:
    if count(x) != count(shape) or any(n < 0 for n in shape):
        raise ShapeError(
            message("reshape", "the number of elements differs",
                    f"{x} ({count(x)} elements) to {shape} ({count(shape)})", "equal counts",
                    "leave one extent to -1 and it is worked out")
        )  # fmt: skip
    return shape


reshape = movement(
    "reshape", attrs=("shape",),
    doc="The elements in row-major order in another shape: x (...) -> shape.",
    shape=_reshape_shape, ref=lambda x, shape: x.reshape(shape),
    vjp=lambda g, y, x, shape: (reshape(g, shape=x.shape),),
    sample=lambda make, rng, d: [
        (make(3, 4), {"shape": (2, 6)}), (make(3, 4), {"shape": (12,)}),
        (make(), {"shape": (1, 1)}),
        (make(0, 3), {"shape": (3, 5, 0)}), (make(1, 1), {"shape": ()}),
    ],
)  # fmt: skip


def _permute_shape(x: Shape, axes: Pairs) -> Shape:
    if sorted(axes) != list(range(len(x))):
        raise ArgumentError(
            message("permute", "the axes are not an order of the dimensions",
                    f"{axes} for shape {x}", f"each of 0 to {len(x) - 1} once", "name every axis")
        )  # fmt: skip
    return tuple(x[a] for a in axes)


permute = movement(
    "permute", attrs=("axes",),
    doc="Dimensions in another order: x (D0, D1, ...) -> (D[axes[0]], ...).",
    shape=_permute_shape, ref=lambda x, axes: x.transpose(axes),
    vjp=lambda g, y, x, axes: (permute(g, axes=tuple(axes.index(i) for i in range(len(axes)))),),
    sample=lambda make, rng, d: [
        (make(2, 3, 4), {"axes": (2, 0, 1)}), (make(3), {"axes": (0,)}), (make(), {"axes": ()}),
        (make(0, 2), {"axes": (1, 0)}),
    ],
)  # fmt: skip


def _expand_shape(x: Shape, shape: Shape) -> Shape:
    fits = len(x) == len(shape) and all(a in (1, b) for a, b in zip(x, shape, strict=True))
    if not fits:
        raise ShapeError(
            message("expand", "only extents of 1 can grow", f"{x} to {shape}",
                    "the same number of dimensions, equal or 1", "reshape first to add dimensions")
        )  # fmt: skip
    return shape


def _grown(x: Shape, shape: Shape) -> Pairs:
    return tuple(i for i, (a, b) in enumerate(zip(x, shape, strict=True)) if a != b)


expand = movement(
    "expand", attrs=("shape",), doc="Extents of 1 repeated: x (..., 1, ...) -> (..., n, ...).",
    shape=_expand_shape, ref=lambda x, shape: np.broadcast_to(x, shape),
    vjp=lambda g, y, x, shape: (
        TABLE["sum"](g, axes=_grown(x.shape, shape), keepdims=True),
    ),
    sample=lambda make, rng, d: [
        (make(1, 4), {"shape": (3, 4)}), (make(3, 1, 1), {"shape": (3, 2, 5)}),
        (make(1), {"shape": (0,)}), (make(), {"shape": ()}),
    ],
)  # fmt: skip


def _flip_shape(x: Shape, axes: Pairs) -> Shape:
    if len(set(axes)) != len(axes) or any(not 0 <= a < len(x) for a in axes):
        raise ArgumentError(
            message("flip", "axes do not fit", f"{axes} for shape {x}",
                    f"distinct axes below {len(x)}", "check the axes")
        )  # fmt: skip
    return x


flip = movement(
    "flip", attrs=("axes",), doc="The order along some axes turned round: x (...) -> (...).",
    shape=_flip_shape, ref=lambda x, axes: np.flip(x, axes),
    vjp=lambda g, y, x, axes: (flip(g, axes=axes),),
    sample=lambda make, rng, d: [
        (make(2, 3, 4), {"axes": (0, 2)}), (make(3), {"axes": ()}), (make(0, 2), {"axes": (0,)}),
    ],
)  # fmt: skip

# --- slice, pad -----------------------------------------------------------------------------------


def _slice_shape(x: Shape, starts: Pairs, sizes: Pairs, steps: Pairs) -> Shape:
    if not len(x) == len(starts) == len(sizes) == len(steps):
        for what, values in (("starts", starts), ("sizes", sizes), ("steps", steps)):
            _per_axis("slice", what, x, values)
    for i, (n, start, size, step) in enumerate(zip(x, starts, sizes, steps, strict=True)):
        last = start + (size - 1) * step
        if step < 1 or size < 0 or start < 0 or start > n or (size and last >= n):
            raise ShapeError(
                message("slice", f"dimension {i} is left",
                        f"start {start}, size {size}, step {step}",
                        f"elements of 0 to {n - 1} and a step of 1 or more", "check the bounds")
            )  # fmt: skip
    return sizes


def _slice_ref(x: np.ndarray, starts: Pairs, sizes: Pairs, steps: Pairs) -> np.ndarray:
    parts = zip(starts, sizes, steps, strict=True)
    return x[tuple(slice(a, a + n * s, s) if n else slice(0, 0) for a, n, s in parts)]


def _slice_vjp(g: Expr, y: Expr, x: Expr, starts: Pairs, sizes: Pairs, steps: Pairs) -> tuple[Expr]:
    if 0 in sizes:
        return (filled(0, x.shape, g.dtype),)
    spans = [(n - 1) * s + 1 for n, s in zip(sizes, steps, strict=True)]
    high = tuple(n - a - k for n, a, k in zip(x.shape, starts, spans, strict=True))
    return (pad(g, low=starts, high=high, inner=tuple(s - 1 for s in steps), value=0),)


slice_ = movement(
    "slice", attrs=("starts", "sizes", "steps"),
    doc="Every step-th element from start on, size of them, per dimension: x (D...) -> sizes.",
    shape=_slice_shape, ref=_slice_ref, vjp=_slice_vjp,
    sample=lambda make, rng, d: [
        (make(5, 7), {"starts": (1, 0), "sizes": (3, 3), "steps": (1, 3)}),
        (make(5), {"starts": (5,), "sizes": (0,), "steps": (1,)}),
        (make(), {"starts": (), "sizes": (), "steps": ()}),
    ],
)  # fmt: skip


def _dynamic_slice_shape(x: Shape, *starts: Shape, sizes: Pairs) -> Shape:
    _per_axis("dynamic_slice", "starts", x, starts)
    _per_axis("dynamic_slice", "sizes", x, sizes)
    for i, (n, size) in enumerate(zip(x, sizes, strict=True)):
        if not 0 <= size <= n:
            raise ShapeError(
                message("dynamic_slice", f"the size does not fit dimension {i}", str(size),
                        f"0 to {n}", "take a smaller window")
            )  # fmt: skip
    return sizes


def _starts_dtype(name: str, starts: tuple[DType, ...]) -> None:
    for d in starts:
        if d is not dt.int64:
            raise DTypeError(message(name, "positions are not int64", d.name, "int64", "cast them"))


def _dynamic_slice_dtype(x: DType, *starts: DType, sizes: Pairs) -> DType:
    _starts_dtype("dynamic_slice", starts)
    return x


def _dynamic_slice_ref(x: np.ndarray, *starts: np.ndarray, sizes: Pairs) -> np.ndarray:
    index = []
    for n, start, size in zip(x.shape, starts, sizes, strict=True):
        in_range("dynamic_slice", np.asarray(start), n - size + 1)
        index.append(slice(int(start), int(start) + size))
    return x[tuple(index)]


def _dynamic_slice_vjp(
    g: Expr, y: Expr, x: Expr, *starts: Expr, sizes: Pairs
) -> tuple[Expr | None, ...]:
    if not starts:
        return (g,)
    grid = [
        TABLE["expand"](iota(sizes, i) + reshape(s, shape=(1,) * len(sizes)), shape=sizes)
        for i, s in enumerate(starts)
    ]
    axes = tuple(range(len(sizes)))
    gx = TABLE["scatter"](filled(0, x.shape, g.dtype), g, *grid, axes=axes, mode="add")
    return (gx, *(None for _ in starts))


dynamic_slice = movement(
    "dynamic_slice", arity=None, attrs=("sizes",),
    doc="A window that starts at run-time positions: x (D...), one int64 () start per dimension "
    "-> sizes; IndexError when it leaves x.",
    shape=_dynamic_slice_shape, dtype=_dynamic_slice_dtype, ref=_dynamic_slice_ref,
    vjp=_dynamic_slice_vjp,
    sample=lambda make, rng, d: [
        (make(5, 7), np.int64(2), np.int64(4), {"sizes": (3, 2)}),
        (make(4), np.int64(0), {"sizes": (4,)}), (make(), {"sizes": ()}),
    ],
)  # fmt: skip


def _pad_shape(x: Shape, low: Pairs, high: Pairs, inner: Pairs, value: float) -> Shape:
    for what, values in (("low", low), ("high", high), ("inner", inner)):
        _per_axis("pad", what, x, values)
        if any(v < 0 for v in values):
            raise ArgumentError(
                message("pad", f"{what} is negative", str(values), "0 or more", "slice instead")
            )
    rows = zip(x, low, high, inner, strict=True)
    return tuple(a + b + n + max(n - 1, 0) * k for n, a, b, k in rows)


def _pad_ref(x: np.ndarray, low: Pairs, high: Pairs, inner: Pairs, value: float) -> np.ndarray:
    out = np.full(_pad_shape(x.shape, low, high, inner, value), value, x.dtype)
    spots = zip(x.shape, low, inner, strict=True)
    out[tuple(slice(a, a + n * (k + 1), k + 1) if n else slice(0, 0) for n, a, k in spots)] = x
    return out


def _pad_vjp(
    g: Expr, y: Expr, x: Expr, low: Pairs, high: Pairs, inner: Pairs, value: float
) -> tuple[Expr]:
    return (slice_(g, starts=low, sizes=x.shape, steps=tuple(k + 1 for k in inner)),)


pad = movement(
    "pad", attrs=("low", "high", "inner", "value"),
    doc="`value` before, after and between the elements: x (n, ...) -> "
    "(low + n + (n - 1) * inner + high, ...).",
    shape=_pad_shape, ref=_pad_ref, vjp=_pad_vjp,
    sample=lambda make, rng, d: [
        (make(2, 3), {"low": (1, 0), "high": (0, 2), "inner": (2, 0), "value": 1}),
        (make(0), {"low": (1,), "high": (1,), "inner": (1,), "value": 0}),
        (make(), {"low": (), "high": (), "inner": (), "value": 0}),
    ],
)  # fmt: skip


def pad_or_crop(x: Expr, low: Pairs, high: Pairs, inner: Pairs, value: float = 0) -> Expr:
    """pad, where negative amounts cut elements off instead."""
    y = x
    if any(low) or any(high) or any(inner):
        y = pad(y, low=tuple(max(v, 0) for v in low), high=tuple(max(v, 0) for v in high),
                inner=inner, value=value)  # fmt: skip
    starts = tuple(max(-v, 0) for v in low)
    sizes = tuple(n - a - max(-b, 0) for n, a, b in zip(y.shape, starts, high, strict=True))
    if sizes == y.shape:
        return y
    return slice_(y, starts=starts, sizes=sizes, steps=(1,) * len(sizes))


# --- window ---------------------------------------------------------------------------------------


def window_extent(extent: int, size: int, stride: int, dilation: int) -> int:
    """How many windows fit: 0 when the first already leaves the input."""
    span = (size - 1) * dilation + 1
    return 0 if extent < span else (extent - span) // stride + 1


def _window_shape(x: Shape, sizes: Pairs, strides: Pairs, dilations: Pairs) -> Shape:
    n = len(sizes)
    if (
        not len(strides) == len(dilations) == n <= len(x)
        or min((*sizes, *strides, *dilations), default=1) < 1
    ):
        raise ArgumentError(
            message("window", "sizes, strides and dilations do not fit",
                    f"{sizes}, {strides}, {dilations} for shape {x}",
                    "as many of each, at least 1, no more than dimensions", "check the kernel size")
        )  # fmt: skip
    lead, last = x[: len(x) - n], x[len(x) - n :]
    rows = zip(last, sizes, strides, dilations, strict=True)
    return (*lead, *(window_extent(*row) for row in rows), *sizes)


def _window_ref(x: np.ndarray, sizes: Pairs, strides: Pairs, dilations: Pairs) -> np.ndarray:
    n = len(sizes)
    shape = _window_shape(x.shape, sizes, strides, dilations)
    if 0 in shape:
        return np.zeros(shape, x.dtype)
    spans = tuple((k - 1) * d + 1 for k, d in zip(sizes, dilations, strict=True))
    axes = tuple(range(x.ndim - n, x.ndim))
    view = sliding_window_view(x, spans, axes) if n else x
    steps = [slice(None)] * (x.ndim - n)
    steps += [slice(None, None, s) for s in strides] + [slice(None, None, d) for d in dilations]
    return view[tuple(steps)]


def _window_vjp(
    g: Expr, y: Expr, x: Expr, sizes: Pairs, strides: Pairs, dilations: Pairs
) -> tuple[Expr]:
    return (unwindow(g, x.shape, sizes, strides, dilations),)


window = movement(
    "window", attrs=("sizes", "strides", "dilations"),
    doc="Sliding windows over the last n dimensions: x (..., S1..Sn) -> (..., O1..On, k1..kn), "
    "element [o, k] = x[o * stride + k * dilation].",
    shape=_window_shape, ref=_window_ref, vjp=_window_vjp,
    sample=lambda make, rng, d: [
        (make(2, 7), {"sizes": (3,), "strides": (2,), "dilations": (1,)}),
        (make(1, 6, 7), {"sizes": (2, 3), "strides": (1, 2), "dilations": (2, 1)}),
        (make(4, 6), {"sizes": (2, 3), "strides": (2, 3), "dilations": (1, 1)}),
        (make(2), {"sizes": (3,), "strides": (1,), "dilations": (1,)}),
        (make(3), {"sizes": (), "strides": (), "dilations": ()}),
    ],
)  # fmt: skip


def unwindow(g: Expr, shape: Shape, sizes: Pairs, strides: Pairs, dilations: Pairs) -> Expr:
    """The transpose of window: g (..., O1..On, k1..kn) summed back to `shape` (..., S1..Sn)."""
    if 0 in g.shape:
        return filled(0, shape, g.dtype)
    for i in range(len(sizes)):
        # One dimension at a time: O_i is put back before the sizes that are left.
        g = _unwindow_one(
            g, len(shape) - len(sizes) + i, shape[len(shape) - len(sizes) + i],
            len(shape), sizes[i], strides[i], dilations[i],
        )  # fmt: skip
    return g


def _unwindow_one(
    g: Expr, axis: int, extent: int, k_axis: int, size: int, stride: int, dilation: int
) -> Expr:
    """Sums windows along one dimension: O at `axis`, its k at `k_axis` (which disappears)."""
    n = g.shape[axis]
    rest = tuple(a for a in range(g.ndim) if a != k_axis)
    if size == stride and dilation == 1:  # no overlap: the elements only move
        order = (*rest[: axis + 1], k_axis, *rest[axis + 1 :])
        shape = tuple(g.shape[a] for a in rest)
        g = reshape(permute(g, axes=order), shape=(*shape[:axis], n * size, *shape[axis + 1 :]))
        return _along(g, axis, 0, extent - n * size, 0)
    total: Expr | None = None
    for k in range(size):
        starts = tuple(k if a == k_axis else 0 for a in range(g.ndim))
        part_shape = tuple(1 if a == k_axis else m for a, m in enumerate(g.shape))
        part = slice_(g, starts=starts, sizes=part_shape, steps=(1,) * g.ndim)
        part = reshape(part, shape=tuple(g.shape[a] for a in rest))
        span = (n - 1) * stride + 1
        part = _along(part, axis, k * dilation, extent - k * dilation - span, stride - 1)
        total = part if total is None else total + part
    assert total is not None
    return total


def _along(x: Expr, axis: int, low: int, high: int, inner: int) -> Expr:
    def only(v: int) -> Pairs:
        return tuple(v if a == axis else 0 for a in range(x.ndim))

    return pad_or_crop(x, only(low), only(high), only(inner))


# --- concatenate ----------------------------------------------------------------------------------


def _concatenate_shape(*shapes: Shape, axis: int) -> Shape:
    if not shapes or not 0 <= axis < len(shapes[0]):
        raise ArgumentError(
            message("concatenate", "nothing to join along this axis", f"axis {axis} of {shapes}",
                    "at least one source that has the axis", "check the axis")
        )  # fmt: skip
    first = shapes[0]
    for shape in shapes[1:]:
        if len(shape) != len(first):
            raise ShapeError(
                message("concatenate", "the number of dimensions differs", f"{first} and {shape}",
                        "equal numbers", "reshape, or use stack to add a dimension")
            )  # fmt: skip
        for i, (a, b) in enumerate(zip(first, shape, strict=True)):
            if a != b and i != axis:
                raise ShapeError(
                    message("concatenate", f"dimension {i} differs", f"{first} and {shape}",
                            f"equal extents everywhere but in dimension {axis}", "check the axis")
                )  # fmt: skip
    return (*first[:axis], sum(s[axis] for s in shapes), *first[axis + 1 :])


def _concatenate_vjp(g: Expr, y: Expr, *xs: Expr, axis: int) -> tuple[Expr | None, ...]:
    out: list[Expr | None] = []
    start = 0
    for x in xs:
        starts = tuple(start if a == axis else 0 for a in range(x.ndim))
        start += x.shape[axis]
        is_float = x.dtype.kind in "fc"
        part = slice_(g, starts=starts, sizes=x.shape, steps=(1,) * x.ndim) if is_float else None
        out.append(part)
    return tuple(out)


def _concatenate_ref(*xs: np.ndarray, axis: int) -> np.ndarray:
    dtype = promote([dt.from_numpy(x.dtype) for x in xs])
    return np.concatenate([np.asarray(x).astype(dtype.np) for x in xs], axis)


concatenate = movement(
    "concatenate", arity=None, attrs=("axis",),
    doc="Sources one after the other along an axis: x (..., n, ...), y (..., m, ...) -> "
    "(..., n + m, ...); dtypes promote.",
    shape=_concatenate_shape, dtype=lambda *ds, axis: promote(ds), ref=_concatenate_ref,
    vjp=_concatenate_vjp,
    sample=lambda make, rng, d: [
        (make(2, 3), make(2, 1), make(2, 0), {"axis": 1}), (make(3), {"axis": 0}),
    ],
)  # fmt: skip
