"""Numbers as tensors of shape () whose value may become a run-time input."""

from __future__ import annotations

import math
from typing import Any

from firth.base.dtype import DType
from firth.tensor.handle import Tensor
from firth.tensor.record import apply


def number_of(value: bool | int | float, dtype: DType) -> Tensor:
    """A number in a dtype: -> () dtype. A number that differs the second time is no constant."""
    number: Any = value
    if dtype.kind in "iu" and isinstance(value, float):
        number = int(value) if math.isfinite(value) else 0
    elif dtype.kind == "b":
        number = bool(value)
    return apply("add", apply("full", shape=(), value=0, dtype=dtype), number)
