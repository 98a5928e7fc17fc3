"""Complex functions in real arithmetic: each takes and gives parts (real, imaginary) as rules do.

Zeros, infinities and NaN come out as C99's annex G says, which NumPy follows. Inverse functions are
Kahan's, 'Branch cuts for complex elementary functions' (1987).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from firth.ir.op import TABLE, Expr
from firth.ops import rules


class Pair(NamedTuple):
    """The parts of a complex value."""

    re: Expr
    im: Expr


BODIES: dict[str, Callable[..., Any]] = {}


def body(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enters the body of an op: (*pairs, **attrs) -> Pair, or an Expr where the result is real."""

    def enter(fn: Callable[..., Any]) -> Callable[..., Any]:
        BODIES[name] = fn
        return fn

    return enter


def parts(x: Expr) -> Pair:
    """The parts of a complex expression; 0 is the imaginary part of a real one."""
    if x.dtype.is_complex:
        return Pair(TABLE["real"](x), TABLE["imag"](x))
    return Pair(x, rules.filled(0, x.shape, x.dtype))


def whole(pair: Any) -> Expr:
    """The expression with these parts."""
    return TABLE["complex"](*pair) if isinstance(pair, Pair) else pair


def by_parts(name: str, lower: Callable[..., Expr]) -> Callable[..., Expr]:
    """The body of a composed op, from the parts where a source is complex."""

    def either(*xs: Expr, **attrs: Any) -> Expr:
        if not any(x.dtype.is_complex for x in xs):
            return lower(*xs, **attrs)
        return whole(BODIES[name](*map(parts, xs), **attrs))

    return either if name in BODIES else lower


def _op(name: str) -> Callable[..., Expr]:
    return lambda *xs, **attrs: TABLE[name](*xs, **attrs)


_abs, _sqrt, _exp, _log, _log1p, _expm1 = map(_op, ("abs", "sqrt", "exp", "log", "log1p", "expm1"))
_sin, _cos, _tan, _sinh, _cosh = map(_op, ("sin", "cos", "tan", "sinh", "cosh"))
_asinh, _atan2, _where, _equal = map(_op, ("asinh", "atan2", "where", "equal"))
_maximum, _minimum, _isfinite, _isinf, _isnan = map(
    _op, ("maximum", "minimum", "isfinite", "isinf", "isnan")
)


def _negative(x: Expr) -> Expr:
    """Whether the sign is minus, -0 included."""
    return (x < 0) | (_equal(x, 0) & (1.0 / x < 0))


def _copysign(size: Expr | float, sign: Expr) -> Expr:
    if not isinstance(size, Expr):
        size = rules.filled(size, (), sign.dtype)
    return _where(_negative(sign), -size, size)


# --- arithmetic -----------------------------------------------------------------------------------


@body("neg")
def _neg(z: Pair) -> Pair:
    return Pair(-z.re, -z.im)


@body("add")
def _add(a: Pair, b: Pair) -> Pair:
    return Pair(a.re + b.re, a.im + b.im)


@body("sub")
def _sub(a: Pair, b: Pair) -> Pair:
    return Pair(a.re - b.re, a.im - b.im)


@body("mul")
def _mul(a: Pair, b: Pair) -> Pair:
    return Pair(a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re)


@body("div")
def _div(a: Pair, b: Pair) -> Pair:
    """Smith's: the larger part of the divisor is divided by, so that no square overflows."""
    first = _abs(b.re) >= _abs(b.im)
    big, small = _where(first, b.re, b.im), _where(first, b.im, b.re)
    zero = _equal(big, 0)
    ratio = _where(zero, 0, small / big)
    divisor = _where(zero, 0, big + small * ratio)
    re = (_where(first, a.re, a.im) + _where(first, a.im, a.re) * ratio) / divisor
    im = (_where(first, a.im, -a.re) + _where(first, -a.re, a.im) * ratio) / divisor
    return Pair(re, im)


