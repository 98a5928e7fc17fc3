"""Special functions: gamma, error and Bessel functions as kernels, the rarer ones by NumPy.

A formula is written once: with expressions it is the body that is compiled, with float64 arrays
the meaning. The Chebyshev series in it are accurate to float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from firth.ir.op import TABLE, Expr, Op
from firth.ops import special_values as values
from firth.ops.batching import aligned
from firth.ops.compose import function
from firth.ops.elementwise import elementwise, every, floating
from firth.ops.host import host
from firth.ops.rules import (
    LOOSE,
    broadcast_rule,
    cases,
    float_rule,
    no_gradient,
    real_only,
    same,
    uniform,
)
from firth.ops.special_tables import (
    ERFCX,
    ERFINV_FAR,
    ERFINV_LAST,
    ERFINV_MIDDLE,
    ERFINV_NEAR,
    I0_FAR,
    I0_NEAR,
    I1_FAR,
    I1_NEAR,
    J0_NEAR,
    J0_P,
    J0_Q,
    J1_NEAR,
    J1_P,
    J1_Q,
    K0_FAR,
    K0_NEAR,
    K1_FAR,
    K1_NEAR,
    Y0_NEAR,
    Y1_NEAR,
    Table,
)

Value = Any  # an expression or an array


def _either(name: str, plain: Callable[..., Any]) -> Callable[..., Any]:
    """The op on expressions, NumPy's function on arrays."""

    def call(*xs: Value) -> Value:
        return TABLE[name](*xs) if any(isinstance(x, Expr) for x in xs) else plain(*xs)

    return call


_abs, _exp, _log = _either("abs", np.abs), _either("exp", np.exp), _either("log", np.log)
_sqrt, _sin, _cos = _either("sqrt", np.sqrt), _either("sin", np.sin), _either("cos", np.cos)
_tan, _round = _either("tan", np.tan), _either("round", np.rint)
_floor, _log1p = _either("floor", np.floor), _either("log1p", np.log1p)
_where, _equal = _either("where", np.where), _either("equal", np.equal)
_maximum, _minimum = _either("maximum", np.maximum), _either("minimum", np.minimum)


def series(table: Table, x: Value) -> Value:
    """The Chebyshev series of a table by Clenshaw's recurrence; x is held inside its range."""
    low, high, c = table
    x = _minimum(_maximum(x, low), high)
    t = (x * 2.0 - (low + high)) * (1.0 / (high - low))
    b1: Value = t * 0.0
    b2 = b1
    for k in range(len(c) - 1, 0, -1):
        b1, b2 = t * 2.0 * b1 - b2 + c[k], b1
    return t * b1 - b2 + c[0]


# --- gamma ----------------------------------------------------------------------------------------

_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)
_SHIFT = 8
_SINE = [(-1) ** k * math.pi ** (2 * k) / math.factorial(2 * k + 1) for k in range(11)]


def _horner(x: Value, coefficients: Sequence[float]) -> Value:
    """c[0] + c[1] x + c[2] x**2 + ..."""
    found: Value = x * coefficients[-1]
    for c in coefficients[-2:0:-1]:
        found = (found + c) * x
    return found + coefficients[0]


def _lgamma(x: Value) -> Value:
    """Stirling's series after a shift; below 1/2 by reflection."""
    low = x < 0.5
    y = _where(low, 1.0 - x, x)
    small = y < _SHIFT
    ends = y * (y + 7.0)  # times (y + 1)(y + 6), (y + 2)(y + 5), (y + 3)(y + 4)
    product = _where(small, ends * (ends + 6.0) * (ends + 10.0) * (ends + 12.0), 1.0)
    shifted = _where(small, y + float(_SHIFT), y)
    r = 1.0 / shifted
    square = r * r
    tail = _horner(square, [b / (2 * k * (2 * k - 1)) for k, b in enumerate(_BERNOULLI, 1)])
    steep = _log(shifted)
    found = (shifted - 0.5) * steep - shifted + 0.5 * math.log(2 * math.pi) + tail * r
    found = _where(y > 1e30, y * (steep - 1.0), found)
    gap = _abs(x - _round(x))
    tiny = gap < 1e-30  # quotients of such would lose bits, or vanish
    scaled = _where(tiny, gap * 2.0**100, gap)
    below = scaled * _horner(gap * gap, _SINE) / product
    mirrored = _where(tiny, 100 * math.log(2) - found, -found)
    # one logarithm for both sides
    found = _where(low, mirrored, found) - _log(_where(low, below, product))
    return _where((x <= 0) & _equal(x, _floor(x)), math.inf, found)


