"""Shapes: reshape, transpose, concatenate, slice, pad, tile, and what makes tensors of numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import firth
from firth.base.errors import ArgumentError, message
from firth.onnx.registry import op
from firth.onnx.values import as_tensor, cast, dtype_of, element, firth_dtype, ints
from firth.tensor import Tensor
from firth.tensor.record import apply

_EMPTY = np.zeros(0, np.int64)


def _reshaped(x: Tensor, wanted: list[int], allowzero: int) -> Any:
    if not allowzero:
        wanted = [x.shape[i] if n == 0 and i < x.ndim else n for i, n in enumerate(wanted)]
    if -1 in wanted:
        rest = math.prod(n for n in wanted if n != -1)
        wanted[wanted.index(-1)] = x.numel() // rest if rest else 0
    return x.reshape(tuple(wanted))


@op("Reshape", since=5, host=(1,))
def reshape(x: Tensor, shape: np.ndarray, *, allowzero: int = 0) -> Any:
    """The elements in another shape; 0 keeps an extent, -1 is what remains."""
    return _reshaped(x, ints(shape), allowzero)


@op("Reshape")
def reshape_attribute(x: Tensor, *, shape: list[int], consumed_inputs: Any = None) -> Any:
    """Reshape as it was before opset 5."""
    return _reshaped(x, shape, 0)


@op("Flatten")
def flatten(x: Tensor, *, axis: int = 1) -> Any:
    """Two dimensions: those before the axis, and the others."""
    axis = axis + x.ndim if axis < 0 else axis
    rows = math.prod(x.shape[:axis])
    return x.reshape(rows, math.prod(x.shape[axis:]))


@op("Transpose")
def transpose(x: Tensor, *, perm: list[int] | None = None) -> Any:
    """The dimensions in another order; reversed without one."""
    return x.permute(*(range(x.ndim - 1, -1, -1) if perm is None else perm))


def squeezed(shape: tuple[int, ...], axes: list[int] | None) -> tuple[int, ...]:
    """A shape without the axes named, or without all extents of 1."""
    if axes is None:
        return tuple(n for n in shape if n != 1)
    gone = {a % len(shape) for a in axes}
    if any(shape[a] != 1 for a in gone):
        raise ArgumentError(
            message("Squeeze", "an extent is not 1", f"shape {tuple(shape)}, axes {axes}",
                    "extents of 1", "squeeze other axes")
        )  # fmt: skip
    return tuple(n for a, n in enumerate(shape) if a not in gone)


def unsqueezed(shape: tuple[int, ...], axes: list[int]) -> tuple[int, ...]:
    """A shape with extents of 1 where the axes of the result are."""
    ndim = len(shape) + len(axes)
    new = {a % ndim for a in axes}
    rest = iter(shape)
    return tuple(1 if a in new else next(rest) for a in range(ndim))


@op("Squeeze", since=13, host=(1,))
def squeeze(x: Tensor, axes: np.ndarray | None = None) -> Any:
    """Without the extents of 1 at the axes, or without any."""
    return x.reshape(squeezed(x.shape, None if axes is None else ints(axes)))


@op("Squeeze")
def squeeze_attribute(x: Tensor, *, axes: list[int] | None = None) -> Any:
    """Squeeze as it was before opset 13."""
    return x.reshape(squeezed(x.shape, axes))


@op("Unsqueeze", since=13, host=(1,))
def unsqueeze(x: Tensor, axes: np.ndarray) -> Any:
    """With extents of 1 at the axes of the result."""
    return x.reshape(unsqueezed(x.shape, ints(axes)))


@op("Unsqueeze")
def unsqueeze_attribute(x: Tensor, *, axes: list[int]) -> Any:
    """Unsqueeze as it was before opset 13."""
    return x.reshape(unsqueezed(x.shape, axes))


@op("Concat")
def concat(*inputs: Tensor, axis: int = 1) -> Any:
    """The inputs one behind the other along an axis."""
    return inputs[0] if len(inputs) == 1 else firth.cat(inputs, axis)


def split_sizes(extent: int, parts: int) -> list[int]:
    """Extents of parts as equal as can be, the last one smaller."""
    size = -(-extent // parts)
    return [max(0, min(size, extent - i * size)) for i in range(parts)]


def _split(x: Tensor, sizes: list[int], axis: int) -> tuple[Any, ...]:
    starts = np.cumsum([0, *sizes])
    if int(starts[-1]) != x.shape[axis]:
        raise ArgumentError(
            message("Split", "the parts do not add up", str(sizes), str(x.shape[axis]),
                    "give other sizes")
        )  # fmt: skip
    return tuple(x.narrow(axis, int(s), n) for s, n in zip(starts, sizes, strict=False))


@op("Split", since=13, host=(1,))
def split(
    x: Tensor, split: np.ndarray | None = None, *, axis: int = 0, num_outputs: int | None = None,
    outputs: int,
) -> Any:  # fmt: skip
    """Parts along an axis, of the sizes given or equal ones."""
    extent = x.shape[axis]
    sizes = ints(split) if split is not None else split_sizes(extent, num_outputs or outputs)
    return _split(x, sizes, axis % x.ndim)


@op("Split")
def split_attribute(
    x: Tensor, *, axis: int = 0, split: list[int] | None = None, outputs: int
) -> Any:
    """Split as it was before opset 13."""
    return _split(x, split or split_sizes(x.shape[axis], outputs), axis % x.ndim)


def slices(
    shape: tuple[int, ...], starts: list[int], ends: list[int], axes: list[int] | None,
    steps: list[int] | None,
) -> tuple[slice, ...]:  # fmt: skip
    """What Slice takes from each dimension; Python's slices clamp as ONNX does."""
    out = [slice(None)] * len(shape)
    axes = list(range(len(starts))) if axes is None else axes
    for axis, start, end, step in zip(axes, starts, ends, steps or [1] * len(axes), strict=True):
        n = shape[axis]
        if step < 0:
            start = min(start + n if start < 0 else start, n - 1)
            end = max(end + n if end < 0 else end, -1)
            first: int | None = start if start >= 0 else 0
            out[axis] = slice(first, None if end < 0 else end, step) if start >= 0 else slice(0, 0)
        else:
            out[axis] = slice(start, end, step)
    return tuple(out)