@body("reciprocal")
def _reciprocal(z: Pair) -> Pair:
    first = _abs(z.re) > _abs(z.im)
    big, small = _where(first, z.re, z.im), _where(first, z.im, z.re)
    ratio = small / big
    divisor = big + small * ratio
    return Pair(_where(first, 1.0, ratio) / divisor, -_where(first, ratio, 1.0) / divisor)


@body("equal")
def _is_equal(a: Pair, b: Pair) -> Expr:
    return _equal(a.re, b.re) & _equal(a.im, b.im)


@body("not_equal")
def _not_equal(a: Pair, b: Pair) -> Expr:
    return (a.re != b.re) | (a.im != b.im)  # type: ignore[operator, return-value]


@body("where")
def _choose(condition: Expr, a: Pair, b: Pair) -> Pair:
    return Pair(_where(condition, a.re, b.re), _where(condition, a.im, b.im))


@body("isnan")
def _any_nan(z: Pair) -> Expr:
    return _isnan(z.re) | _isnan(z.im)


@body("isinf")
def _any_inf(z: Pair) -> Expr:
    return _isinf(z.re) | _isinf(z.im)


@body("isfinite")
def _all_finite(z: Pair) -> Expr:
    return _isfinite(z.re) & _isfinite(z.im)


@body("round")
def _round(z: Pair) -> Pair:
    return Pair(TABLE["round"](z.re), TABLE["round"](z.im))


@body("abs")
def _size(z: Pair) -> Expr:
    """The longer part times sqrt(1 + ratio^2): no square overflows. Infinity beats NaN."""
    a, b = _abs(z.re), _abs(z.im)
    long, short = _maximum(a, b), _minimum(a, b)
    ratio = _where(_equal(long, 0), 0, short / long)
    size = long * _sqrt(ratio * ratio + 1.0)
    return _where(_isinf(a) | _isinf(b), math.inf, size)


@body("sign")
def _sign(z: Pair) -> Pair:
    size = _size(z)
    zero, infinite = _equal(size, 0), _isinf(size)
    once = _where(zero, 1, size)
    both = _isinf(z.re) & _isinf(z.im)

    def part(x: Expr) -> Expr:
        far = _where(_isinf(x), _where(both, math.nan, _copysign(1.0, x)), 0.0)
        return _where(zero, 0, _where(infinite, far, x / once))

    return Pair(part(z.re), part(z.im))


# --- exponentials and roots -----------------------------------------------------------------------


@body("exp")
def _exp_pair(z: Pair) -> Pair:
    x, y = z
    odd = _isinf(x) & ~_isfinite(y)  # there the angle means nothing
    angle = _where(odd, _copysign(0.0, y), y)
    half = _exp(x * 0.5)  # twice, for exp(x) overflows before its product with a small cosine
    re = half * _cos(angle) * half
    im = _where(_equal(angle, 0), angle, half * _sin(angle) * half)
    return Pair(re, _where(odd & (x > 0), math.nan, im))


@body("expm1")
def _expm1_pair(z: Pair) -> Pair:
    x, y = z
    whole = _exp_pair(z)
    half = _sin(y * 0.5)
    near = _expm1(x) * _cos(y) - half * half * 2.0
    usual = _isfinite(y) & (_abs(x) < 1.0)
    near = _where(_equal(near, 0), 0.0, near)  # of -0 + 0j too it is +0
    re = _where(usual, near, whole.re - 1.0)
    return Pair(re, whole.im)


def _log_size(x: Expr, y: Expr) -> Expr:
    """log(hypot(x, y)), exact to the last digits near 1."""
    a, b = _abs(x), _abs(y)
    long, short = _maximum(a, b), _minimum(a, b)
    ratio = _where(_equal(long, 0), 0, short / long)
    far = _log(long) + _log1p(ratio * ratio) * 0.5
    near = _log1p((long - 1.0) * (long + 1.0) + short * short) * 0.5
    found = _where((long > 0.7) & (long < 1.5), near, far)
    return _where(_isinf(a) | _isinf(b), math.inf, found)


@body("log")
def _log_pair(z: Pair) -> Pair:
    return Pair(_log_size(*z), _atan2(z.im, z.re))