def _digamma(x: Value) -> Value:
    """The asymptotic series after a shift; below 1/2 by reflection."""
    low = x < 0.5
    y = _where(low, 1.0 - x, x)
    total: Value = _minimum(y, 1.0) * 0.0
    shifted = y
    for k in range(_SHIFT):
        step = y + float(k) < _SHIFT
        total = _where(step, total + 1.0 / (y + float(k)), total)
        shifted = _where(step, y + (k + 1.0), shifted)
    square = 1.0 / (shifted * shifted)
    tail: Value = square * 0.0
    for k in range(len(_BERNOULLI), 0, -1):
        tail = (tail + _BERNOULLI[k - 1] / (2 * k)) * square
    found = _log(shifted) - 0.5 / shifted - tail - total
    gap = x - _round(x)
    found = _where(low, found - math.pi / _tan(gap * math.pi), found)
    pole = _equal(gap, 0.0) & (x < 0)
    return _where(pole, math.nan, _where(_equal(x, 0.0), -1.0 / x, found))


lgamma = function(
    "lgamma", every(lambda v: values.lgamma(v)), (0.1, 9),
    doc="The logarithm of the size of the gamma function", lower=_lgamma,
    vjp=lambda g, y, x: (g * digamma(x),),
)  # fmt: skip
digamma = function(
    "digamma", _digamma, (0.1, 9), doc="The slope of lgamma", lower=_digamma,
    vjp=lambda g, y, x: (g * polygamma(x, n=1),),
)  # fmt: skip
polygamma = host(
    "polygamma", attrs=("n",), shape=same, dtype=real_only("polygamma", float_rule), batch=aligned,
    doc="The n-th derivative of digamma, n of 1 or more: x (...) float -> (...).",
    ref=lambda x, n: values.polygamma(n, x),
    vjp=lambda g, y, x, n: (g * polygamma(x, n=n + 1),),
    sample=cases(lambda make, rng, d: [
        (make(3, 2, low=0.5, high=8), {"n": n}) for n in (1, 2)]),
)  # fmt: skip


def _pair(name: str, doc: str, ref: Callable[..., Any], vjp: Any, low: float, high: float) -> Op:
    return host(
        name, arity=2, doc=f"{doc}, with broadcasting: (...), (...) float -> (...).",
        shape=broadcast_rule(name), dtype=real_only(name, float_rule), ref=ref, vjp=vjp,
        batch=aligned,
        sample=cases(lambda make, rng, d: [
            (make(3, 2, low=low, high=high), make(2, low=low, high=high), {})], smooth=False),
    )  # fmt: skip


def _slope_of_igamma(sign: float) -> Callable[..., Any]:
    def vjp(g: Expr, y: Expr, a: Expr, x: Expr) -> tuple[None, Expr]:
        density = _exp((a - 1.0) * _log(x) - x - lgamma(a))
        return None, _summed(g * density * sign, x)

    return vjp


def _summed(g: Expr, x: Expr) -> Expr:
    """A gradient added up to the shape of a source that broadcast."""
    more = g.ndim - x.ndim
    if more:
        g = TABLE["sum"](g, axes=tuple(range(more)), keepdims=False)
    axes = tuple(i for i, (a, b) in enumerate(zip(g.shape, x.shape, strict=True)) if a != b)
    return TABLE["sum"](g, axes=axes, keepdims=True) if axes else g


