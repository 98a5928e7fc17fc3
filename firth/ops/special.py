"""Special functions: gamma, error and Bessel functions as kernels, the rarer ones by NumPy.

A formula is written once: with expressions it is the body that is compiled, with float64 arrays
the meaning. The Chebyshev series in it are accurate to float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable
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
from firth.ops.series import series
from firth.ops.special_tables import (
    COTANGENT,
    ERFCX,
    ERFINV_FAR,
    ERFINV_NEAR,
    I0_FAR,
    I0_NEAR,
    I0_SMALL,
    I1_FAR,
    I1_NEAR,
    I1_SMALL,
    J0_NEAR,
    J1_NEAR,
    K0_FAR,
    K0_NEAR,
    K1_FAR,
    K1_NEAR,
    PHASE_0,
    PHASE_1,
    SINE,
    STIRLING,
    STIRLING_SLOPE,
    WAVE_0,
    WAVE_1,
    Y0_NEAR,
    Y1_NEAR,
)

Value = Any  # an expression or an array


def _either(name: str, plain: Callable[..., Any]) -> Callable[..., Any]:
    """The op on expressions, NumPy's function on arrays."""

    def call(*xs: Value) -> Value:
        return TABLE[name](*xs) if any(isinstance(x, Expr) for x in xs) else plain(*xs)

    return call


_abs, _exp, _log = _either("abs", np.abs), _either("exp", np.exp), _either("log", np.log)
_sqrt, _sin, _cos = _either("sqrt", np.sqrt), _either("sin", np.sin), _either("cos", np.cos)
_floor, _round = _either("floor", np.floor), _either("round", np.rint)
_log1p, _maximum = _either("log1p", np.log1p), _either("maximum", np.maximum)
_where, _equal = _either("where", np.where), _either("equal", np.equal)


# --- gamma ----------------------------------------------------------------------------------------

_SHIFT = 8


def _lgamma(x: Value) -> Value:
    """Stirling's series after a shift; below 1/2 by reflection."""
    low = x < 0.5
    y = _where(low, 1.0 - x, x)
    small = y < _SHIFT
    ends = y * (y + 7.0)  # times (y + 1)(y + 6), (y + 2)(y + 5), (y + 3)(y + 4)
    product = _where(small, ends * (ends + 6.0) * (ends + 10.0) * (ends + 12.0), 1.0)
    shifted = _where(small, y + float(_SHIFT), y)
    r = 1.0 / shifted
    steep = _log(shifted)
    found = (shifted - 0.5) * steep - shifted + 0.5 * math.log(2 * math.pi)
    found = found + series(STIRLING, r * r) * r
    found = _where(y > 1e30, y * (steep - 1.0), found)
    gap = _abs(x - _round(x))
    tiny = gap < 1e-30  # quotients of such would lose bits, or vanish
    scaled = _where(tiny, gap * 2.0**100, gap)
    below = scaled * series(SINE, gap * gap) / product
    mirrored = _where(tiny, 100 * math.log(2) - found, -found)
    # one logarithm for both sides
    found = _where(low, mirrored, found) - _log(_where(low, below, product))
    return _where((x <= 0) & _equal(x, _floor(x)), math.inf, found)


def _digamma(x: Value) -> Value:
    """The asymptotic series after a shift; below 1/2 by reflection."""
    low = x < 0.5
    y = _where(low, 1.0 - x, x)
    small = y < _SHIFT
    # 1 / y + 1 / (y + 1) + ... + 1 / (y + 7): the first and the last together, and so on
    ends = y * (y + 7.0)
    outer, inner = ends * (ends + 6.0), (ends + 10.0) * (ends + 12.0)
    above = (ends + 3.0) * inner + (ends + 11.0) * outer
    total = _where(small, (y + 3.5) * above * 4.0 / (outer * inner), 0.0)
    shifted = _where(small, y + float(_SHIFT), y)
    r = 1.0 / shifted
    square = r * r
    found = _log(shifted) - r * 0.5 - series(STIRLING_SLOPE, square) * square - total
    gap = x - _round(x)
    found = _where(low, found - series(COTANGENT, gap * gap) / gap, found)
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


