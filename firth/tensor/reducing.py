"""What scatter_reduce and index_reduce share: a source put in with a reduction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from firth.base.dtype import DType
from firth.base.errors import ArgumentError, message
from firth.tensor.creation import full
from firth.tensor.handle import Tensor
from firth.tensor.record import apply, user_line

_MODES = {
    "sum": "add", "prod": "multiply", "mean": "add", "amax": "maximum", "amin": "minimum",
    None: "set",
}  # fmt: skip


def _neutral(reduce: str, kind: DType) -> Any:
    if reduce in ("sum", "mean"):
        return 0
    if reduce == "prod":
        return 1
    low = reduce == "amax"
    if kind.kind == "f":
        return float("-inf") if low else float("inf")
    info = np.iinfo(kind.np)
    return int(info.min if low else info.max)


def reduced(
    x: Tensor, source: Tensor, indices: Sequence[Tensor], axes: tuple[int, ...], reduce: str | None,
    include_self: bool,
) -> Tensor:  # fmt: skip
    """x with the source put in at places along axes, reduced with what is there or not."""
    kind = x._kind.dtype
    if reduce is None:
        return apply("scatter", x, source, *indices, axes=axes, mode="set")
    start = x
    if not include_self:
        neutral = apply("full", shape=tuple(source._kind.shape), value=_neutral(reduce, kind),
                        dtype=kind)  # fmt: skip
        start = apply("scatter", x, neutral, *indices, axes=axes, mode="set")
    out = apply("scatter", start, source, *indices, axes=axes, mode=_MODES[reduce])
    if reduce != "mean":
        return out
    first = full(x._kind.shape, 1 if include_self else 0, dtype=kind)
    ones = full(source._kind.shape, 1, dtype=kind)
    if not include_self:
        zeros = full(source._kind.shape, 0, dtype=kind)
        first = apply("scatter", full(x._kind.shape, 1, dtype=kind), zeros, *indices, axes=axes,
                      mode="set")  # fmt: skip
    count = apply("scatter", first, ones, *indices, axes=axes, mode="add")
    return apply("div" if kind.kind in "fc" else "floor_divide", out, count)


def check_reduction(op: str, reduce: str) -> None:
    """ArgumentError for a reduction that there is not."""
    if reduce not in _MODES or reduce is None:
        raise ArgumentError(
            message(op, "no such reduction", repr(reduce), "sum, prod, mean, amax or amin",
                    "use 'sum'")
        ).at(user_line())  # fmt: skip
