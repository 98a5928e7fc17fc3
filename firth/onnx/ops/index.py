"""Picking and placing by positions: gather, scatter, sorting, masks."""

from __future__ import annotations

from typing import Any

import numpy as np

import firth
from firth.onnx.registry import op
from firth.onnx.values import as_tensor, ints
from firth.tensor import Tensor
from firth.tensor.record import apply

_MODES = {"none": "set", "add": "add", "mul": "multiply", "max": "maximum", "min": "minimum"}


def _wrapped(index: Tensor, extent: int) -> Tensor:
    """Positions as int64, negative ones counted from the end."""
    return apply("wrap_index", index.to(firth.int64), extent=extent)


@op("Gather")
def gather(x: Tensor, indices: Tensor, *, axis: int = 0) -> Any:
    """Slices of x along an axis: (A, N, B), (I) -> (A, I, B)."""
    return apply("take", x, _wrapped(indices, x.shape[axis]), axis=axis % x.ndim)


@op("GatherElements")
def gather_elements(x: Tensor, indices: Tensor, *, axis: int = 0) -> Any:
    """Element by element along an axis."""
    return firth.gather(x, axis, _wrapped(indices, x.shape[axis]))


def _columns(x: Tensor, indices: Tensor, first: int) -> list[Tensor]:
    """The last dimension of indices as one index for each dimension of x from `first` on."""
    depth = indices.shape[-1]
    return [_wrapped(indices[..., i], x.shape[first + i]) for i in range(depth)]


@op("GatherND")
def gather_nd(x: Tensor, indices: Tensor, *, batch_dims: int = 0) -> Any:
    """Slices of x at index vectors; the first `batch_dims` dimensions go together."""
    b, depth = batch_dims, indices.shape[-1]
    spots = _columns(x, indices, b)
    shape = spots[0].shape if spots else indices.shape[:-1]
    lead, ndim = [], len(shape)
    for i in range(b):
        line = firth.arange(shape[i]).reshape(*(-1 if a == i else 1 for a in range(ndim)))
        lead.append(line.expand(*shape))
    return apply("gather", x, *lead, *spots, axes=tuple(range(b + depth)))


@op("ScatterElements", "Scatter")
def scatter_elements(
    x: Tensor, indices: Tensor, updates: Tensor, *, axis: int = 0, reduction: str = "none"
) -> Any:
    """x with updates placed element by element along an axis."""
    axis %= x.ndim
    index = _wrapped(indices, x.shape[axis])
    shape = index.shape
    places = []
    for a, n in enumerate(shape):
        line = firth.arange(n).reshape(*(n if i == a else 1 for i in range(len(shape))))
        places.append(index if a == axis else line.expand(*shape))
    return _scattered(x, updates, places, reduction)


def _scattered(x: Tensor, updates: Tensor, places: list[Tensor], reduction: str) -> Any:
    boolean = x.dtype.kind == "b"
    if boolean:
        x, updates = x.to(firth.uint8), updates.to(firth.uint8)
    out = apply(
        "scatter", x, updates, *places, axes=tuple(range(len(places))), mode=_MODES[reduction]
    )
    return out.to(firth.bool) if boolean else out


@op("ScatterND")
def scatter_nd(x: Tensor, indices: Tensor, updates: Tensor, *, reduction: str = "none") -> Any:
    """x with slices of updates placed at index vectors."""
    return _scattered(x, updates, _columns(x, indices, 0), reduction)


@op("TensorScatter", host=(2,))
def tensor_scatter(
    past: Tensor, update: Tensor, write_indices: np.ndarray | None = None, *, mode: str = "linear",
    axis: int = -2,
) -> Any:  # fmt: skip
    """A cache with new rows written from an index on, one index for each batch."""
    axis %= past.ndim
    batch, length, rows = past.shape[0], past.shape[axis], update.shape[axis]
    start = np.zeros(batch, np.int64) if write_indices is None else np.asarray(write_indices)
    place = start[:, None] + np.arange(rows)
    if mode == "circular":
        place = place % length
    shape = (batch, *(rows if a == axis else 1 for a in range(1, past.ndim)))
    index = as_tensor(place).reshape(shape)
    return scatter_elements(past, index.expand(*update.shape), update, axis=axis)


@op("TopK", since=10, host=(1,))
def topk(x: Tensor, k: np.ndarray, *, axis: int = -1, largest: int = 1, sorted: int = 1) -> Any:
    """The k largest (or smallest) along an axis, and where they are."""
    return tuple(x.topk(int(np.asarray(k).reshape(-1)[0]), axis, bool(largest)))


@op("TopK")
def topk_attribute(x: Tensor, *, k: int, axis: int = -1) -> Any:
    """TopK as it was before opset 10."""
    return tuple(x.topk(k, axis))


@op("NonZero")
def nonzero(x: Tensor) -> Any:
    """Where x is not zero: (ndim, n)."""
    if x.ndim == 0:
        x = x.reshape(1)
    return x.nonzero().T


@op("Compress", host=(1,))
def compress(x: Tensor, condition: np.ndarray, *, axis: int | None = None) -> Any:
    """The slices along an axis where the condition holds; of x flat without an axis."""
    if axis is None:
        x, axis = x.reshape(-1), 0
    return x.index_select(axis, as_tensor(np.flatnonzero(condition)))


@op("Unique", host=(0,))
def unique(x: np.ndarray, *, axis: int | None = None, sorted: int = 1) -> Any:
    """Distinct elements or slices, where each is first, where each came, and how often."""
    values, first, inverse, counts = np.unique(
        x, return_index=True, return_inverse=True, return_counts=True, axis=axis
    )
    inverse = inverse.reshape(-1)
    if not sorted:
        order = np.argsort(first)
        rank = np.argsort(order)
        values = np.take(values, order, axis=0 if axis is None else axis)
        first, counts, inverse = first[order], counts[order], rank[inverse]
    return (values, *(v.astype(np.int64) for v in (first, inverse, counts)))


@op("ReverseSequence", host=(1,))
def reverse_sequence(
    x: Tensor, lengths: np.ndarray, *, batch_axis: int = 1, time_axis: int = 0
) -> Any:
    """Each batch's first `length` steps in reverse order."""
    batch_axis, time_axis = batch_axis % x.ndim, time_axis % x.ndim
    steps = x.shape[time_axis]
    place = np.tile(np.arange(steps), (x.shape[batch_axis], 1))
    for row, n in zip(place, ints(lengths), strict=True):
        row[:n] = row[:n][::-1]
    shape = [1] * x.ndim
    shape[batch_axis], shape[time_axis] = place.shape
    place = place if batch_axis < time_axis else place.T
    index = as_tensor(np.ascontiguousarray(place)).reshape(*shape).expand(*x.shape)
    return firth.gather(x, time_axis, index)