igamma = _pair("igamma", "The lower regularised incomplete gamma function P(a, x)",
               values.igamma, _slope_of_igamma(1.0), 0.5, 5)  # fmt: skip
igammac = _pair("igammac", "The upper regularised incomplete gamma function Q(a, x)",
                values.igammac, _slope_of_igamma(-1.0), 0.5, 5)  # fmt: skip
zeta = _pair("zeta", "The Hurwitz zeta function, the sum of (k + y)**-x",
             values.zeta, no_gradient, 1.5, 6)  # fmt: skip

# --- error functions ------------------------------------------------------------------------------


def _erfcx(x: Value) -> Value:
    size = _abs(x)
    t = (size - 3.75) / (size + 3.75)
    far = 1.0 / (size * math.sqrt(math.pi))
    found = _where(size > 7e4, far, series(ERFCX, t) / (size * 2.0 + 1.0))
    return _where(x < 0, _exp(x * x) * 2.0 - found, found)


erfcx = function(
    "erfcx", _erfcx, (-2, 9), doc="exp(x * x) * erfc(x), which does not underflow", lower=_erfcx,
    vjp=lambda g, y, x: (g * (x * y * 2.0 - 2 / math.sqrt(math.pi)),),
)  # fmt: skip


def _erfinv_over(w: Value) -> Value:
    """erfinv(x) / x from w = -log(1 - x * x)."""
    root = _sqrt(_maximum(w, 6.25))
    far = _where(root < 8.0, series(ERFINV_FAR, root), series(ERFINV_LAST, root))
    outer = _where(root < 4.0, series(ERFINV_MIDDLE, root), far)
    return _where(w < 6.25, series(ERFINV_NEAR, w), outer)


def _erfinv(x: Value) -> Value:
    found = _erfinv_over(-(_log1p(x) + _log1p(-x))) * x
    return _where(_equal(_abs(x), 1.0), x * math.inf, _where(_abs(x) <= 1.0, found, math.nan))


def _ndtri(p: Value) -> Value:
    """By erfinv(2p - 1), whose 1 - x * x is 4p(1 - p) without cancellation."""
    x = p * 2.0 - 1.0
    inside = (p > 0) & (p < 1)
    safe = _where(inside, p, 0.5)
    found = _erfinv_over(-(_log(safe * 4.0) + _log1p(-safe))) * x * math.sqrt(2)
    edge = _where(_equal(p, 0.0), -math.inf, _where(_equal(p, 1.0), math.inf, math.nan))
    return _where(inside, found, edge)


erfinv = function(
    "erfinv", _erfinv, (-0.95, 0.95), doc="The inverse of erf", lower=_erfinv,
    vjp=lambda g, y, x: (g * _exp(y * y) * (math.sqrt(math.pi) / 2),),
)  # fmt: skip
ndtri = function(
    "ndtri", _ndtri, (0.05, 0.95), doc="The inverse of ndtr: standard normal quantiles",
    lower=_ndtri, vjp=lambda g, y, x: (g * _exp(y * y * 0.5) * math.sqrt(2 * math.pi),),
)  # fmt: skip


def _log_ndtr(x: Value) -> Value:
    u = x * math.sqrt(0.5)
    low = _log(_erfcx(_maximum(-u, 0.5)) * 0.5) - u * u
    inner = _erfcx(_maximum(u, -0.8)) * _exp(-(u * u)) * 0.5
    return _where(x < -1.0, low, _log1p(-inner))


log_ndtr = function(
    "log_ndtr", _log_ndtr, (-6, 4), doc="The logarithm of the standard normal distribution",
    lower=_log_ndtr,
    vjp=lambda g, y, x: (g * _exp(x * x * -0.5 - y) * (1 / math.sqrt(2 * math.pi)),),
)  # fmt: skip

# --- modified Bessel functions --------------------------------------------------------------------