@body("log1p")
def _log1p_pair(z: Pair) -> Pair:
    x, y = z
    near = _log1p(x * (x + 2.0) + y * y) * 0.5
    small = (_abs(x) < 0.5) & (_abs(y) < 0.5)
    return Pair(_where(small, near, _log_size(x + 1.0, y)), _atan2(y, x + 1.0))


def _scaled_log(factor: float) -> Callable[[Pair], Pair]:
    def fn(z: Pair) -> Pair:
        found = _log_pair(z)
        return Pair(found.re * factor, found.im * factor)

    return fn


BODIES["log2"] = _scaled_log(1 / math.log(2))
BODIES["log10"] = _scaled_log(1 / math.log(10))


@body("exp2")
def _exp2_pair(z: Pair) -> Pair:
    return _exp_pair(Pair(z.re * math.log(2), z.im * math.log(2)))


@body("sqrt")
def _sqrt_pair(z: Pair) -> Pair:
    x, y = z
    quarter = _abs(x) * 0.125 + _size(Pair(x * 0.125, y * 0.125))  # / 8, so that it is finite
    long = _sqrt(quarter) * 2.0
    zero = _equal(long, 0)
    short = _where(zero, 0, _abs(y) / (_where(zero, 1, long) * 2.0))
    short = _where(_isinf(x) & _isfinite(y), 0, short)
    left = x < 0
    re, im = _where(left, short, long), _copysign(_where(left, long, short), y)
    im = _where(_isnan(y) & ~left, y, im)
    up = _isinf(y)
    return Pair(_where(up, math.inf, re), _where(up, y, im))


@body("pow")
def _pow_pair(a: Pair, b: Pair) -> Pair:
    zero = _equal(a.re, 0) & _equal(a.im, 0)
    one = _equal(b.re, 0) & _equal(b.im, 0)
    found = _exp_pair(_mul(b, _log_pair(Pair(_where(zero, 1, a.re), a.im))))
    of_zero = _where(b.re > 0, 0.0, math.nan)
    found = Pair(_where(zero, of_zero, found.re), _where(zero, of_zero, found.im))
    return Pair(_where(one, 1, found.re), _where(one, 0, found.im))


# --- hyperbolic functions and, turned by a quarter, the circular ones -----------------------------


def _scaled(fn: Callable[..., Expr], x: Expr, by: Expr) -> Expr:
    """fn(x) * by for a hyperbolic function, which may be finite where fn(x) is not."""
    half = _exp(_abs(x) * 0.5)
    far = _copysign(half, x) if fn is _sinh else half
    return _where(_abs(x) > 40.0, far * by * 0.5 * half, fn(x) * by)


@body("sinh")
def _sinh_pair(z: Pair) -> Pair:
    x, y = z
    odd = (_isinf(x) | _equal(x, 0)) & ~_isfinite(y)
    re = _where(odd, x, _scaled(_sinh, x, _cos(y)))
    return Pair(re, _where(_equal(y, 0), y, _scaled(_cosh, x, _sin(y))))


@body("cosh")
def _cosh_pair(z: Pair) -> Pair:
    x, y = z
    odd = _isinf(x) & ~_isfinite(y)
    re = _where(odd, math.inf, _scaled(_cosh, x, _cos(y)))
    im = _where(_equal(x, 0) & ~_isfinite(y), 0, _scaled(_sinh, x, _sin(y)))
    return Pair(re, _where(_equal(y, 0), _where(_negative(x), -y, y), im))


@body("tanh")
def _tanh_pair(z: Pair) -> Pair:
    x, y = z
    far = _abs(x) > 20.0
    s = _sinh(_where(far, 0, x))
    angle = _where(_isinf(x) & ~_isfinite(y), _copysign(0.0, y), y)
    t = _tan(angle)
    stretch = t * t + 1.0
    root = _sqrt(s * s + 1.0)
    divisor = stretch * s * s + 1.0
    re, im = stretch * root * s / divisor, t / divisor
    distant = _sin(angle) * _cos(angle) * 4.0 * _exp(_abs(x) * -2.0)
    distant = _where(_isinf(x), _copysign(0.0, angle), distant)  # the standard's sign, not C's
    re, im = _where(far, _copysign(1.0, x), re), _where(far, distant, im)
    re = _where(_isfinite(x) & ~_isfinite(y), math.nan, re)
    re = _where(_isnan(x) | _equal(x, 0), x, re)
    im = _where(_isnan(x), math.nan, im)
    return Pair(re, _where(_equal(y, 0), y, im))


