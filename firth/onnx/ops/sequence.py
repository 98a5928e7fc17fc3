"""Sequences (lists of values) and optionals (a value or None)."""

from __future__ import annotations

from typing import Any

import numpy as np

import firth
from firth.base.errors import ArgumentError, message
from firth.onnx.ops.shape import split_sizes
from firth.onnx.registry import op
from firth.onnx.values import as_array, ints
from firth.tensor import Tensor


@op("SequenceEmpty")
def sequence_empty(*, dtype: int = 1) -> Any:
    """A sequence of nothing."""
    return ([],)


@op("SequenceConstruct", raw=True)
def sequence_construct(*inputs: Any) -> Any:
    """A sequence of the inputs."""
    return (list(inputs),)


def _position(name: str, values: list[Any], position: Any, extra: int = 0) -> int:
    n = len(values)
    place = n if position is None else int(np.asarray(position).reshape(-1)[0])
    if not -n <= place < n + extra:
        raise ArgumentError(
            message(name, "there is no such position", str(place), f"{-n} to {n + extra - 1}",
                    "check the position")
        )  # fmt: skip
    return place


@op("SequenceAt", host=(1,))
def sequence_at(values: list[Any], position: np.ndarray) -> Any:
    """The value at a position."""
    return (values[_position("SequenceAt", values, position)],)


@op("SequenceInsert", host=(2,), raw=True)
def sequence_insert(values: list[Any], value: Any, position: np.ndarray | None = None) -> Any:
    """A sequence with one more value, at the end or before a position."""
    out = list(values)
    out.insert(_position("SequenceInsert", values, position, 1), value)
    return (out,)


@op("SequenceErase", host=(1,))
def sequence_erase(values: list[Any], position: np.ndarray | None = None) -> Any:
    """A sequence without one value, the last one or that at a position."""
    out = list(values)
    out.pop(-1 if position is None else _position("SequenceErase", values, position))
    return (out,)


@op("SequenceLength")
def sequence_length(values: list[Any]) -> Any:
    """How many values there are."""
    return np.array(len(values), np.int64)


@op("SplitToSequence", host=(1,))
def split_to_sequence(
    x: Tensor, split: np.ndarray | None = None, *, axis: int = 0, keepdims: int = 1
) -> Any:
    """Parts along an axis: of one element, of one size, or of the sizes given."""
    axis %= x.ndim
    n = x.shape[axis]
    if split is None:
        parts = [x.narrow(axis, i, 1) for i in range(n)]
        return (parts if keepdims else [p.squeeze(axis) for p in parts],)
    sizes = split_sizes(n, -(-n // int(split))) if split.ndim == 0 else ints(split)
    if split.ndim == 0:
        sizes = [min(int(split), n - i) for i in range(0, n, int(split))]
    starts = np.cumsum([0, *sizes])
    return ([x.narrow(axis, int(s), k) for s, k in zip(starts, sizes, strict=False)],)


@op("ConcatFromSequence")
def concat_from_sequence(values: list[Any], *, axis: int, new_axis: int = 0) -> Any:
    """The values one behind the other, along an axis there is or a new one."""
    if any(isinstance(v, np.ndarray) for v in values):
        arrays = [as_array(v) for v in values]
        return np.stack(arrays, axis) if new_axis else np.concatenate(arrays, axis)
    return firth.stack(values, axis) if new_axis else firth.cat(values, axis)


@op("SequenceMap", raw=True)
def sequence_map(first: Any, *others: Any, body: Any) -> Any:
    """The body applied to each value of a sequence, along with other sequences or values."""
    rows = []
    for i, value in enumerate(first):
        rows.append(body(value, *(o[i] if isinstance(o, list) else o for o in others)))
    if not rows:
        return tuple([] for _ in range(body.outputs))
    return tuple(list(column) for column in zip(*rows, strict=True))


@op("Optional", raw=True)
def optional(value: Any = None, *, type: Any = None) -> Any:
    """A value that may be absent."""
    return (value,)


@op("OptionalHasElement", raw=True)
def optional_has_element(value: Any = None) -> Any:
    """Whether there is a value."""
    return np.array(value is not None)


@op("OptionalGetElement", raw=True)
def optional_get_element(value: Any) -> Any:
    """The value, which must be there."""
    if value is None:
        raise ArgumentError(
            message("OptionalGetElement", "the optional is empty", "nothing", "a value",
                    "ask OptionalHasElement first")
        )  # fmt: skip
    return (value,)
