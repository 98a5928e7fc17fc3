"""Elementwise functions that are short compositions of ops."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from firth.base import dtype as dt
from firth.base.errors import ArgumentError, DTypeError, message
from firth.tensor.arithmetic import operand, power, tensor_of
from firth.tensor.creation import full, get_default_dtype
from firth.tensor.handle import Tensor
from firth.tensor.record import apply, user_line

_BITS = {dt.float64: (dt.int64, 52, 11), dt.float32: (dt.int32, 23, 8)}


class MantissaExponent(NamedTuple):
    """The two parts of floats: mantissa * 2**exponent."""

    mantissa: Tensor
    exponent: Tensor


def floats(x: Any, op: str) -> Tensor:
    """The value as a float tensor; integers take the default dtype."""
    found = tensor_of(x, op)
    if found._kind.dtype.kind in "fc":
        return found
    return apply("cast", found, dtype=get_default_dtype())


def deg2rad(self: Tensor) -> Tensor:
    """Degrees as radians, element by element."""
    return apply("mul", floats(self, "deg2rad"), math.pi / 180)


def rad2deg(self: Tensor) -> Tensor:
    """Radians as degrees, element by element."""
    return apply("mul", floats(self, "rad2deg"), 180 / math.pi)


def frac(self: Tensor) -> Tensor:
    """x without its whole part, with the sign of x; DTypeError for integers."""
    _only_floats(self, "frac")
    return apply("sub", self, apply("trunc", self))


def _only_floats(x: Tensor, op: str) -> None:
    if x._kind.dtype.kind != "f":
        raise DTypeError(
            message(op, "works on floats", x._kind.dtype.name, "a float dtype", "use x.float()")
        ).at(user_line())


def _missing_beaten(compare: str) -> Callable[..., Tensor]:
    name = "fmax" if compare == "greater_equal" else "fmin"

    def method(self: Tensor, other: Any) -> Tensor:
        x, y = tensor_of(self, name), tensor_of(other, name)
        wins = apply(compare, x, y)
        if y._kind.dtype.kind == "f":
            wins = apply("bitwise_or", wins, apply("isnan", y))
        return apply("where", wins, x, y)

    method.__name__ = name
    size = "larger" if name == "fmax" else "smaller"
    method.__doc__ = f"The {size} of x and y; a number beats NaN."
    return method


fmax, fmin = _missing_beaten("greater_equal"), _missing_beaten("less_equal")


def heaviside(self: Tensor, values: Any) -> Tensor:
    """0 below 0, 1 above and `values` at 0, element by element."""
    values = tensor_of(values, "heaviside")
    if values._kind.dtype is not self._kind.dtype:
        raise DTypeError(
            message(
                "heaviside", "the dtypes differ",
                f"{self._kind.dtype.name} and {values._kind.dtype.name}", "equal dtypes",
                "cast one, e.g. values.to(x.dtype)",
            )
        ).at(user_line())  # fmt: skip
    up = apply("cast", apply("greater", self, 0), dtype=self._kind.dtype)
    return apply("where", apply("equal", self, 0), values, up)


def ldexp(self: Tensor, other: Any) -> Tensor:
    """x * 2**y, element by element."""
    y = floats(other, "ldexp")
    return apply("mul", self, apply("exp2", y))


def frexp(self: Tensor) -> MantissaExponent:
    """(mantissa, exponent): 0.5 <= abs(mantissa) < 1, x = mantissa * 2**exponent; int32."""
    _only_floats(self, "frexp")
    kind = self._kind.dtype
    if kind not in _BITS:
        mantissa, exponent = frexp(apply("cast", self, dtype=dt.float32))
        return MantissaExponent(apply("cast", mantissa, dtype=kind), exponent)
    whole, place, width = _BITS[kind]
    tiny = apply("less", apply("abs", self), 2.0 ** (2 - 2 ** (width - 1)))
    normal = apply("where", tiny, apply("mul", self, 2.0 ** (place + 2)), self)
    bits = apply("bitcast", normal, dtype=whole)
    field = apply("bitwise_and", apply("shift_right", bits, place), 2**width - 1)
    shift = apply("where", tiny, place + 2, 0)
    exponent = apply("sub", apply("sub", field, 2 ** (width - 1) - 2), shift)
    plain = apply("bitwise_and", apply("isfinite", self), apply("not_equal", self, 0))
    exponent = apply("cast", apply("where", plain, exponent, 0), dtype=whole)
    # two factors: one alone may be infinite or 0
    half = apply("shift_right", exponent, 1)
    mantissa = self
    for part in (half, apply("sub", exponent, half)):
        scale = apply("shift_left", apply("sub", 2 ** (width - 1) - 1, part), place)
        mantissa = apply("mul", mantissa, apply("bitcast", scale, dtype=kind))
    return MantissaExponent(mantissa, apply("cast", exponent, dtype=dt.int32))


def logaddexp2(self: Tensor, other: Tensor) -> Tensor:
    """log2(2**x + 2**y) without overflow, element by element."""
    scale = math.log(2)
    total = apply("logaddexp", apply("mul", self, scale), apply("mul", other, scale))
    return apply("mul", total, 1 / scale)


def float_power(self: Any, exponent: Any) -> Tensor:
    """x to the power y in float64 or complex128, element by element."""
    x, y = (_doubled(operand(v, "float_power")) for v in (self, exponent))
    return power(x, y)


def _doubled(x: Any) -> Any:
    if not isinstance(x, Tensor):
        return x if isinstance(x, complex) else float(x)
    return apply("cast", x, dtype=dt.complex128 if x._kind.dtype.is_complex else dt.float64)


def rsub(self: Tensor, other: Any, *, alpha: Any = 1) -> Tensor:
    """other - alpha * x, element by element."""
    return apply("sub", other, self if alpha == 1 else apply("mul", self, alpha))


def isposinf(self: Tensor) -> Tensor:
    """Whether x is plus infinity: (...) -> (...) bool."""
    return apply("equal", self, math.inf) if self._kind.dtype.kind == "f" else apply("isinf", self)


def isneginf(self: Tensor) -> Tensor:
    """Whether x is minus infinity: (...) -> (...) bool."""
    if self._kind.dtype.kind != "f":
        return apply("isinf", self)
    return apply("equal", self, -math.inf)


def sinc(self: Tensor) -> Tensor:
    """sin(pi * x) / (pi * x), and 1 at 0, element by element."""
    x = floats(self, "sinc")
    zero = apply("equal", x, 0)
    angle = apply("mul", apply("where", zero, 1.0, x), math.pi)
    return apply("where", zero, 1.0, apply("div", apply("sin", angle), angle))


def xlogy(self: Any, other: Any) -> Tensor:
    """x * log(y), and 0 where x is 0 (y not NaN), element by element."""
    return _times_log("xlogy", "log", self, other)


def xlog1py(self: Any, other: Any) -> Tensor:
    """x * log(1 + y), and 0 where x is 0 (y not NaN), element by element."""
    return _times_log("xlog1py", "log1p", self, other)


def _times_log(name: str, log: str, x: Any, y: Any) -> Tensor:
    x, y = floats(x, name), floats(y, name)
    still = apply("bitwise_and", apply("equal", x, 0), apply("equal", y, y))
    at = 1.0 if log == "log" else 0.0
    product = apply("mul", x, apply(log, apply("where", still, at, y)))
    # the slope in x at 0 is log(y) even where the value is 0
    return apply("where", still, _slope_only(x, apply(log, y)), product)


def _slope_only(x: Tensor, factor: Tensor) -> Tensor:
    """0 with the slope `factor` in x, where the factor is finite; x is 0."""
    finite = apply("where", apply("isfinite", factor), apply("stop_gradient", factor), 0.0)
    return apply("mul", x, finite)


def logit(self: Tensor, eps: float | None = None) -> Tensor:
    """log(x / (1 - x)); with eps, x is first held in [eps, 1 - eps]."""
    x = floats(self, "logit")
    if eps is not None:
        x = apply("clamp", x, min=eps, max=1.0 - eps)
    return apply("log", apply("div", x, apply("sub", 1.0, x)))


def round(self: Tensor, *, decimals: int = 0) -> Tensor:
    """The nearest whole number, halves to even; with decimals, so many places after the point."""
    if not decimals or self._kind.dtype.kind != "f":
        return apply("round", self) if self._kind.dtype.kind == "f" else apply("add", self, 0)
    if abs(decimals) > 300:
        raise ArgumentError(
            message("round", "so many decimals no number has", str(decimals), "-300 to 300",
                    "leave decimals out for whole numbers")
        ).at(user_line())  # fmt: skip
    scale = 10.0 ** abs(decimals)
    there, back = ("mul", "div") if decimals > 0 else ("div", "mul")
    return apply(back, apply("round", apply(there, self, scale)), scale)


def entr(self: Tensor) -> Tensor:
    """-x * log(x), 0 at 0 and minus infinity below, element by element."""
    x = floats(self, "entr")
    inside = apply("greater", x, 0)
    safe = apply("where", inside, x, 1.0)
    found = apply("neg", apply("mul", safe, apply("log", safe)))
    outside = apply("where", apply("equal", x, 0), 0.0, -math.inf)
    outside = apply("where", apply("isnan", x), math.nan, outside)
    return apply("where", inside, found, outside)


def polygamma(n: Any, self: Any) -> Tensor:
    """The n-th derivative of digamma, element by element; n is a fixed whole number."""
    if isinstance(n, Tensor):  # the method: x.polygamma(n)
        n, self = self, n
    if not isinstance(n, int) or not 0 <= n <= 170:
        raise ArgumentError(
            message("polygamma", "no such derivative", repr(n), "a whole number from 0 to 170",
                    "n=1 is trigamma")
        ).at(user_line())  # fmt: skip
    x = floats(self, "polygamma")
    return apply("polygamma", x, n=n) if n else apply("digamma", x)


def mvlgamma(self: Tensor, p: int) -> Tensor:
    """The logarithm of the multivariate gamma function of dimension p, element by element."""
    if p < 1:
        raise ArgumentError(
            message("mvlgamma", "no such dimension", f"p={p}", "1 or more", "p=1 is lgamma")
        ).at(user_line())
    x = floats(self, "mvlgamma")
    halves = apply("mul", apply("iota", extent=p, dtype=x._kind.dtype), 0.5)
    wide = apply("sub", apply("reshape", x, shape=(*x._kind.shape, 1)), halves)
    total = apply("sum", apply("lgamma", wide), axes=(len(x._kind.shape),), keepdims=False)
    return apply("add", total, p * (p - 1) / 4 * math.log(math.pi))


def fill(input: Tensor, value: Any) -> Tensor:
    """One number everywhere, shaped like a tensor; a value of shape () gets the gradient."""
    value = operand(value, "fill")
    if isinstance(value, Tensor):
        if value._kind.shape:
            raise ArgumentError(
                message(
                    "fill", "the value is more than one number", str(tuple(value._kind.shape)),
                    "a number or a tensor of shape ()", "use value.expand(...)",
                )
            ).at(user_line())  # fmt: skip
        value = apply("cast", value, dtype=input._kind.dtype)
        return apply("expand", apply("reshape", value, shape=(1,) * len(input._kind.shape)),
                     shape=tuple(input._kind.shape))  # fmt: skip
    return full(input._kind.shape, value, dtype=input._kind.dtype)


METHODS: dict[str, Callable[..., Any]] = {
    "deg2rad": deg2rad, "float_power": float_power, "fmax": fmax, "fmin": fmin, "frac": frac,
    "frexp": frexp, "heaviside": heaviside, "isneginf": isneginf, "isposinf": isposinf,
    "ldexp": ldexp, "logaddexp2": logaddexp2, "logit": logit, "mvlgamma": mvlgamma,
    "polygamma": polygamma, "rad2deg": rad2deg, "round": round,
    "sinc": sinc, "xlogy": xlogy,
}  # fmt: skip
FUNCTIONS: dict[str, Callable[..., Any]] = {**METHODS, "fill": fill, "rsub": rsub}