def _turned(fn: Callable[[Pair], Pair]) -> Callable[[Pair], Pair]:
    """-i f(i z)."""

    def of(z: Pair) -> Pair:
        found = fn(Pair(-z.im, z.re))
        return Pair(found.im, -found.re)

    return of


BODIES["sin"] = _turned(_sinh_pair)
BODIES["tan"] = _turned(_tanh_pair)
BODIES["cos"] = lambda z: _cosh_pair(Pair(-z.im, z.re))


def _roots(z: Pair) -> tuple[Pair, Pair]:
    """sqrt(1 - z) and sqrt(1 + z)."""
    return _sqrt_pair(Pair(1.0 - z.re, -z.im)), _sqrt_pair(Pair(z.re + 1.0, z.im))


@body("asin")
def _asin_pair(z: Pair) -> Pair:
    x, y = z
    low, high = _roots(z)
    re = _atan2(x, low.re * high.re - low.im * high.im)
    im = _copysign(_abs(_asinh(low.re * high.im - low.im * high.re)), y)
    big = _isinf(x) | _isinf(y)
    re = _where(big, _atan2(x, _abs(y)), re)
    re = _where(_equal(x, 0), x, re)
    return Pair(re, _where(big, _copysign(math.inf, y), im))


@body("acos")
def _acos_pair(z: Pair) -> Pair:
    x, y = z
    low, high = _roots(z)
    re = _atan2(low.re, high.re) * 2.0
    im = _copysign(_abs(_asinh(high.re * low.im - high.im * low.re)), -y)
    big = _isinf(x) | _isinf(y)
    re = _where(big, _atan2(_abs(y), x), re)
    re = _where(_equal(x, 0) & _isnan(y), math.pi / 2, re)
    return Pair(re, _where(big, _copysign(math.inf, -y), im))


@body("acosh")
def _acosh_pair(z: Pair) -> Pair:
    """i acos(z) or its negative: whichever has no negative real part."""
    found = _acos_pair(z)
    re, im = _abs(found.im), _copysign(found.re, z.im)
    return Pair(re, im)


@body("atanh")
def _atanh_pair(z: Pair) -> Pair:
    x, y = z
    size = _size(z)
    large = size > 1e6  # there atanh(z) is 1/z and a quarter turn
    a, b = _where(large, 0, _abs(x)), _where(large, 0, y)
    low = 1.0 - a
    re = _log1p(a * 4.0 / (low * low + b * b)) * 0.25
    pole = _maximum(_abs(low), _abs(b)) < 1e-6  # where the squares vanish
    re = _where(pole, (math.log(2) - _log_size(low, b)) * 0.5, re)
    re = _copysign(re, x)
    im = _atan2(b * 2.0, low * (a + 1.0) - b * b) * 0.5
    longest = _where(_equal(size, 0), 1, size)
    re = _where(large, x / longest / longest, re)
    im = _where(large, _copysign(math.pi / 2, y), im)
    edge = _isinf(x) | _isinf(y)
    re = _where(edge, _copysign(0.0, x), re)
    re = _where(_equal(x, 0), x, re)
    im = _where(_isnan(y), math.nan, im)
    return Pair(re, _where(_isnan(x) & ~_isinf(y), math.nan, im))


def _unturned(fn: Callable[[Pair], Pair]) -> Callable[[Pair], Pair]:
    """i f(-i z)."""

    def of(z: Pair) -> Pair:
        found = fn(Pair(z.im, -z.re))
        return Pair(-found.im, found.re)

    return of


BODIES["asinh"] = _unturned(_asin_pair)
BODIES["atan"] = _turned(_atanh_pair)
