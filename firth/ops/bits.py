"""Elementwise ops on the bits of floats: signs and neighbours."""

from __future__ import annotations

import math

import numpy as np

from firth.base import dtype as dt
from firth.ir.op import Expr
from firth.ops.elementwise import (
    abs,
    bitcast,
    equal,
    less,
    maximum,
    minimum,
    not_equal,
    sqrt,
    where,
)
from firth.ops.operands import elementwise, floating, numbers
from firth.ops.rules import FLOATS, LOOSE, NUMBERS, uniform, zeros_like

_INTEGERS = {
    dt.float64: dt.int64, dt.float32: dt.int32, dt.float16: dt.int16, dt.bfloat16: dt.int16,
}  # fmt: skip


def _pair(text: str) -> str:
    return f"{text}, element by element, with broadcasting: x (...), y (...) float -> (...)."


def negative(x: Expr) -> Expr:
    """Where the sign of a float is minus, that of -0 and of NaN included."""
    return less(bitcast(x, dtype=_INTEGERS[x.dtype]), 0)


signbit = elementwise(
    "signbit", np.signbit, operands=numbers, to_bool=True,
    doc="Whether the sign is minus, that of -0.0 included: x (...) number -> (...) bool.",
    lower=lambda x: negative(x) if x.dtype.kind == "f" else less(x, 0),
    sample=uniform((-8, 8), dtypes=NUMBERS),
)  # fmt: skip


def _copysign_vjp(g: Expr, y: Expr, a: Expr, b: Expr) -> tuple[Expr, Expr]:
    same = equal(negative(a), negative(b))
    return where(equal(a, 0), 0, where(same, g, -g)), where(equal(b, b), 0, 0) * g


copysign = elementwise(
    "copysign", np.copysign, arity=2, operands=floating,
    doc=_pair("The size of x with the sign of y"),
    lower=lambda x, y: where(negative(y), -abs(x), abs(x)),
    vjp=_copysign_vjp, sample=uniform((-8, 8), (-8, 8)),
)  # fmt: skip


def _hypot_lower(x: Expr, y: Expr) -> Expr:
    """big * sqrt(1 + (small / big)^2): nothing overflows that need not; infinity beats NaN."""
    a, b = abs(x), abs(y)
    big, small = maximum(a, b), minimum(a, b)
    ratio = small / where(equal(big, 0), 1, big)
    infinite = equal(a, np.inf) | equal(b, np.inf)
    return where(infinite, np.inf, big * sqrt(ratio * ratio + 1.0))


hypot = elementwise(
    "hypot", np.hypot, arity=2, operands=floating, lower=_hypot_lower, tolerance=LOOSE,
    doc=_pair("sqrt(x * x + y * y) without overflow"),
    vjp=lambda g, z, x, y: (g * x / z, g * y / z), sample=uniform((0.5, 8), (0.5, 8)),
)  # fmt: skip


def _nextafter_lower(x: Expr, y: Expr) -> Expr:
    """Neighbouring floats have neighbouring bits; towards y is up in size or down."""
    integer = _INTEGERS[x.dtype]
    bits = bitcast(x, dtype=integer)
    larger = equal(less(x, y), less(0, x))
    moved = bitcast(where(larger, bits + 1, bits - 1), dtype=x.dtype)
    lowest = int(np.iinfo(integer.np).min)
    tiny = bitcast(where(less(y, 0), lowest + 1, zeros_like(bits) + 1), dtype=x.dtype)
    found = where(equal(x, y), y, where(equal(x, 0), tiny, moved))
    return where(not_equal(x, x) | not_equal(y, y), math.nan, found)


nextafter = elementwise(
    "nextafter", lambda x, y: np.nextafter(x, y), arity=2, operands=floating, exact=True,
    doc=_pair("The float beside x on the way to y"), lower=_nextafter_lower,
    vjp=lambda g, z, x, y: (where(equal(x, y), 0, g), where(equal(x, y), g, 0)),
    sample=uniform((-8, 8), (-8, 8)), tolerance=dict.fromkeys(FLOATS, 0.0),
)  # fmt: skip