def _sliced(x: Tensor, picks: tuple[slice, ...]) -> Any:
    backwards = [a for a, s in enumerate(picks) if s.step is not None and s.step < 0]
    if not backwards:
        return x[picks]
    plain = list(picks)
    for a in backwards:  # the same places, counted from the end
        places = range(x.shape[a])[picks[a]]
        step = -picks[a].step
        plain[a] = slice(places[-1], places[0] + 1, step) if places else slice(0, 0)
    return x[tuple(plain)].flip(backwards)


@op("Slice", since=10, host=(1, 2, 3, 4))
def slice_(
    x: Tensor, starts: np.ndarray, ends: np.ndarray, axes: np.ndarray | None = None,
    steps: np.ndarray | None = None,
) -> Any:  # fmt: skip
    """Parts along axes, as Python's slices."""
    return _sliced(x, slices(
        x.shape, ints(starts), ints(ends), None if axes is None else ints(axes),
        None if steps is None else ints(steps),
    ))  # fmt: skip


@op("Slice")
def slice_attributes(
    x: Tensor, *, starts: list[int], ends: list[int], axes: list[int] | None = None
) -> Any:
    """Slice as it was before opset 10."""
    return _sliced(x, slices(x.shape, starts, ends, axes, None))


@op("Expand", host=(1,))
def expand(x: Tensor, shape: np.ndarray) -> Any:
    """Broadcast with a shape, in both directions."""
    return x.expand(np.broadcast_shapes(tuple(x.shape), tuple(ints(shape))))


@op("Tile", since=6, host=(1,))
def tile(x: Tensor, repeats: np.ndarray) -> Any:
    """Repeated along each axis."""
    return apply("tile", x, counts=tuple(ints(repeats)))


@op("Tile", host=(1, 2))
def tile_old(x: Tensor, tiles: np.ndarray, axis: np.ndarray) -> Any:
    """Tile as it was before opset 6."""
    counts = [1] * x.ndim
    counts[int(axis)] = int(tiles)
    return apply("tile", x, counts=tuple(counts))


# --- padding --------------------------------------------------------------------------------------


def _mirror(place: np.ndarray, n: int) -> np.ndarray:
    """Places of a dimension that goes on by reflection at its ends."""
    if n == 1:
        return np.zeros_like(place)
    period = 2 * (n - 1)
    place = place % period
    return np.where(place < n, place, period - place)


