"""NumPy forms of the operators that compute shapes: what is known stays known while jit records.

They also serve values that tensors cannot hold: text, and dtypes like float8.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from firth.onnx.ops.shape import slices, split_sizes, squeezed, unsqueezed
from firth.onnx.registry import host_op
from firth.onnx.values import ints

_PLAIN: dict[str, Callable[..., Any]] = {
    "Add": lambda a, b: a + b, "Sub": lambda a, b: a - b, "Mul": lambda a, b: a * b,
    "Equal": lambda a, b: np.asarray(a == b), "Less": lambda a, b: np.asarray(a < b),
    "Greater": lambda a, b: np.asarray(a > b), "LessOrEqual": lambda a, b: np.asarray(a <= b),
    "GreaterOrEqual": lambda a, b: np.asarray(a >= b), "And": np.logical_and,
    "Or": np.logical_or, "Xor": np.logical_xor, "Not": np.logical_not, "Neg": np.negative,
    "Abs": np.abs, "Floor": np.floor, "Ceil": np.ceil, "Round": np.round, "Sqrt": np.sqrt,
    "Where": lambda c, x, y: np.where(c, x, y), "Identity": lambda x: x,
}  # fmt: skip
_SINCE = {"Add": 7, "Sub": 7, "Mul": 7, "Equal": 7, "Less": 7, "Greater": 7, "And": 7, "Or": 7,
          "Xor": 7}  # fmt: skip


def _kept(rule: Callable[..., Any]) -> Callable[..., Any]:
    def host(*inputs: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            return np.asarray(rule(*inputs))

    return host


for _name, _rule in _PLAIN.items():
    host_op(_name, since=_SINCE.get(_name, 1))(_kept(_rule))


@host_op("Max")
def maximum(*inputs: np.ndarray) -> Any:
    """The largest of all inputs, place by place."""
    out = inputs[0]
    for x in inputs[1:]:
        out = np.maximum(out, x)
    return np.asarray(out)


@host_op("Min")
def minimum(*inputs: np.ndarray) -> Any:
    """The smallest of all inputs, place by place."""
    out = inputs[0]
    for x in inputs[1:]:
        out = np.minimum(out, x)
    return np.asarray(out)


@host_op("Div", since=7)
def divide(a: np.ndarray, b: np.ndarray) -> Any:
    """Integers towards zero."""
    with np.errstate(all="ignore"):
        if a.dtype.kind not in "iu":
            return np.asarray(a / b)
        if not np.all(b):
            raise ZeroDivisionError("integer division by zero")
        whole = np.abs(a) // np.abs(b)
        return np.asarray(np.where((a < 0) != (b < 0), -whole, whole).astype(a.dtype))


@host_op("Mod")
def mod(a: np.ndarray, b: np.ndarray, *, fmod: int = 0) -> Any:
    """The remainder with the sign of the divisor, or with fmod that of the dividend."""
    if a.dtype.kind in "iu" and not np.all(b):
        raise ZeroDivisionError("integer remainder by zero")
    return np.asarray(np.fmod(a, b) if fmod else np.mod(a, b))


@host_op("Reshape", since=5)
def reshape(x: np.ndarray, shape: np.ndarray, *, allowzero: int = 0) -> Any:
    """The elements in another shape."""
    wanted = ints(shape)
    if not allowzero:
        wanted = [x.shape[i] if n == 0 and i < x.ndim else n for i, n in enumerate(wanted)]
    return x.reshape(wanted)


@host_op("Flatten")
def flatten(x: np.ndarray, *, axis: int = 1) -> Any:
    """Two dimensions."""
    axis = axis + x.ndim if axis < 0 else axis
    return x.reshape(math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))


@host_op("Transpose")
def transpose(x: np.ndarray, *, perm: list[int] | None = None) -> Any:
    """The dimensions in another order."""
    return np.transpose(x, perm)


@host_op("Squeeze", since=13)
def squeeze(x: np.ndarray, axes: np.ndarray | None = None) -> Any:
    """Without extents of 1."""
    return x.reshape(squeezed(x.shape, None if axes is None else ints(axes)))


@host_op("Squeeze")
def squeeze_attribute(x: np.ndarray, *, axes: list[int] | None = None) -> Any:
    """Squeeze as it was before opset 13."""
    return x.reshape(squeezed(x.shape, axes))


@host_op("Unsqueeze", since=13)
def unsqueeze(x: np.ndarray, axes: np.ndarray) -> Any:
    """With extents of 1."""
    return x.reshape(unsqueezed(x.shape, ints(axes)))


@host_op("Unsqueeze")
def unsqueeze_attribute(x: np.ndarray, *, axes: list[int]) -> Any:
    """Unsqueeze as it was before opset 13."""
    return x.reshape(unsqueezed(x.shape, axes))


@host_op("Concat")
def concat(*inputs: np.ndarray, axis: int = 1) -> Any:
    """The inputs one behind the other."""
    return np.concatenate(inputs, axis)


@host_op("Split", since=13)
def split(
    x: np.ndarray, split: np.ndarray | None = None, *, axis: int = 0,
    num_outputs: int | None = None, outputs: int,
) -> Any:  # fmt: skip
    """Parts along an axis."""
    n = x.shape[axis]
    sizes = ints(split) if split is not None else split_sizes(n, num_outputs or outputs)
    return tuple(np.split(x, np.cumsum(sizes)[:-1].tolist(), axis))


@host_op("Slice", since=10)
def slice_(
    x: np.ndarray, starts: np.ndarray, ends: np.ndarray, axes: np.ndarray | None = None,
    steps: np.ndarray | None = None,
) -> Any:  # fmt: skip
    """Parts along axes."""
    return x[slices(
        x.shape, ints(starts), ints(ends), None if axes is None else ints(axes),
        None if steps is None else ints(steps),
    )]  # fmt: skip


@host_op("Slice")
def slice_attributes(
    x: np.ndarray, *, starts: list[int], ends: list[int], axes: list[int] | None = None
) -> Any:
    """Slice as it was before opset 10."""
    return x[slices(x.shape, starts, ends, axes, None)]


@host_op("Gather")
def gather(x: np.ndarray, indices: np.ndarray, *, axis: int = 0) -> Any:
    """Slices at positions."""
    return np.take(x, indices.astype(np.int64), axis)


@host_op("Expand")
def expand(x: np.ndarray, shape: np.ndarray) -> Any:
    """Broadcast with a shape."""
    return np.broadcast_to(x, np.broadcast_shapes(x.shape, tuple(ints(shape)))).copy()


@host_op("Tile", since=6)
def tile(x: np.ndarray, repeats: np.ndarray) -> Any:
    """Repeated along each axis."""
    return np.tile(x, ints(repeats))


def _reducing(rule: Callable[..., Any], by_input: bool) -> Callable[..., Any]:
    def host(
        x: np.ndarray, axes: np.ndarray | None = None, *, keepdims: int = 1,
        noop_with_empty_axes: int = 0,
    ) -> Any:  # fmt: skip
        found = None if axes is None else ints(axes)
        if not found and noop_with_empty_axes:
            return x
        return np.asarray(
            rule(x, axis=tuple(found) if found else None, keepdims=bool(keepdims)), x.dtype
        )

    def by_attribute(x: np.ndarray, *, axes: list[int] | None = None, keepdims: int = 1) -> Any:
        return host(x, None if axes is None else np.array(axes), keepdims=keepdims)

    return host if by_input else by_attribute


for _name, _rule in (
    ("ReduceSum", np.sum), ("ReduceProd", np.prod), ("ReduceMax", np.max), ("ReduceMin", np.min)
):  # fmt: skip
    host_op(_name)(_reducing(_rule, False))
    host_op(_name, since=13 if _name == "ReduceSum" else 18)(_reducing(_rule, True))
