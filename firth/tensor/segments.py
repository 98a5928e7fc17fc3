"""Reductions of segments, hashes, and a few functions that PyTorch keeps for its own layers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.base.errors import ArgumentError, ShapeError, message
from firth.tensor.convert import cast
from firth.tensor.creation import full, refuse_in_jit, tensor, wrap
from firth.tensor.handle import Tensor
from firth.tensor.reading import contents
from firth.tensor.record import apply, user_line
from firth.tensor.reducing import reduced
from firth.tensor.shape import axes_of, axis_of

_NAMES = {"sum": "sum", "mean": "sum", "prod": "prod", "max": "amax", "min": "amin"}
_STARTS = {"sum": 0.0, "mean": 0.0, "prod": 1.0, "max": float("-inf"), "min": float("inf")}


def segment_reduce(
    data: Tensor, reduce: str, *, lengths: Tensor | None = None, offsets: Tensor | None = None,
    axis: int = 0, unsafe: bool = False, initial: Any = None,
) -> Tensor:  # fmt: skip
    """The sum, mean, prod, max or min of runs along an axis: (..., N, ...) -> (..., S, ...).

    lengths (..., S), or offsets (..., S + 1) where the runs begin and end, are read at once, one
    row for each of the dims before the axis. initial takes part in every run, and is the mean of
    nothing (NaN without one). unsafe: what is left over behind the last run is left out.
    """
    if reduce not in _NAMES:
        raise ArgumentError(
            message("segment_reduce", "this cannot be reduced", repr(reduce),
                    "sum, mean, prod, max or min", "use sum")
        ).at(user_line())  # fmt: skip
    refuse_in_jit("segment_reduce", "it reads the lengths", "call it outside")
    axis = axis_of("segment_reduce", axis, len(data._kind.shape))
    lead, n = tuple(data._kind.shape[:axis]), data._kind.shape[axis]
    counts = _counts(lengths, offsets, lead, n, unsafe)
    segments = counts.shape[-1]
    kind, rest = data._kind.dtype, tuple(data._kind.shape[axis + 1 :])
    which = np.full((math.prod(lead), n), math.prod(lead) * segments)  # what is left over
    for row, many in enumerate(counts.reshape(-1, segments)):
        numbers = np.arange(row * segments, (row + 1) * segments)
        which[row, : many.sum()] = np.repeat(numbers, many)
    first = _STARTS[reduce] if initial is None else initial
    start = full((counts.size + 1, *rest), first, dtype=kind)
    rows = apply("reshape", data, shape=(which.size, *rest))
    out = reduced(start, rows, [wrap(which.ravel(), dt.int64)], (0,), _NAMES[reduce], True)
    out = apply("reshape", out[: counts.size], shape=(*lead, segments, *rest))  # type: ignore[index]
    if reduce != "mean":
        return out
    many = np.ascontiguousarray(counts.reshape(*counts.shape, *(1 for _ in rest)))
    sizes = cast(wrap(many, dt.int64), kind)
    none = math.nan if initial is None else initial
    return apply("where", apply("equal", sizes, 0), none, apply("div", out, sizes))


def _counts(
    lengths: Tensor | None, offsets: Tensor | None, lead: tuple[int, ...], n: int, unsafe: bool
) -> np.ndarray:
    """The lengths of all runs: (*lead, S)."""
    given = offsets if lengths is None else lengths
    if given is None or tuple(given._kind.shape[:-1]) != lead or not given._kind.shape:
        got = "neither" if given is None else str(tuple(given._kind.shape))
        raise ShapeError(
            message("segment_reduce", "the lengths do not fit", got,
                    f"lengths {(*lead, 'S')} or offsets {(*lead, 'S + 1')}",
                    "give the dims before the axis")
        ).at(user_line())  # fmt: skip
    counts = contents(given) if given is lengths else np.diff(contents(given))
    sums = counts.sum(-1)
    if (counts < 0).any() or (sums > n).any() or (not unsafe and (sums != n).any()):
        raise ShapeError(
            message("segment_reduce", "the lengths don't add up", str(sums.tolist()), str(n),
                    "give the length of every segment, or unsafe=True")
        ).at(user_line())  # fmt: skip
    return counts


def hash_tensor(input: Tensor, dim: Any = None, *, keepdim: bool = False, mode: int = 0) -> Tensor:
    """The exclusive or of the elements' bits (as 64-bit numbers) over dims: -> (...) uint64."""
    if mode:
        raise ArgumentError(
            message("hash_tensor", "no such mode", str(mode), "0, exclusive or", "leave it out")
        ).at(user_line())
    kind = input._kind.dtype
    wide = dt.float64 if kind.kind == "f" else dt.int64
    bits = apply("bitcast", cast(input, wide), dtype=dt.uint64)
    shape = tuple(bits._kind.shape)
    for axis in axes_of("hash_tensor", dim, len(shape)):
        bits = _folded(bits, axis)
    if not keepdim:
        axes = axes_of("hash_tensor", dim, len(shape))
        kept = tuple(n for i, n in enumerate(shape) if i not in axes)
        bits = apply("reshape", bits, shape=kept)
    return bits