def padded(x: Tensor, pairs: list[tuple[int, int]], mode: str, value: Any = 0) -> Any:
    """x grown (or, where negative, cut) by (before, after) in each dimension."""
    for axis, (low, high) in enumerate(pairs):
        if low < 0 or high < 0:
            start = max(-low, 0)
            x = x.narrow(axis, start, x.shape[axis] + min(high, 0) - start)
    pairs = [(max(low, 0), max(high, 0)) for low, high in pairs]
    if not any(p != (0, 0) for p in pairs):
        return x
    if mode == "constant":
        return _constant_padded(x, pairs, value)
    for axis, (low, high) in enumerate(pairs):
        if low or high:
            n = x.shape[axis]
            place = np.arange(-low, n + high)
            if mode == "edge":
                place = place.clip(0, n - 1)
            elif mode == "wrap":
                place = place % n
            elif mode == "reflect":
                place = _mirror(place, n)
            else:
                raise ArgumentError(
                    message("Pad", "unknown mode", repr(mode), "constant, edge, reflect, wrap",
                            "pick one")
                )  # fmt: skip
            x = x.index_select(axis, as_tensor(place))
    return x


def _constant_padded(x: Tensor, pairs: list[tuple[int, int]], value: Any) -> Any:
    low, high = (tuple(p[i] for p in pairs) for i in (0, 1))
    if isinstance(value, Tensor):  # a value that the graph computes
        plain = _constant_padded(x, pairs, 0)
        inside = _constant_padded(firth.ones_like(x, dtype=firth.bool), pairs, False)
        return firth.where(inside, plain, value.to(x.dtype))
    plain = {"b": bool, "f": float}.get(x.dtype.kind, int)(value)
    return apply("pad", x, low=low, high=high, inner=(0,) * x.ndim, value=plain)


@op("Pad", since=11, host=(1, 3))
def pad(
    x: Tensor, pads: np.ndarray, value: Any = None, axes: np.ndarray | None = None, *,
    mode: str = "constant",
) -> Any:  # fmt: skip
    """x grown along axes: pads has all numbers before, then all after."""
    found = ints(pads)
    half = len(found) // 2
    pairs = [(0, 0)] * x.ndim
    for axis, low, high in zip(
        range(x.ndim) if axes is None else ints(axes), found[:half], found[half:], strict=True
    ):
        pairs[axis] = (low, high)
    if isinstance(value, Tensor):
        value = value.reshape(()) if value.numel() == 1 else value
    return padded(x, pairs, mode, 0 if value is None else value)


@op("Pad")
def pad_attributes(
    x: Tensor, *, pads: list[int] | None = None, paddings: list[int] | None = None,
    mode: str = "constant", value: float = 0.0,
) -> Any:  # fmt: skip
    """Pad as it was before opset 11."""
    found = pads if pads is not None else paddings or []
    return padded(x, list(zip(found[: x.ndim], found[x.ndim :], strict=True)), mode, value)


