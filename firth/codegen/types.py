"""LLVM type and constant text for element types, scalar and vector."""

from __future__ import annotations

import math
import struct
from typing import Final

import numpy as np

from firth.base.dtype import DType

_FLOAT: Final = {32: "float", 64: "double"}
_SUFFIX: Final = {"float": "f32", "double": "f64"}


def scalar_type(dtype: DType) -> str:
    """The type of one element in a register: bool is i1, half types are i16."""
    if dtype.kind == "b":
        return "i1"
    if dtype.kind == "f" and dtype.bits > 16:
        return _FLOAT[dtype.bits]
    return f"i{dtype.bits}"


def memory_type(dtype: DType) -> str:
    """The type of one element in memory: as in a register, but bool is i8."""
    return "i8" if dtype.kind == "b" else scalar_type(dtype)


def widen(element: str, lanes: int) -> str:
    """The type of `lanes` elements: the element itself for one lane."""
    return element if lanes == 1 else f"<{lanes} x {element}>"


def register_type(dtype: DType, lanes: int = 1) -> str:
    """The type of `lanes` elements in a register.

    >>> from firth.base import dtype as dt
    >>> register_type(dt.float32, 8), register_type(dt.bool_)
    ('<8 x float>', 'i1')
    """
    return widen(scalar_type(dtype), lanes)


def suffix(element: str, lanes: int = 1) -> str:
    """The mangled name of a type in an intrinsic: float -> f32, <8 x i32> -> v8i32."""
    name = _SUFFIX.get(element, element)
    return name if lanes == 1 else f"v{lanes}{name}"


def float_bits(value: float, dtype: DType) -> int:
    """The bits of a number rounded to a float dtype."""
    if dtype.bits > 16:
        return int.from_bytes(_packed(value, dtype), "little")
    with np.errstate(over="ignore", invalid="ignore"):
        raw = np.asarray(value, np.float64).astype(dtype.np).tobytes()
    return int.from_bytes(raw, "little")


def _packed(value: float, dtype: DType) -> bytes:
    """The bytes of a float32 or float64, little end first; too large a number is infinite."""
    try:
        return struct.pack("<f" if dtype.bits == 32 else "<d", value)
    except OverflowError:
        return struct.pack("<f", math.copysign(math.inf, value))


def literal(value: bool | int | float, dtype: DType) -> str:
    """One element as text. Floats are written as bits, so that NaN, infinity and -0 are exact."""
    if dtype.kind == "b":
        return "true" if value else "false"
    if dtype.kind == "f":
        if dtype.bits == 16:
            return str(float_bits(value, dtype))
        if dtype.bits == 32:
            (value,) = struct.unpack("<f", _packed(value, dtype))
        return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"
    wrapped = int(value) & ((1 << dtype.bits) - 1)
    if wrapped >> (dtype.bits - 1):
        wrapped -= 1 << dtype.bits
    return str(wrapped)


def spread(text: str, element: str, lanes: int) -> str:
    """A constant's text repeated in every lane.

    >>> spread("7", "i32", 4)
    'splat (i32 7)'
    """
    return text if lanes == 1 else f"splat ({element} {text})"


def constant(value: bool | int | float, dtype: DType, lanes: int = 1) -> str:
    """A number in every lane, as text that may stand where a register may."""
    return spread(literal(value, dtype), scalar_type(dtype), lanes)