def _folded(x: Tensor, axis: int) -> Tensor:
    """The exclusive or along an axis, by halves: (..., N, ...) -> (..., 1, ...)."""
    shape = x._kind.shape
    if shape[axis] == 0:
        return full((*shape[:axis], 1, *shape[axis + 1 :]), 0, dtype=x._kind.dtype)
    while x._kind.shape[axis] > 1:
        n = x._kind.shape[axis]
        none = (0,) * len(shape)
        if n % 2:
            high = tuple(int(i == axis) for i in range(len(shape)))
            x = apply("pad", x, low=none, high=high, inner=none, value=0)
            n += 1
        halves = []
        for first in (0, n // 2):
            starts = tuple(first if i == axis else 0 for i in range(len(shape)))
            sizes = tuple(n // 2 if i == axis else k for i, k in enumerate(x._kind.shape))
            steps = (1,) * len(shape)
            halves.append(apply("slice", x, starts=starts, sizes=sizes, steps=steps))
        x = apply("bitwise_xor", *halves)
    return x


def scalar_tensor(
    s: Any, *, dtype: DType | None = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """One number as a tensor of shape (), in the default float dtype unless told: -> ()."""
    return tensor(float(s), dtype=dtype, device=device, requires_grad=requires_grad)


def softmax_backward_data(
    grad_output: Tensor, output: Tensor, dim: int, input_dtype: DType
) -> Tensor:
    """The gradient of softmax from its result: y * (g - sum(g * y))."""
    axis = axis_of("_softmax_backward_data", dim, len(output._kind.shape))
    weighted = apply("mul", grad_output, output)
    total = apply("sum", weighted, axes=(axis,), keepdims=True)
    return cast(apply("sub", weighted, apply("mul", output, total)), input_dtype)


def sum_to_size(self: Tensor, *size: Any) -> Tensor:
    """Summed over the dimensions that broadcasting made: (...) -> size."""
    want = tuple(size[0]) if len(size) == 1 and isinstance(size[0], (tuple, list)) else size
    have = self._kind.shape
    more = len(have) - len(want)
    fits = more >= 0 and all(b in (1, a) for a, b in zip(have[max(more, 0) :], want, strict=False))
    if not fits:
        raise ShapeError(
            message("sum_to_size", "the size does not broadcast to the shape", str(tuple(want)),
                    f"a size that expands to {tuple(have)}", "check the size")
        ).at(user_line())  # fmt: skip
    axes = (*range(more), *(more + i for i, b in enumerate(want) if b == 1 != have[more + i]))
    out = apply("sum", self, axes=axes, keepdims=True) if axes else self
    return apply("reshape", out, shape=tuple(want))


def broadcast_shapes(*shapes: Any) -> tuple[int, ...]:
    """The shape that all shapes broadcast to; ShapeError when there is none."""
    listed = [(s,) if isinstance(s, int) else tuple(s) for s in shapes]
    try:
        return np.broadcast_shapes(*listed)
    except ValueError:
        raise ShapeError(
            message("broadcast_shapes", "the shapes do not broadcast", str(listed),
                    "equal extents or 1", "check which axis is which")
        ).at(user_line()) from None  # fmt: skip


METHODS: dict[str, Callable[..., Any]] = {"sum_to_size": sum_to_size}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "_segment_reduce": segment_reduce, "_softmax_backward_data": softmax_backward_data,
    "broadcast_shapes": broadcast_shapes, "hash_tensor": hash_tensor,
    "scalar_tensor": scalar_tensor, "segment_reduce": segment_reduce,
}  # fmt: skip