@op("CenterCropPad", host=(1,))
def center_crop_pad(x: Tensor, shape: np.ndarray, *, axes: list[int] | None = None) -> Any:
    """Cut or grown around the middle to the extents given."""
    for axis, wanted in zip(axes if axes is not None else range(x.ndim), ints(shape), strict=True):
        n = x.shape[axis]
        if wanted < n:
            x = x.narrow(axis, (n - wanted) // 2, wanted)
        elif wanted > n:
            pairs = [(0, 0)] * x.ndim
            low = (wanted - n) // 2
            pairs[axis % x.ndim] = (low, wanted - n - low)
            x = padded(x, pairs, "constant")
    return x


# --- rearranging blocks ---------------------------------------------------------------------------


@op("DepthToSpace")
def depth_to_space(x: Tensor, *, blocksize: int, mode: str = "DCR") -> Any:
    """Channels moved into blocks of space: (N, C * b * b, H, W) -> (N, C, H * b, W * b)."""
    n, c, h, w = x.shape
    b = blocksize
    if mode == "DCR":
        x = x.reshape(n, b, b, c // (b * b), h, w).permute(0, 3, 4, 1, 5, 2)
    else:
        x = x.reshape(n, c // (b * b), b, b, h, w).permute(0, 1, 4, 2, 5, 3)
    return x.reshape(n, c // (b * b), h * b, w * b)


@op("SpaceToDepth")
def space_to_depth(x: Tensor, *, blocksize: int, mode: str = "DCR") -> Any:
    """Blocks of space moved into channels: (N, C, H * b, W * b) -> (N, C * b * b, H, W)."""
    n, c, h, w = x.shape
    b = blocksize
    x = x.reshape(n, c, h // b, b, w // b, b)
    x = x.permute(0, 3, 5, 1, 2, 4) if mode == "DCR" else x.permute(0, 1, 3, 5, 2, 4)
    return x.reshape(n, c * b * b, h // b, w // b)


# --- numbers --------------------------------------------------------------------------------------


def _cut(shape: tuple[int, ...], start: int, end: int | None) -> np.ndarray:
    return np.array(tuple(shape)[start:end], np.int64)


@op("Shape", raw=True)
def shape_of(x: Any, *, start: int = 0, end: int | None = None) -> Any:
    """The extents, as an array that is known while jit records."""
    return _cut(x.shape, start, end)


@op("Size", raw=True)
def size_of(x: Any) -> Any:
    """The number of elements."""
    return np.array(math.prod(x.shape), np.int64)


@op("ConstantOfShape", host=(0,))
def constant_of_shape(shape: np.ndarray, *, value: np.ndarray | None = None) -> Any:
    """One number everywhere."""
    wanted = tuple(ints(shape))
    found = np.zeros(1, np.float32) if value is None else value
    kind = firth_dtype(found.dtype)
    if kind is None:
        return np.full(wanted, found.reshape(-1)[0], found.dtype)
    if math.prod(wanted) <= 64 and kind.kind in "iub":  # most likely a shape in the making
        return np.full(wanted, found.reshape(-1)[0], found.dtype)
    return firth.full(wanted, found.reshape(-1)[0].item(), dtype=kind)


@op("Range", host=(0, 1, 2))
def range_(start: np.ndarray, limit: np.ndarray, delta: np.ndarray, **_: Any) -> Any:
    """start, start + delta, ... before limit."""
    kind = start.dtype
    wide = np.float64 if kind.kind in "fV" else object
    a, b, d = (v.reshape(()).astype(wide).item() for v in (start, limit, delta))
    count = max(math.ceil((b - a) / d) if wide is np.float64 else -((a - b) // d), 0)
    if kind.kind in "iu" and count <= 64:
        return np.array([a + i * d for i in range(count)], kind)
    steps = firth.arange(count, dtype=firth.float64 if wide is np.float64 else firth.int64)
    return cast(steps * d + a, kind)


@op("EyeLike")
def eye_like(x: Tensor, *, dtype: int | None = None, k: int = 0) -> Any:
    """1 on a diagonal, 0 elsewhere."""
    rows, columns = x.shape
    kind = element(dtype) if dtype else dtype_of(x)
    line = firth.arange(columns).reshape(1, columns) - firth.arange(rows).reshape(rows, 1)
    return cast(line == k, kind)


@op("OneHot", host=(1,))
def one_hot(indices: Tensor, depth: np.ndarray, values: Tensor, *, axis: int = -1) -> Any:
    """values[1] at each index along a new axis, values[0] elsewhere; outside there is none."""
    n = int(np.asarray(depth).reshape(-1)[0])
    axis = axis % (indices.ndim + 1)
    places = indices.to(firth.float64) if indices.dtype.kind == "f" else indices.to(firth.int64)
    wrapped = firth.where(places < 0, places + n, places).unsqueeze(axis)
    shape = [1] * (indices.ndim + 1)
    shape[axis] = n
    line = firth.arange(n).reshape(*shape)
    return firth.where(wrapped == line, values[1], values[0])


@op("Identity", raw=True)
def identity(x: Any) -> Any:
    """The value itself."""
    return x


@op("Dropout", since=12, host=(1, 2))
def dropout(
    x: Tensor, ratio: np.ndarray | None = None, training_mode: np.ndarray | None = None, *,
    seed: int | None = None, outputs: int,
) -> Any:  # fmt: skip
    """Zeroes elements at random where training_mode is true; the mask says which stay."""
    p = 0.5 if ratio is None else float(ratio)
    if training_mode is None or not bool(training_mode) or p == 0:
        return (x, firth.ones_like(x, dtype=firth.bool))[:outputs]
    kept = firth.rand(*x.shape) >= p
    return (firth.where(kept, x / (1 - p), 0), kept)[:outputs]


@op("Dropout")
def dropout_attributes(
    x: Tensor, *, ratio: float = 0.5, is_test: int = 0, outputs: int, consumed_inputs: Any = None
) -> Any:
    """Dropout as it was before opset 12: it drops nothing."""
    return (x, firth.ones_like(x, dtype=firth.bool))[:outputs]
