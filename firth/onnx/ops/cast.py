"""Casts, between all dtypes of the format: text, float8, int4 and the like are cast by NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from firth.onnx.registry import host_op, op
from firth.onnx.values import NARROW, as_array, dtype_of, element, firth_dtype
from firth.tensor import Tensor


@op("Cast", foreign=True)
def cast(x: Any, *, to: int, saturate: int = 1, round_mode: str = "up") -> Any:
    """x in another dtype. Too large for a narrow float: its largest, or infinite unsaturated."""
    return cast_to(x, element(to), bool(saturate), round_mode)


@op("CastLike", foreign=True)
def cast_like(x: Any, like: Any, *, saturate: int = 1, round_mode: str = "up") -> Any:
    """x in the dtype of another."""
    return cast_to(x, dtype_of(like), bool(saturate), round_mode)


@host_op("Cast")
def host_cast(x: np.ndarray, *, to: int, saturate: int = 1, round_mode: str = "up") -> Any:
    """Cast of an array."""
    return cast_array(x, element(to), bool(saturate), round_mode)


@host_op("CastLike")
def host_cast_like(
    x: np.ndarray, like: np.ndarray, *, saturate: int = 1, round_mode: str = "up"
) -> Any:
    """CastLike of arrays."""
    return cast_array(x, like.dtype, bool(saturate), round_mode)


def cast_to(x: Any, kind: np.dtype[Any], saturate: bool, round_mode: str) -> Any:
    """A tensor in a dtype of tensors; anything else by NumPy."""
    found = firth_dtype(kind)
    if isinstance(x, Tensor) and found is not None:
        return x.to(found)
    return cast_array(as_array(x), kind, saturate, round_mode)


def cast_array(
    x: np.ndarray, kind: np.dtype[Any], saturate: bool = True, round_mode: str = "up"
) -> np.ndarray:
    """An array in any dtype of the format."""
    if x.dtype == kind:
        return x
    if kind.hasobject:
        return _text(x)
    if x.dtype.hasobject:
        return _number(x, kind)
    with np.errstate(all="ignore"):
        if kind.name == "float8_e8m0fnu":
            return _exponent(x, saturate, round_mode)
        if kind.name.startswith("float8"):
            return _narrow_float(x, kind, saturate)
        if kind in NARROW and kind.name.startswith(("int", "uint")):
            return _narrow_integer(x, kind)
        if x.dtype in NARROW and kind.kind in "iub":
            return x.astype(np.float32).astype(kind)
        return x.astype(kind)


def _text(x: np.ndarray) -> np.ndarray:
    wide = x.astype(np.float32) if x.dtype in NARROW or x.dtype.name == "bfloat16" else x
    return np.array([str(v) for v in wide.reshape(-1)], object).reshape(x.shape)


def _number(x: np.ndarray, kind: np.dtype[Any]) -> np.ndarray:
    if kind.kind in "iu" and kind not in NARROW:
        return np.array([int(v) for v in x.reshape(-1)], kind).reshape(x.shape)
    wide = np.array([float(v) for v in x.reshape(-1)], np.float64).reshape(x.shape)
    return wide.astype(kind) if kind.kind in "fb" else cast_array(wide.astype(np.float32), kind)


def _narrow_integer(x: np.ndarray, kind: np.dtype[Any]) -> np.ndarray:
    """Integers of 2 and 4 bits: the lowest bits of the whole part."""
    bits = 4 if "4" in kind.name else 2
    whole = np.trunc(x.astype(np.float64)).astype(np.int64)
    low = whole & ((1 << bits) - 1)
    if kind.name.startswith("int"):
        low = np.where(low >= 1 << (bits - 1), low - (1 << bits), low)
    return low.astype(np.int8).astype(kind)


def _narrow_float(x: np.ndarray, kind: np.dtype[Any], saturate: bool) -> np.ndarray:
    import ml_dtypes

    wide = x.astype(np.float32)
    if not saturate:
        return wide.astype(kind)
    largest = float(ml_dtypes.finfo(kind).max)
    infinite = np.isinf(wide)
    held = np.where(np.isnan(wide), wide, wide.clip(-largest, largest))
    out = held.astype(kind)
    return np.where(infinite, np.copysign(np.float32(largest), wide).astype(kind), out)


def _exponent(x: np.ndarray, saturate: bool, round_mode: str) -> np.ndarray:
    """The power of two of a magnitude, its exponent with 8 bits and a bias of 127."""
    import ml_dtypes

    wide = np.abs(x.astype(np.float32))
    bits = wide.view(np.uint32)
    exponent = (bits >> 23).astype(np.int32)
    fraction = bits & 0x7FFFFF
    if round_mode == "up":
        raised = fraction > 0
    elif round_mode == "nearest":
        raised = fraction >= 0x400000
    else:
        raised = np.zeros_like(bits, bool)
    code = exponent + raised
    code = np.minimum(code, 254) if saturate else np.minimum(code, 255)
    code = np.where(np.isnan(wide), 255, code)
    return code.astype(np.uint8).view(ml_dtypes.float8_e8m0fnu).reshape(x.shape)