def _i0e(x: Value) -> Value:
    size = _abs(x)
    outer = _maximum(size, 8.0)
    return _where(size < 8.0, series(I0_NEAR, size), series(I0_FAR, 8.0 / outer) / _sqrt(outer))


def _i1e(x: Value) -> Value:
    size = _abs(x)
    outer = _maximum(size, 8.0)
    far = series(I1_FAR, 8.0 / outer) / _sqrt(outer)
    return _where(size < 8.0, series(I1_NEAR, size) * x, _where(x < 0, -far, far))


def _grown(scaled: Callable[[Value], Value]) -> Callable[[Value], Value]:
    """The function itself from its scaled form, the exponential in two halves."""

    def value(x: Value) -> Value:
        half = _exp(_abs(x) * 0.5)
        return scaled(x) * half * half

    return value


i0 = function("i0", _grown(_i0e), (-9, 9), doc="The modified Bessel function I0",
              lower=_grown(_i0e), vjp=lambda g, y, x: (g * i1(x),))  # fmt: skip
i0e = function("i0e", _i0e, (-9, 9), doc="exp(-|x|) * i0(x)", lower=_i0e,
               vjp=lambda g, y, x: (g * (i1e(x) - TABLE["sign"](x) * y),))  # fmt: skip


def _slope_of_i1(g: Expr, y: Expr, x: Expr) -> tuple[Expr]:
    flat = _equal(x, 0.0)
    return (g * _where(flat, 0.5, i0(x) - y / _where(flat, 1.0, x)),)


def _slope_of_i1e(g: Expr, y: Expr, x: Expr) -> tuple[Expr]:
    flat = _equal(x, 0.0)
    slope = i0e(x) - y * (TABLE["sign"](x) + 1.0 / _where(flat, 1.0, x))
    return (g * _where(flat, 0.5, slope),)


i1 = function("i1", _grown(_i1e), (-9, 9), doc="The modified Bessel function I1",
              lower=_grown(_i1e), vjp=_slope_of_i1)  # fmt: skip
i1e = function("i1e", _i1e, (-9, 9), doc="exp(-|x|) * i1(x)", lower=_i1e,
               vjp=_slope_of_i1e)  # fmt: skip


_LOG_2 = math.log(2)


def _k0e(x: Value) -> Value:
    near_x, far_x = _minimum(x, 2.0), _maximum(x, 2.0)
    near = series(K0_NEAR, near_x * near_x) - (_log(near_x) - _LOG_2) * _grown(_i0e)(near_x)
    far = series(K0_FAR, 2.0 / far_x) / _sqrt(far_x)
    found = _where(x < 2.0, near * _exp(near_x), far)
    return _where(_equal(x, 0.0), math.inf, _where(x < 0, math.nan, found))


def _k1e(x: Value) -> Value:
    near_x, far_x = _minimum(x, 2.0), _maximum(x, 2.0)
    near = (_log(near_x) - _LOG_2) * _grown(_i1e)(near_x)
    near = series(K1_NEAR, near_x * near_x) / near_x + near
    far = series(K1_FAR, 2.0 / far_x) / _sqrt(far_x)
    found = _where(x < 2.0, near * _exp(near_x), far)
    return _where(_equal(x, 0.0), math.inf, _where(x < 0, math.nan, found))


def _decayed(scaled: Callable[[Value], Value]) -> Callable[[Value], Value]:
    return lambda x: scaled(x) * _exp(-x)


def _flat(name: str, formula: Callable[[Value], Value], low: float, doc: str) -> Op:
    """A function without a gradient, as in PyTorch."""
    return elementwise(
        name, formula, doc=f"{doc}, element by element: x (...) float -> (...).",
        operands=floating, lower=formula, tolerance=LOOSE,
        sample=uniform((low, 20), smooth=False),
    )  # fmt: skip


modified_bessel_k0 = _flat("modified_bessel_k0", _decayed(_k0e), 0.1,
                           "The modified Bessel function K0")  # fmt: skip