def _erfcx_above(x: Value) -> Value:
    """erfcx of x of at least 0."""
    near = series(ERFCX, (x - 3.75) / (x + 3.75)) / (x * 2.0 + 1.0)
    return _where(x > 7e4, 1.0 / (x * math.sqrt(math.pi)), near)


def _erfcx(x: Value) -> Value:
    found = _erfcx_above(_abs(x))
    return _where(x < 0, _exp(x * x) * 2.0 - found, found)


erfcx = function(
    "erfcx", _erfcx, (-2, 9), doc="exp(x * x) * erfc(x), which does not underflow", lower=_erfcx,
    vjp=lambda g, y, x: (g * (x * y * 2.0 - 2 / math.sqrt(math.pi)),),
)  # fmt: skip


def _erfinv_over(w: Value) -> Value:
    """erfinv(x) / x from w = -log(1 - x * x)."""
    root = _sqrt(_maximum(w, 6.25))
    return _where(w < 6.25, series(ERFINV_NEAR, w), series(ERFINV_FAR, 1.0 / root) * root)


def _erfinv(x: Value) -> Value:
    size = _abs(x)
    found = _erfinv_over(-_log((1.0 - size) * (size + 1.0))) * x
    return _where(_equal(size, 1.0), x * math.inf, _where(size <= 1.0, found, math.nan))


def _ndtri(p: Value) -> Value:
    """By erfinv(2p - 1), whose 1 - x * x is 4p(1 - p) without cancellation."""
    x = p * 2.0 - 1.0
    found = _erfinv_over(-_log(p * 4.0 * (1.0 - p))) * x * math.sqrt(2)
    edge = _where(_equal(p, 0.0), -math.inf, _where(_equal(p, 1.0), math.inf, math.nan))
    return _where((p > 0) & (p < 1), found, edge)


erfinv = function(
    "erfinv", _erfinv, (-0.95, 0.95), doc="The inverse of erf", lower=_erfinv,
    vjp=lambda g, y, x: (g * _exp(y * y) * (math.sqrt(math.pi) / 2),),
)  # fmt: skip
ndtri = function(
    "ndtri", _ndtri, (0.05, 0.95), doc="The inverse of ndtr: standard normal quantiles",
    lower=_ndtri, vjp=lambda g, y, x: (g * _exp(y * y * 0.5) * math.sqrt(2 * math.pi),),
)  # fmt: skip


def _log_ndtr(x: Value) -> Value:
    """By erfcx of |x| / sqrt(2), of which erfc of either sign is made."""
    u = x * math.sqrt(0.5)
    scaled, square = _erfcx_above(_abs(u)) * 0.5, u * u
    tail = scaled * _exp(_where(x < 0, 0.0, -square))  # no subnormals where it does not count
    return _where(x < 0, _log(scaled) - square, _log1p(-tail))


log_ndtr = function(
    "log_ndtr", _log_ndtr, (-6, 4), doc="The logarithm of the standard normal distribution",
    lower=_log_ndtr,
    vjp=lambda g, y, x: (g * _exp(x * x * -0.5 - y) * (1 / math.sqrt(2 * math.pi)),),
)  # fmt: skip

# --- modified Bessel functions --------------------------------------------------------------------


def _i0e(x: Value) -> Value:
    size = _abs(x)
    return _where(size < 8.0, series(I0_NEAR, size), series(I0_FAR, 8.0 / size) / _sqrt(size))


def _i1e(x: Value) -> Value:
    size = _abs(x)
    far = series(I1_FAR, 8.0 / size) / _sqrt(size)
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


