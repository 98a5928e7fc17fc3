"""Sources: values that come from nowhere, and the fills made of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from firth.base.dtype import DType, int64
from firth.base.errors import RecordingError, ShapeError, message
from firth.ir.node import Shape
from firth.ir.op import CONST, INPUT, TABLE, Expr, declare
from firth.ops.rules import ANY, NUMBERS, cases, composed, expand_to, filled, reshape, round_to

INDEX = int64
const = CONST
input_ = INPUT


def _extent(name: str, n: int) -> int:
    if n < 0:
        raise ShapeError(
            message(name, "an extent is negative", str(n), "0 or more", "check the size")
        )
    return n


iota = declare(
    "iota", family="source", arity=0, attrs=("extent", "dtype"),
    doc="0, 1, 2, ... wrapping at the dtype's limits: -> (extent) number.",
    shape=lambda extent, dtype: (_extent("iota", extent),),
    dtype=lambda extent, dtype: dtype,
    ref=lambda extent, dtype: round_to(np.arange(extent, dtype=np.int64), dtype)
    if dtype.kind == "f" else np.arange(extent, dtype=np.int64).astype(dtype.np),
    vjp=lambda g, y, **_: (),
    sample=cases(lambda make, rng, d: [({"extent": n, "dtype": d},) for n in (0, 1, 5)], NUMBERS),
)  # fmt: skip


def _escaped(shape: Shape, dtype: DType) -> Any:
    raise RecordingError(
        message("vmap", "a value of one example was kept outside", f"shape {shape}",
                "results that are returned", "return it from the function that is batched")
    )  # fmt: skip


stand_in = declare(
    "stand_in", family="source", arity=0, attrs=("shape", "dtype"),
    doc="One example of a batch while a function of one example is recorded; it has no value.",
    shape=lambda shape, dtype: shape, dtype=lambda shape, dtype: dtype, ref=_escaped,
)  # fmt: skip


def _fixed(shape: Shape) -> Any:
    return tuple(_extent("full", n) for n in shape)


full = composed(
    "full", arity=0, attrs=("shape", "value", "dtype"),
    doc="One number everywhere: -> (shape) dtype.",
    shape=lambda shape, value, dtype: _fixed(shape),
    dtype=lambda shape, value, dtype: dtype,
    ref=lambda shape, value, dtype: np.full(shape, np.asarray(value).astype(dtype.np)),
    vjp=lambda g, y, **_: (),
    lower=lambda shape, value, dtype: filled(value, shape, dtype),
    sample=cases(lambda make, rng, d: [
        ({"shape": s, "value": True if d.kind == "b" else 3, "dtype": d},)
        for s in ((), (0,), (2, 3))], ANY),
)  # fmt: skip


def _arange(start: float, step: float, extent: int, dtype: DType) -> Expr:
    if dtype.is_integer:
        return expand_to(filled(start, (), dtype), (extent,)) + iota(
            extent=extent, dtype=dtype
        ) * int(step)
    return (iota(extent=extent, dtype=dtype) * float(step)) + float(start)


arange = composed(
    "arange", arity=0, attrs=("start", "step", "extent", "dtype"),
    doc="start + i * step for i below extent: -> (extent) number.",
    shape=lambda start, step, extent, dtype: (_extent("arange", extent),),
    dtype=lambda start, step, extent, dtype: dtype,
    ref=lambda start, step, extent, dtype: start + np.arange(extent) * step,
    vjp=lambda g, y, **_: (), lower=_arange,
    sample=cases(lambda make, rng, d: [
        ({"start": 1, "step": 2, "extent": n, "dtype": d},) for n in (0, 1, 7)], NUMBERS),
)  # fmt: skip


def _linspace(start: float, stop: float, extent: int, dtype: DType) -> Expr:
    # From both ends, so that the last element is `stop` exactly.
    i = iota(extent=extent, dtype=dtype)
    step = (stop - start) / max(extent - 1, 1)
    from_start, from_stop = i * step + float(start), (i - (extent - 1) * 1.0) * step + float(stop)
    return TABLE["where"](i < extent * 0.5, from_start, from_stop)


linspace = composed(
    "linspace", arity=0, attrs=("start", "stop", "extent", "dtype"),
    doc="Evenly spaced from start to stop, both included: -> (extent) float.",
    shape=lambda start, stop, extent, dtype: (_extent("linspace", extent),),
    dtype=lambda start, stop, extent, dtype: dtype,
    ref=lambda start, stop, extent, dtype: np.linspace(start, stop, extent),
    vjp=lambda g, y, **_: (), lower=_linspace,
    sample=cases(lambda make, rng, d: [
        ({"start": -1.0, "stop": 2.5, "extent": n, "dtype": d},) for n in (0, 1, 2, 7)]),
)  # fmt: skip


def _eye(rows: int, columns: int, dtype: DType) -> Expr:
    i = reshape(iota(extent=rows, dtype=INDEX), (rows, 1))
    j = reshape(iota(extent=columns, dtype=INDEX), (1, columns))
    return TABLE["cast"](TABLE["equal"](i, j), dtype=dtype)


eye = composed(
    "eye", arity=0, attrs=("rows", "columns", "dtype"),
    doc="1 on the diagonal, 0 elsewhere: -> (rows, columns) dtype.",
    shape=lambda rows, columns, dtype: (_extent("eye", rows), _extent("eye", columns)),
    dtype=lambda rows, columns, dtype: dtype,
    ref=lambda rows, columns, dtype: np.eye(rows, columns),
    vjp=lambda g, y, **_: (), lower=_eye,
    sample=cases(lambda make, rng, d: [
        ({"rows": n, "columns": m, "dtype": d},) for n, m in ((0, 2), (3, 3), (2, 4))], ANY),
)  # fmt: skip