modified_bessel_k1 = _flat("modified_bessel_k1", _decayed(_k1e), 0.1,
                           "The modified Bessel function K1")  # fmt: skip
scaled_modified_bessel_k0 = _flat("scaled_modified_bessel_k0", _k0e, 0.1, "exp(x) * K0(x)")
scaled_modified_bessel_k1 = _flat("scaled_modified_bessel_k1", _k1e, 0.1, "exp(x) * K1(x)")

# --- Bessel functions -----------------------------------------------------------------------------


def _wave(p: Table, q: Table, order: int, second: bool) -> Callable[[Value], Value]:
    """Far from 0: sqrt(2 / (pi x)) times a wave whose size and phase change slowly."""

    def value(x: Value) -> Value:
        r = 8.0 / x
        angle = x - (2 * order + 1) * math.pi / 4
        sine, cosine = _sin(angle), _cos(angle)
        even, odd = series(p, r * r), series(q, r * r) * r
        wave = even * sine + odd * cosine if second else even * cosine - odd * sine
        return wave * _sqrt(2 / math.pi / x)

    return value


def _j0(x: Value) -> Value:
    size = _abs(x)
    inner, outer = _minimum(size, 8.0), _maximum(size, 8.0)
    far = _where(_equal(size, math.inf), 0.0, _wave(J0_P, J0_Q, 0, False)(outer))
    return _where(size < 8.0, series(J0_NEAR, inner * inner), far)


def _j1(x: Value) -> Value:
    size = _abs(x)
    inner, outer = _minimum(size, 8.0), _maximum(size, 8.0)
    far = _where(_equal(size, math.inf), 0.0, _wave(J1_P, J1_Q, 1, False)(outer))
    found = _where(size < 8.0, series(J1_NEAR, inner * inner) * inner, far)
    return _where(x < 0, -found, found)


def _y0(x: Value) -> Value:
    inner, outer = _minimum(x, 8.0), _maximum(x, 8.0)
    near = series(Y0_NEAR, inner * inner) + _log(inner) * _j0(inner) * (2 / math.pi)
    far = _where(_equal(x, math.inf), 0.0, _wave(J0_P, J0_Q, 0, True)(outer))
    found = _where(x < 8.0, near, far)
    return _where(_equal(x, 0.0), -math.inf, _where(x < 0, math.nan, found))


def _y1(x: Value) -> Value:
    inner, outer = _minimum(x, 8.0), _maximum(x, 8.0)
    near = series(Y1_NEAR, inner * inner) * inner
    near = near + (_log(inner) * _j1(inner) - 1.0 / inner) * (2 / math.pi)
    far = _where(_equal(x, math.inf), 0.0, _wave(J1_P, J1_Q, 1, True)(outer))
    found = _where(x < 8.0, near, far)
    return _where(_equal(x, 0.0), -math.inf, _where(x < 0, math.nan, found))


bessel_j0 = _flat("bessel_j0", _j0, -20, "The Bessel function J0")
bessel_j1 = _flat("bessel_j1", _j1, -20, "The Bessel function J1")
bessel_y0 = _flat("bessel_y0", _y0, 0.1, "The Bessel function Y0")
bessel_y1 = _flat("bessel_y1", _y1, 0.1, "The Bessel function Y1")

# --- orthogonal polynomials -----------------------------------------------------------------------


polynomial = host(
    "polynomial", arity=2, attrs=("kind",), batch=aligned,
    doc="Orthogonal polynomials of degree n (rounded towards 0; 0 below 0), with broadcasting: "
    "x (...) float, n (...) number -> (...).",
    shape=lambda x, n, kind: broadcast_rule("polynomial")(x, n),
    dtype=real_only("polynomial", lambda x, n, kind: float_rule(x)), ref=values.polynomial,
    vjp=no_gradient,
    sample=cases(lambda make, rng, d: [
        (make(3, 2), np.array([0, 5]), {"kind": k}) for k in ("chebyshev_t", "legendre_p")
    ], smooth=False),
)  # fmt: skip
