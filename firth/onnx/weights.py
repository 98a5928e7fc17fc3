"""What becomes of a value that is stored in a file: a parameter, a buffer, or an array."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from firth.onnx.registry import OnnxOp
from firth.onnx.values import firth_dtype

SMALL = 1024  # elements of integers that stay arrays: shapes, axes, indices
_LOWEST = 1e30  # masks add the lowest number there is, or minus infinity
_ARITHMETIC = frozenset({
    "Add", "Sub", "Mul", "Div", "Pow", "Mod", "Max", "Min", "Sum", "Mean", "Sqrt", "Reciprocal",
    "Less", "Greater", "Equal", "LessOrEqual", "GreaterOrEqual", "Where", "Expand", "Cast",
    "Identity", "Clip", "Reshape", "Unsqueeze",
})  # fmt: skip
_PRODUCTS = frozenset({"MatMul", "Conv", "ConvTranspose", "Gemm", "Einsum"})

Role = Literal["parameter", "buffer", "array"]


@dataclass(slots=True)
class Use:
    """One reader of a stored value: its operator (None for a function), the position, and the
    operators that make its other inputs."""

    op: OnnxOp | None
    position: int
    beside: frozenset[str]


@dataclass(slots=True)
class Constant:
    """A stored value and its readers. weight: an initializer, not a Constant node."""

    array: np.ndarray
    weight: bool
    uses: list[Use] = field(default_factory=list)


def role(name: str, constant: Constant, trained: Callable[[str], bool] | None) -> Role:
    """Parameters are floats that something is learned in; small integers and lone numbers stay
    arrays, so that shapes computed from them are known while jit records."""
    array, uses = constant.array, constant.uses
    kind = firth_dtype(array.dtype)
    if kind is None or (uses and all(u.op is not None and u.op.reads(u.position) for u in uses)):
        return "array"
    floats = kind.kind == "f"
    if floats and trained is not None and trained(name):
        return "parameter"
    lone = array.size == 1 and (array.ndim == 0 or _plain_number(uses))
    if array.size <= SMALL and (not floats or not constant.weight or lone):
        return "buffer" if kind.name == "bfloat16" else "array"
    if trained is not None or not constant.weight or not floats:
        return "buffer"
    measured = uses and all(u.op is not None and u.position in u.op.statistics for u in uses)
    return "buffer" if measured or _is_mask(array) else "parameter"


def _plain_number(uses: list[Use]) -> bool:
    """Whether one element is a number of a formula, not a bias after a product."""
    return bool(uses) and all(
        u.op is not None and u.op.name in _ARITHMETIC
        and not (u.op.name == "Add" and u.beside & _PRODUCTS) for u in uses
    )  # fmt: skip


def _is_mask(array: np.ndarray) -> bool:
    with np.errstate(all="ignore"):
        return bool((~(np.abs(array.astype(np.float64)) < _LOWEST)).any())