def _k0(x: Value, scale: float) -> Value:
    """K0, times exp(x) where scale is 1."""
    square = x * x
    near = series(K0_NEAR, square) - (_log(x) - math.log(2)) * series(I0_SMALL, square)
    return _either_side(x, near, series(K0_FAR, 2.0 / x) / _sqrt(x), scale)


def _k1(x: Value, scale: float) -> Value:
    """K1, times exp(x) where scale is 1."""
    square = x * x
    near = series(K1_NEAR, square) / x + (_log(x) - math.log(2)) * series(I1_SMALL, square) * x
    return _either_side(x, near, series(K1_FAR, 2.0 / x) / _sqrt(x), scale)


def _either_side(x: Value, near: Value, far: Value, scale: float) -> Value:
    """Below 2 and from there on, where the formula gives it times exp(x)."""
    near = _where(_equal(x, 0.0), math.inf, _where(x < 0, math.nan, near))
    if scale:
        return _where(x < 2.0, near * _exp(x), far)
    return _where(x < 2.0, near, far * _exp(-x))


def _flat(name: str, formula: Callable[[Value], Value], low: float, doc: str) -> Op:
    """A function without a gradient, as in PyTorch."""
    return elementwise(
        name, formula, doc=f"{doc}, element by element: x (...) float -> (...).",
        operands=floating, lower=formula, tolerance=LOOSE,
        sample=uniform((low, 20), smooth=False),
    )  # fmt: skip


modified_bessel_k0 = _flat("modified_bessel_k0", lambda x: _k0(x, 0), 0.1,
                           "The modified Bessel function K0")  # fmt: skip
modified_bessel_k1 = _flat("modified_bessel_k1", lambda x: _k1(x, 0), 0.1,
                           "The modified Bessel function K1")  # fmt: skip
scaled_modified_bessel_k0 = _flat("scaled_modified_bessel_k0", lambda x: _k0(x, 1), 0.1,
                                  "exp(x) * K0(x)")  # fmt: skip
scaled_modified_bessel_k1 = _flat("scaled_modified_bessel_k1", lambda x: _k1(x, 1), 0.1,
                                  "exp(x) * K1(x)")  # fmt: skip

# --- Bessel functions -----------------------------------------------------------------------------


def _far(x: Value, order: int, trigonometric: Callable[[Value], Value]) -> Value:
    """Far from 0: sqrt(2 / (pi x)) times a wave whose size and phase change slowly."""
    size, phase = ((WAVE_0, PHASE_0), (WAVE_1, PHASE_1))[order]
    x = _maximum(x, 8.0)  # angles of any size would take the long way
    r = 8.0 / x
    square = r * r
    angle = x + (series(phase, square) * r - (2 * order + 1) * math.pi / 4)
    wave = series(size, square) * trigonometric(angle) * _sqrt(2 / math.pi / x)
    return _where(_equal(x, math.inf), 0.0, wave)


def _j0(x: Value) -> Value:
    size = _abs(x)
    return _where(size < 8.0, series(J0_NEAR, x * x), _far(size, 0, _cos))


def _j1(x: Value) -> Value:
    size = _abs(x)
    far = _far(size, 1, _cos)
    return _where(size < 8.0, series(J1_NEAR, x * x) * x, _where(x < 0, -far, far))


def _y0(x: Value) -> Value:
    square = x * x
    near = series(Y0_NEAR, square) + _log(x) * series(J0_NEAR, square) * (2 / math.pi)
    return _second(x, near, _far(x, 0, _sin))


def _y1(x: Value) -> Value:
    square = x * x
    near = _log(x) * (series(J1_NEAR, square) * x) - 1.0 / x
    near = series(Y1_NEAR, square) * x + near * (2 / math.pi)
    return _second(x, near, _far(x, 1, _sin))


def _second(x: Value, near: Value, far: Value) -> Value:
    """Below 8 and from there on, of functions that are infinite at 0 and undefined below."""
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
