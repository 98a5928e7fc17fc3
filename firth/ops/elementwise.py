"""Elementwise base ops: sources broadcast and promote by themselves until the `lower` pass."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.base.errors import DivisionByZero, message
from firth.ir.op import TABLE, Expr, declare
from firth.ops import rules
from firth.ops.operands import (
    bits,
    chosen,
    counted,
    elementwise,
    floating,
    floats_only,
    integers,
    promoted,
    refuse,
)
from firth.ops.rules import (
    ANY,
    ANY_NUMBER,
    EVERY,
    INEXACT,
    INTS,
    NUMBERS,
    TOLERANCE,
    Samples,
    no_complex,
    round_to,
    same,
    uniform,
    zeros_like,
)


def _unary(text: str, kind: str = "number") -> str:
    return f"{text}, element by element: x (...) {kind} -> (...)."


def _binary(text: str, kind: str = "number") -> str:
    return f"{text}, element by element, with broadcasting: x (...), y (...) {kind} -> (...)."


# --- one source -----------------------------------------------------------------------------------

neg = elementwise(
    "neg", np.negative, doc=_unary("-x; integers wrap"),
    vjp=lambda g, y, x: (-g,), sample=uniform((-8, 8), dtypes=ANY_NUMBER),
)  # fmt: skip


def _abs_vjp(g: Expr, y: Expr, x: Expr) -> tuple[Expr]:
    if x.dtype.is_complex:
        return (TABLE["sign"](x) * g,)
    return (where(x > 0, g, where(x < 0, -g, 0)),)


abs = elementwise(
    "abs", np.abs, doc=_unary("|x|; the lowest integer stays itself; gradient 0 at 0"),
    vjp=_abs_vjp, to_real=True, sample=uniform((-8, 8), dtypes=ANY_NUMBER),
)  # fmt: skip
sqrt = elementwise(
    "sqrt", np.sqrt, doc=_unary("The square root, NaN below 0", "float"), operands=floating,
    vjp=lambda g, y, x: (g / (y * 2.0),), sample=uniform((0.1, 8), dtypes=INEXACT),
)  # fmt: skip
exp = elementwise(
    "exp", np.exp, doc=_unary("e to the x", "float"), operands=floating,
    vjp=lambda g, y, x: (g * y,), sample=uniform((-8, 8), dtypes=INEXACT),
)  # fmt: skip
log = elementwise(
    "log", np.log, doc=_unary("The natural logarithm", "float"), operands=floating,
    vjp=lambda g, y, x: (g / x,), sample=uniform((0.1, 8), dtypes=INEXACT),
)  # fmt: skip


def _expm1_ref(x: np.ndarray) -> np.ndarray:
    out = np.asarray(np.expm1(x))
    if out.dtype.kind == "c":
        out.real[out.real == 0] = 0.0
    return out


expm1 = elementwise(
    "expm1", _expm1_ref, doc=_unary("e to the x, minus 1, exact near 0", "float"),
    operands=floating, vjp=lambda g, y, x: (g * (y + 1.0),),
    sample=uniform((-4, 4), dtypes=INEXACT),
)  # fmt: skip
log1p = elementwise(
    "log1p", np.log1p, doc=_unary("log(1 + x), exact near 0", "float"), operands=floating,
    vjp=lambda g, y, x: (g / (x + 1.0),), sample=uniform((-0.9, 8), dtypes=INEXACT),
)  # fmt: skip
sin = elementwise(
    "sin", np.sin, doc=_unary("The sine of x radians", "float"), operands=floating,
    vjp=lambda g, y, x: (g * cos(x),), sample=uniform((-8, 8), dtypes=INEXACT),
)  # fmt: skip
cos = elementwise(
    "cos", np.cos, doc=_unary("The cosine of x radians", "float"), operands=floating,
    vjp=lambda g, y, x: (-g * sin(x),), sample=uniform((-8, 8), dtypes=INEXACT),
)  # fmt: skip
tan = elementwise(
    "tan", np.tan, doc=_unary("The tangent of x radians", "float"), operands=floating,
    vjp=lambda g, y, x: (g * (y * y + 1.0),), sample=uniform((-1.4, 1.4), dtypes=INEXACT),
)  # fmt: skip
asin = elementwise(
    "asin", np.arcsin, doc=_unary("The inverse sine in radians", "float"), operands=floating,
    vjp=lambda g, y, x: (g / sqrt((1.0 - x) * (x + 1.0)),),
    sample=uniform((-0.9, 0.9), dtypes=INEXACT),
)  # fmt: skip
acos = elementwise(
    "acos", np.arccos, doc=_unary("The inverse cosine in radians", "float"), operands=floating,
    vjp=lambda g, y, x: (-g / sqrt((1.0 - x) * (x + 1.0)),),
    sample=uniform((-0.9, 0.9), dtypes=INEXACT),
)  # fmt: skip
atan = elementwise(
    "atan", np.arctan, doc=_unary("The inverse tangent in radians", "float"), operands=floating,
    vjp=lambda g, y, x: (g / (x * x + 1.0),), sample=uniform((-8, 8), dtypes=INEXACT),
)  # fmt: skip
tanh = elementwise(
    "tanh", np.tanh, doc=_unary("The hyperbolic tangent", "float"), operands=floating,
    vjp=lambda g, y, x: (g * (1.0 - y * y),), sample=uniform((-4, 4), dtypes=INEXACT),
)  # fmt: skip


def every(fn: Callable[[float], float]) -> Callable[[np.ndarray], np.ndarray]:
    """A function of one Python float, applied to every element of a float64 array."""

    def apply(x: np.ndarray) -> np.ndarray:
        return np.array([fn(v) for v in x.ravel().tolist()], np.float64).reshape(x.shape)

    return apply


erf = elementwise(
    "erf", every(math.erf), doc=_unary("The error function", "float"), operands=floating,
    vjp=lambda g, y, x: (g * exp(-(x * x)) * (2.0 / math.sqrt(math.pi)),),
    sample=uniform((-3, 3)),
)  # fmt: skip


def _flat(g: Expr, y: Expr, x: Expr) -> tuple[Expr, ...]:
    return (zeros_like(g),)


floor = elementwise(
    "floor", np.floor, doc=_unary("The whole number at or below", "float"), operands=floats_only,
    vjp=_flat, sample=uniform((-8, 8)),
)  # fmt: skip
ceil = elementwise(
    "ceil", np.ceil, doc=_unary("The whole number at or above", "float"), operands=floats_only,
    vjp=_flat, sample=uniform((-8, 8)),
)  # fmt: skip
trunc = elementwise(
    "trunc", np.trunc, doc=_unary("The whole number towards 0", "float"), operands=floats_only,
    vjp=_flat, sample=uniform((-8, 8)),
)  # fmt: skip
round = elementwise(
    "round", np.rint, doc=_unary("The nearest whole number, halves to even", "float"),
    operands=floats_only, vjp=_flat, sample=uniform((-8, 8), dtypes=INEXACT),
)  # fmt: skip

# --- two sources ----------------------------------------------------------------------------------

add = elementwise(
    "add", np.add, arity=2, doc=_binary("x + y; integers wrap"), operands=counted,
    vjp=lambda g, y, a, b: (g, g), sample=uniform((-8, 8), (-8, 8), dtypes=ANY),
)  # fmt: skip
sub = elementwise(
    "sub", np.subtract, arity=2, doc=_binary("x - y; integers wrap"),
    vjp=lambda g, y, a, b: (g, -g), sample=uniform((-8, 8), (-8, 8), dtypes=ANY_NUMBER),
)  # fmt: skip
mul = elementwise(
    "mul", np.multiply, arity=2, doc=_binary("x * y; integers wrap"), operands=counted,
    vjp=lambda g, y, a, b: (g * b, g * a), sample=uniform((-8, 8), (-8, 8), dtypes=ANY),
)  # fmt: skip
div = elementwise(
    "div", np.divide, arity=2, doc=_binary("x / y, always a float"), operands=floating,
    vjp=lambda g, y, a, b: (g / b, -g * y / b),
    sample=uniform((-8, 8), (0.5, 8), dtypes=INEXACT),
)  # fmt: skip


def pow_vjp(g: Expr, y: Expr, a: Expr, b: Expr) -> tuple[Expr, ...]:
    """Gradients of a power for base and exponent; 0 where the power is 0 or 1 for any of them."""
    ga = where(equal(b, 0), 0, g * b * pow(a, b - 1.0))
    at_least_0 = TABLE["real"](b) >= 0 if b.dtype.is_complex else b >= 0
    flat = equal(a, 0) & at_least_0
    gb = where(flat, 0, g * y * log(rules.cast(where(flat, 1, a), y.dtype)))
    return ga, gb


pow = elementwise(
    "pow", np.power, arity=2, operands=floats_only,
    doc=_binary("x to the power y; integers: see power", "float"), vjp=pow_vjp,
    sample=uniform((0.2, 3), (-3, 3), dtypes=INEXACT),
    tolerance={**TOLERANCE, dt.float32: 1e-5, dt.complex64: 1e-5},
)  # fmt: skip


def _nonzero(name: str, y: np.ndarray) -> None:
    if y.dtype.kind in "iu" and (y == 0).any():
        raise DivisionByZero(
            message(name, "division of an integer by zero", "a divisor of 0", "no zeros",
                    "mask them first, e.g. x // y.clamp(min=1)")
        )  # fmt: skip


def _remainder(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    _nonzero("remainder", y)
    return np.asarray(np.remainder(x, y))


def _floor_divide(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    _nonzero("floor_divide", y)
    return np.asarray(np.floor_divide(x, y))


remainder = elementwise(
    "remainder", _remainder, arity=2,
    doc=_binary("x modulo y with the sign of y; integer zeros raise ZeroDivisionError"),
    vjp=lambda g, y, a, b: (g, -g * floor(a / b)),
    sample=uniform((-8, 8), (1, 5), dtypes=NUMBERS),
)  # fmt: skip
floor_divide = elementwise(
    "floor_divide", _floor_divide, arity=2, operands=integers,
    doc=_binary("The whole number at or below x / y; zeros raise ZeroDivisionError", "integer"),
    sample=uniform((-8, 8), (1, 5), dtypes=INTS),
)  # fmt: skip


def _extreme_vjp(g: Expr, loses_a: Expr, tie: Expr, loses_b: Expr) -> tuple[Expr, ...]:
    half = where(tie, g * 0.5, g)
    return where(loses_a, 0, half), where(loses_b, 0, half)


maximum = elementwise(
    "maximum", np.maximum, arity=2, operands=counted,
    doc=_binary("The larger of x and y, NaN if either is; a tie halves the gradient"),
    vjp=lambda g, y, a, b: _extreme_vjp(g, a < b, equal(a, b), b < a),
    sample=uniform((-8, 8), (-8, 8), dtypes=EVERY),
)  # fmt: skip
minimum = elementwise(
    "minimum", np.minimum, arity=2, operands=counted,
    doc=_binary("The smaller of x and y, NaN if either is; a tie halves the gradient"),
    vjp=lambda g, y, a, b: _extreme_vjp(g, b < a, equal(a, b), a < b),
    sample=uniform((-8, 8), (-8, 8), dtypes=EVERY),
)  # fmt: skip

# --- bits -----------------------------------------------------------------------------------------

bitwise_and = elementwise(
    "bitwise_and", np.bitwise_and, arity=2, operands=bits,
    doc=_binary("The bits set in both", "integer or bool"),
    sample=uniform((-8, 8), (-8, 8), dtypes=(*INTS, dt.bool_)),
)  # fmt: skip
bitwise_or = elementwise(
    "bitwise_or", np.bitwise_or, arity=2, operands=bits,
    doc=_binary("The bits set in either", "integer or bool"),
    sample=uniform((-8, 8), (-8, 8), dtypes=(*INTS, dt.bool_)),
)  # fmt: skip
bitwise_xor = elementwise(
    "bitwise_xor", np.bitwise_xor, arity=2, operands=bits,
    doc=_binary("The bits set in one of the two", "integer or bool"),
    sample=uniform((-8, 8), (-8, 8), dtypes=(*INTS, dt.bool_)),
)  # fmt: skip
bitwise_not = elementwise(
    "bitwise_not", np.bitwise_not, operands=bits,
    doc=_unary("Every bit turned; not for bool", "integer or bool"),
    sample=uniform((-8, 8), dtypes=(*INTS, dt.bool_)),
)  # fmt: skip


def _shift(left: bool) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    def shift(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        width = x.dtype.itemsize * 8
        outside = (y < 0) | (y >= width)
        count = np.where(outside, 0, y).astype(x.dtype)
        if left:
            return np.where(outside, x & 0, np.left_shift(x, count))
        return np.where(outside, np.where(x < 0, -1, 0).astype(x.dtype), np.right_shift(x, count))

    return shift


shift_left = elementwise(
    "shift_left", _shift(True), arity=2, operands=integers,
    doc=_binary("x moved y bits up; 0 when y is negative or too large", "integer"),
    sample=uniform((-8, 8), (-2, 9), dtypes=INTS),
)  # fmt: skip
shift_right = elementwise(
    "shift_right", _shift(False), arity=2, operands=integers,
    doc=_binary("x moved y bits down, sign kept; all sign when y is negative or too large",
                "integer"),
    sample=uniform((-8, 8), (-2, 9), dtypes=INTS),
)  # fmt: skip

# --- comparisons and choice -----------------------------------------------------------------------

equal = elementwise(
    "equal", np.equal, arity=2, operands=promoted, to_bool=True,
    doc=_binary("x == y", "any dtype") , sample=uniform((-2, 2), (-2, 2), dtypes=ANY),
)  # fmt: skip
not_equal = elementwise(
    "not_equal", np.not_equal, arity=2, operands=promoted, to_bool=True,
    doc=_binary("x != y", "any dtype"), sample=uniform((-2, 2), (-2, 2), dtypes=ANY),
)  # fmt: skip
less = elementwise(
    "less", np.less, arity=2, operands=counted, to_bool=True,
    doc=_binary("x < y", "any dtype"), sample=uniform((-2, 2), (-2, 2), dtypes=EVERY),
)  # fmt: skip
less_equal = elementwise(
    "less_equal", np.less_equal, arity=2, operands=counted, to_bool=True,
    doc=_binary("x <= y", "any dtype"), sample=uniform((-2, 2), (-2, 2), dtypes=EVERY),
)  # fmt: skip


def _where_samples(plain: Samples) -> Samples:
    def draw(rng: np.random.Generator, dtype: DType) -> list[Any]:
        found = plain.draw(rng, dtype)
        return [type(c)((c.args[0].real > 0, *c.args[1:]), c.attrs) for c in found]

    return Samples(draw, plain.dtypes)


where = elementwise(
    "where", np.where, arity=3, operands=chosen,
    doc="x where c holds, y elsewhere, with broadcasting: c (...) bool, x (...), y (...) -> (...).",
    vjp=lambda g, y, c, a, b: (None, where(c, g, 0), where(c, 0, g)),
    sample=_where_samples(uniform((-8, 8), (-8, 8), (-8, 8), dtypes=ANY_NUMBER)),
)  # fmt: skip

# --- dtypes ---------------------------------------------------------------------------------------


def _cast_samples(targets: tuple[DType, ...], dtypes: tuple[DType, ...]) -> Samples:
    plain = uniform((-8, 8), dtypes=dtypes)

    def draw(rng: np.random.Generator, dtype: DType) -> list[Any]:
        pairs = [(c, t) for c in plain.draw(rng, dtype)[:1] for t in targets]
        return [type(c)(c.args, {"dtype": t}) for c, t in pairs]

    return Samples(draw, dtypes, smooth=False)


def _convert(x: np.ndarray, dtype: DType) -> np.ndarray:
    with np.errstate(all="ignore"):
        return round_to(x, dtype)


cast = declare(
    "cast", family="elementwise", attrs=("dtype",),
    doc="x in another dtype; floats to integers truncate and saturate, NaN gives 0, complex to "
    "anything but bool drops the imaginary part: x (...) -> (...).",
    shape=same, dtype=lambda d, dtype: dtype, ref=_convert,
    vjp=lambda g, y, x, dtype: (g if x.dtype.kind in "fc" and dtype.kind in "fc" else None,),
    sample=_cast_samples(ANY, ANY), tolerance=dict.fromkeys(INEXACT, 0.0),
)  # fmt: skip


def _bitcast_dtype(d: DType, dtype: DType) -> DType:
    no_complex("bitcast", (d, dtype))
    if d.bits != dtype.bits:
        raise refuse("bitcast", d, f"a dtype of {dtype.bits} bits", "cast, or pick equal widths")
    return dtype


bitcast = declare(
    "bitcast", family="elementwise", attrs=("dtype",),
    doc="The same bits read as a dtype of equal size: x (...) -> (...).",
    shape=same, dtype=_bitcast_dtype, ref=lambda x, dtype: np.asarray(x).view(dtype.np),
    vjp=lambda g, y, x, dtype: (None,), sample=_cast_samples((dt.int32, dt.uint32), (dt.float32,)),
)  # fmt: skip
