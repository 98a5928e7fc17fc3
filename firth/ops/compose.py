"""Elementwise ops with bodies: comparisons, arithmetic and special functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from firth.base.dtype import DType
from firth.ir.op import TABLE, Expr
from firth.ops.elementwise import (
    abs,
    atan,
    div,
    equal,
    erf,
    every,
    exp,
    expm1,
    floor_divide,
    less,
    less_equal,
    log,
    log1p,
    maximum,
    minimum,
    not_equal,
    pow,
    pow_vjp,
    remainder,
    round,
    shift_right,
    sqrt,
    sub,
    trunc,
    where,
)
from firth.ops.logic import isfinite, isinf
from firth.ops.operands import chosen, elementwise, floating
from firth.ops.rules import (
    ANY_NUMBER,
    FLOATS,
    INEXACT,
    LOOSE,
    NUMBERS,
    SIGNED,
    Case,
    Samples,
    array,
    cast,
    conj,
    filled,
    uniform,
    with_attrs,
    zeros_like,
)

_ONE = " element by element: x (...) float -> (...)."


def _two(text: str, kind: str = "number") -> str:
    return f"{text}, with broadcasting: x (...), y (...) {kind} -> (...)."


# --- arithmetic -----------------------------------------------------------------------------------


def _flat(g: Expr, y: Expr, x: Expr) -> tuple[Expr, ...]:
    return (zeros_like(g),)


def _sign_ref(x: np.ndarray) -> Any:
    if x.dtype.kind == "c":
        return np.sign(x)
    return np.where(x > 0, 1, np.where(x < 0, -1, 0)).astype(x.dtype)


def _sign_vjp(g: Expr, y: Expr, x: Expr) -> tuple[Expr]:
    """What changes the length of a complex x changes nothing; 0 of real x."""
    if not x.dtype.is_complex:
        return (zeros_like(g),)
    along = TABLE["real"](g * conj(y)) * y
    return (where(equal(x, 0), 0, (g - along) / abs(where(equal(x, 0), 1, x))),)


sign = elementwise(
    "sign", _sign_ref,
    doc="-1, 0 or 1, and 0 for NaN; x / |x| of complex numbers, element by element: "
    "x (...) number -> (...).",
    vjp=_sign_vjp, holomorphic=False, sample=uniform((-8, 8), dtypes=ANY_NUMBER),
    lower=lambda x: sub(cast(less(0, x), x.dtype), cast(less(x, 0), x.dtype)),
)  # fmt: skip
square = elementwise(
    "square", lambda x: x * x, doc="x * x, element by element: x (...) number -> (...).",
    vjp=lambda g, y, x: (g * x * 2.0,), lower=lambda x: x * x,
    sample=uniform((-8, 8), dtypes=ANY_NUMBER),
)  # fmt: skip
reciprocal = elementwise(
    "reciprocal", np.reciprocal, operands=floating, doc=f"1 / x,{_ONE}",
    vjp=lambda g, y, x: (-g * y * y,), lower=lambda x: div(1.0, x),
    sample=uniform((0.5, 8), dtypes=INEXACT),
)  # fmt: skip
rsqrt = elementwise(
    "rsqrt", lambda x: 1 / np.sqrt(x), operands=floating, doc=f"1 / sqrt(x),{_ONE}",
    vjp=lambda g, y, x: (g * y * y * y * -0.5,), lower=lambda x: div(1.0, sqrt(x)),
    sample=uniform((0.5, 8), dtypes=INEXACT),
)  # fmt: skip


def _trunc_ref(x: np.ndarray, y: np.ndarray) -> Any:
    if x.dtype.kind == "f":
        return np.trunc(x / y)
    quotient = floor_divide.ref(x, y)
    inexact = remainder.ref(x, y) != 0
    return quotient + (inexact & ((x < 0) != (y < 0))).astype(x.dtype)


def _trunc_lower(x: Expr, y: Expr) -> Expr:
    if x.dtype.kind == "f":
        return trunc(x / y)
    up = not_equal(remainder(x, y), 0) & not_equal(less(x, 0), less(y, 0))
    return floor_divide(x, y) + cast(up, x.dtype)


def _floor_ref(x: np.ndarray, y: np.ndarray) -> Any:
    return np.floor_divide(x, y) if x.dtype.kind == "f" else floor_divide.ref(x, y)


def _floor_lower(x: Expr, y: Expr) -> Expr:
    """For floats from the remainder, which is exact; x / y may round up to the next whole."""
    if x.dtype.kind != "f":
        return floor_divide(x, y)
    whole = round((x - remainder(x, y)) / y)
    opposite = less(x, 0) & less(0, y) | less(0, x) & less(y, 0)
    whole = where(isinf(y) & isfinite(x), where(opposite, -1.0, 0.0), whole)
    return where(equal(y, 0), x / y, where(isinf(x), math.nan, whole))


def _no_slope(g: Expr, y: Expr, a: Expr, b: Expr) -> tuple[Expr, ...]:
    return zeros_like(g), zeros_like(g)


div_trunc = elementwise(
    "div_trunc", _trunc_ref, arity=2, vjp=_no_slope, lower=_trunc_lower,
    doc=_two("The whole number from x / y towards 0; integer zeros raise ZeroDivisionError"),
    sample=uniform((-8, 8), (1, 5), dtypes=NUMBERS),
)  # fmt: skip
div_floor = elementwise(
    "div_floor", _floor_ref, arity=2, vjp=_no_slope, lower=_floor_lower,
    doc=_two("The whole number at or below x / y, what `//` means; integer zeros raise "
             "ZeroDivisionError"),
    sample=uniform((-8, 8), (1, 5), dtypes=NUMBERS),
)  # fmt: skip


def _fmod_ref(x: np.ndarray, y: np.ndarray) -> Any:
    if x.dtype.kind == "f":
        return np.fmod(x, y)
    remainder.ref(x, y)  # raises for zeros
    return np.fmod(x, y)


def _fmod_lower(x: Expr, y: Expr) -> Expr:
    if x.dtype.kind == "u":
        return remainder(x, y)
    if x.dtype.kind == "f":
        size = remainder(abs(x), abs(y))
        return where(less(x, 0), -size, size)
    r = remainder(x, y)
    return where(not_equal(r, 0) & not_equal(less(x, 0), less(y, 0)), r - y, r)


fmod = elementwise(
    "fmod", _fmod_ref, arity=2, lower=_fmod_lower,
    vjp=lambda g, y, a, b: (g, -g * trunc(a / b)),
    doc=_two("The remainder of x / y with the sign of x; integer zeros raise ZeroDivisionError"),
    sample=uniform((-8, 8), (1, 5), dtypes=NUMBERS),
)  # fmt: skip


def _power_ref(x: np.ndarray, y: np.ndarray) -> Any:
    if x.dtype.kind in "fc":
        return np.power(x, y)
    result, base, left = np.ones_like(x * y), x + np.zeros_like(y), y + np.zeros_like(x)
    for _ in range(x.dtype.itemsize * 8):
        result = np.where(left & 1, result * base, result)
        base, left = base * base, left >> np.ones_like(left)
    if x.dtype.kind == "u":
        return result
    odd = np.where(y & 1, -1, 1).astype(x.dtype)
    below = np.where(x == 1, 1, np.where(x == -1, odd, 0)).astype(x.dtype)
    return np.where(y < 0, below, result)


def _power_lower(x: Expr, y: Expr) -> Expr:
    if x.dtype.kind in "fc":
        return pow(x, y)
    result: Expr | None = None
    base, left = x, y
    bits = x.dtype.bits - (x.dtype.kind == "i")
    for i in range(bits):
        factor = where(not_equal(left & 1, 0), base, 1)
        result = factor if result is None else result * factor
        if i + 1 < bits:
            base, left = base * base, shift_right(left, 1)
    assert result is not None
    if x.dtype.kind == "u":
        return result
    below = where(equal(x, 1), 1, where(equal(x, -1), where(not_equal(y & 1, 0), x, 1), 0))
    return where(less(y, 0), below, result)


power = elementwise(
    "power", _power_ref, arity=2, lower=_power_lower, vjp=pow_vjp,
    doc=_two("x to the power y, integers exactly (wrapping; a negative power truncates)"),
    sample=uniform((0.2, 3), (0, 3), dtypes=ANY_NUMBER), tolerance=pow.tolerance,
)  # fmt: skip


def _integer_pow(x: Any, exponent: int) -> Any:
    result, base, left = None, x, exponent
    while left:
        if left & 1:
            result = base if result is None else result * base
        left >>= 1
        base = base * base if left else base
    return result


def _integer_pow_ref(x: np.ndarray, exponent: int) -> Any:
    return _power_ref(x, np.full_like(x, exponent))


def _integer_pow_lower(x: Expr, exponent: int) -> Expr:
    if exponent == 0:
        return filled(1, x.shape, x.dtype)
    if exponent > 0:
        found: Expr = _integer_pow(x, exponent)
        return found
    if x.dtype.kind in "fc":
        return div(1.0, _integer_pow(x, -exponent))
    return where(equal(x, 1), 1, where(equal(x, -1), 1 - 2 * (exponent % 2), 0))


def _integer_pow_vjp(g: Expr, y: Expr, x: Expr, exponent: int) -> tuple[Expr]:
    if exponent in (0, 1):
        return (g if exponent else zeros_like(g),)
    return (g * integer_pow(x, exponent=exponent - 1) * float(exponent),)


integer_pow = elementwise(
    "integer_pow", _integer_pow_ref, attrs=("exponent",),
    doc="x to a fixed whole power by squaring, element by element: x (...) number -> (...).",
    vjp=_integer_pow_vjp, lower=_integer_pow_lower, tolerance=LOOSE,
    sample=with_attrs(uniform((0.5, 2), dtypes=(*INEXACT, *SIGNED)),
                       *({"exponent": n} for n in (0, 1, 2, 3, 5, 10, -1, -2))),
)  # fmt: skip


def _clamp_lower(x: Expr, min: float | None, max: float | None) -> Expr:
    if min is not None:
        x = maximum(x, min)
    return x if max is None else minimum(x, max)


def _clamp_ref(x: np.ndarray, min: float | None, max: float | None) -> Any:
    y = x if min is None else np.maximum(x, np.asarray(min).astype(x.dtype))
    return y if max is None else np.minimum(y, np.asarray(max).astype(x.dtype))


def _clamp_vjp(g: Expr, y: Expr, x: Expr, min: Any, max: Any) -> tuple[Expr]:
    if min is not None:
        g = where(less_equal(min, x), g, 0)
    return (g if max is None else where(less_equal(x, max), g, 0),)


clamp = elementwise(
    "clamp", _clamp_ref, attrs=("min", "max"), defaults={"min": None, "max": None},
    doc="x no lower than min and no higher than max (either may be None): x (...) number -> (...).",
    vjp=_clamp_vjp, lower=_clamp_lower,
    sample=with_attrs(uniform((-8, 8), dtypes=(*FLOATS, *SIGNED)), {"min": -1, "max": 3},
                       {"min": None, "max": 2}, {"min": 0, "max": None}),
)  # fmt: skip

# --- exponentials, logarithms, hyperbolic and inverse functions -----------------------------------

_HUGE = 1e8  # from here on x * x + 1 is x * x in every dtype


def function(
    name: str, ref: Callable[..., Any], sample: tuple[float, float], *, doc: str,
    dtypes: tuple[DType, ...] = FLOATS, **fields: Any,
) -> Any:  # fmt: skip
    """A float or complex function of one source."""
    return elementwise(
        name, ref, doc=f"{doc},{_ONE}", operands=floating,
        sample=uniform(sample, dtypes=dtypes), **{"tolerance": LOOSE, **fields},
    )  # fmt: skip


def _sinh_lower(x: Expr) -> Expr:
    """expm1 near 0; squares of exp(x / 2) elsewhere, since exp(x) overflows too early."""
    size = abs(x)
    e = expm1(minimum(size, 1.0))
    near = (e + e / (e + 1.0)) * 0.5
    half = exp(size * 0.5)
    far = (half * 0.5) * half - 0.5 / half / half
    found = where(less(size, 1.0), near, far)
    return where(less(x, 0), -found, where(equal(x, 0), x, found))


def _cosh_lower(x: Expr) -> Expr:
    half = exp(abs(x) * 0.5)
    return (half * 0.5) * half + 0.5 / half / half


def _asinh_lower(x: Expr) -> Expr:
    size = abs(x)
    small = minimum(size, _HUGE)
    square_ = small * small
    near = log1p(small + square_ / (sqrt(square_ + 1.0) + 1.0))
    found = where(less(_HUGE, size), log(size) + math.log(2), near)
    return where(less(x, 0), -found, where(equal(x, 0), x, found))


def _acosh_lower(x: Expr) -> Expr:
    t = maximum(minimum(x, _HUGE), 0.0) - 1.0
    near = log1p(t + sqrt(t * (t + 2.0)))
    return where(less(_HUGE, x), log(x) + math.log(2), near)


sinh = function("sinh", np.sinh, (-4, 4), dtypes=INEXACT, doc="The hyperbolic sine",
                lower=_sinh_lower, vjp=lambda g, y, x: (g * cosh(x),))  # fmt: skip
cosh = function("cosh", np.cosh, (-4, 4), dtypes=INEXACT, doc="The hyperbolic cosine",
                lower=_cosh_lower, vjp=lambda g, y, x: (g * sinh(x),))  # fmt: skip
asinh = function("asinh", np.arcsinh, (-8, 8), dtypes=INEXACT, doc="The inverse hyperbolic sine",
                 lower=_asinh_lower, vjp=lambda g, y, x: (g / sqrt(x * x + 1.0),))  # fmt: skip
acosh = function("acosh", np.arccosh, (1.1, 8), dtypes=INEXACT, doc="The inverse hyperbolic cosine",
                 lower=_acosh_lower,
                 vjp=lambda g, y, x: (g / (sqrt(x - 1.0) * sqrt(x + 1.0)),))  # fmt: skip
atanh = function("atanh", np.arctanh, (-0.9, 0.9), dtypes=INEXACT,
                 doc="The inverse hyperbolic tangent", lower=lambda x: (log1p(x) - log1p(-x)) * 0.5,
                 vjp=lambda g, y, x: (g / (1.0 - x * x),))  # fmt: skip
exp2 = function("exp2", np.exp2, (-8, 8), dtypes=INEXACT, doc="2 to the x",
                lower=lambda x: exp(x * math.log(2)),
                vjp=lambda g, y, x: (g * y * math.log(2),))  # fmt: skip
log2 = function("log2", np.log2, (0.1, 8), dtypes=INEXACT, doc="The logarithm to base 2",
                lower=lambda x: log(x) * (1 / math.log(2)),
                vjp=lambda g, y, x: (g / (x * math.log(2)),))  # fmt: skip
log10 = function("log10", np.log10, (0.1, 8), dtypes=INEXACT, doc="The logarithm to base 10",
                 lower=lambda x: log(x) * (1 / math.log(10)),
                 vjp=lambda g, y, x: (g / (x * math.log(10)),))  # fmt: skip
erfc = function("erfc", every(math.erfc), (-3, 3), doc="1 - erf(x), to absolute accuracy",
                lower=lambda x: 1.0 - erf(x),
                vjp=lambda g, y, x: (g * exp(-(x * x)) * (-2 / math.sqrt(math.pi)),))  # fmt: skip


def _negative(x: Expr) -> Expr:
    """Whether the sign is minus, -0 included."""
    return less(x, 0) | less(1.0 / x, 0)


def _atan2_lower(y: Expr, x: Expr) -> Expr:
    """The angle in the first eighth of the circle, then mirrored into place."""
    high, low = abs(y), abs(x)
    big, small = maximum(high, low), minimum(high, low)
    same_size = equal(high, low)
    ratio = where(same_size, where(equal(big, 0), 0, 1), small / where(equal(big, 0), 1, big))
    angle = atan(ratio)
    angle = where(less(low, high), math.pi / 2 - angle, angle)
    angle = where(_negative(x), math.pi - angle, angle)
    undefined = not_equal(x, x) | not_equal(y, y)
    return where(undefined, math.nan, where(_negative(y), -angle, angle))


atan2 = elementwise(
    "atan2", np.arctan2, arity=2, operands=floating, lower=_atan2_lower, tolerance=LOOSE,
    doc=_two("The angle of the point (y, x) in radians", "float"),
    vjp=lambda g, z, y, x: (g * x / (x * x + y * y), -g * y / (x * x + y * y)),
    sample=uniform((-8, 8), (-8, 8)),
)  # fmt: skip


def _logaddexp_ref(x: np.ndarray, y: np.ndarray) -> Any:
    if not np.iscomplexobj(x):
        return np.logaddexp(x, y)
    first = x.real >= y.real
    most = np.where(first, x, y)
    return most + np.log(1 + np.exp(np.where(first, y, x) - most))


def _logaddexp_lower(x: Expr, y: Expr) -> Expr:
    if x.dtype.is_complex:
        first = TABLE["real"](x) >= TABLE["real"](y)
        most = where(first, x, y)
        return most + log(exp(where(first, y, x) - most) + 1.0)
    gap = where(equal(x, y), 0, abs(x - y))
    return maximum(x, y) + log1p(exp(-gap))


logaddexp = elementwise(
    "logaddexp", _logaddexp_ref, arity=2, operands=floating, lower=_logaddexp_lower,
    vjp=lambda g, z, x, y: (g * exp(x - z), g * exp(y - z)), tolerance=LOOSE,
    doc=_two("log(exp(x) + exp(y))", "float"),
    sample=uniform((-4, 4), (-4, 4), dtypes=INEXACT),
)  # fmt: skip


def _lerp_ref(a: np.ndarray, b: np.ndarray, w: np.ndarray) -> Any:
    return np.where(np.abs(w) < 0.5, a + w * (b - a), b - (b - a) * (1 - w))


lerp = elementwise(
    "lerp", _lerp_ref, arity=3, operands=floating, tolerance=LOOSE,
    doc="a + w * (b - a), exact at both ends, with broadcasting: a, b, w (...) float -> (...).",
    lower=lambda a, b, w: where(
        less(abs(w), 0.5), a + w * (b - a), b - (b - a) * (1.0 - w)),
    vjp=lambda g, y, a, b, w: (g * (1.0 - w), g * w, g * (b - a)),
    sample=uniform((-4, 4), (-4, 4), (-1, 2), dtypes=INEXACT),
)  # fmt: skip


def _filled_operands(name: str, dtypes: Sequence[DType]) -> tuple[DType, ...]:
    x, mask, value = dtypes
    found = chosen(name, (mask, x, value))
    return found[1], found[0], found[2]


def _mask_samples() -> Samples:
    plain = where.sample

    def draw(rng: np.random.Generator, dtype: DType) -> list[Case]:
        rows = plain.draw(rng, dtype)
        return [Case((c.args[1], c.args[0], array(rng, dtype, ())), {}) for c in rows]

    return Samples(draw, plain.dtypes)


masked_fill = elementwise(
    "masked_fill", lambda x, mask, value: np.where(mask, value, x), arity=3,
    operands=_filled_operands, lower=lambda x, mask, value: where(mask, value, x),
    vjp=lambda g, y, x, mask, value: (where(mask, 0, g), None, where(mask, g, 0)),
    doc="value where the mask holds, x elsewhere, with broadcasting: "
    "x (...), mask (...) bool, value (...) -> (...).",
    sample=_mask_samples(),
)  # fmt: skip
