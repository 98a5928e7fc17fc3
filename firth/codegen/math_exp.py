"""exp, expm1, log, log1p, tanh, erf and pow on lanes of float32 or float64."""

from __future__ import annotations

from math import inf, nan
from typing import Final

from firth.base import dtype as dt
from firth.codegen import math_tables as table
from firth.codegen.math_lanes import Lanes
from firth.codegen.types import register_type

LOG2_E: Final = 1.4426950408889634
# log(2) in two parts; n times the first is exact for every exponent n
LN2_F32: Final = (0.693359375, -0.00021219444170128554)
LN2_F64: Final = (0.6931471803691238, 1.9082149292705877e-10)
LN2_PAIR: Final = (0.6931471805599453, 2.3190468138462996e-17)
ROOT_HALF: Final = 0.7071067811865476


def _reduce(m: Lanes, x: str) -> tuple[str, str]:
    """x = n log(2) + r: (r, n as an integer)."""
    high, low = LN2_F32 if m.single else LN2_F64
    whole, n = m.nearest(x, LOG2_E)
    return m.fma(whole, -low, m.fma(whole, -high, x)), n


def _exp_minus_1(m: Lanes, r: str) -> str:
    """exp(r) - 1 for a reduced r."""
    p = m.poly(r, table.EXP_F32 if m.single else table.EXP_F64)
    return m.fma(m.mul(r, r), p, r)


def _exp_reduced(m: Lanes, r: str) -> str:
    """exp(r) for a reduced r."""
    p = m.poly(r, table.EXP_F32 if m.single else table.EXP_F64)
    return m.fma(m.fma(p, r, 1.0), r, 1.0)


def exp(m: Lanes, x: str) -> str:
    """e**x; overflow to infinity, gradual underflow."""
    low, high = (-104.0, 89.0) if m.single else (-746.0, 710.0)
    r, n = _reduce(m, m.at_least(m.at_most(x, high), low))
    return m.scale(_exp_reduced(m, r), n)


def exp_in_range(m: Lanes, x: str) -> str:
    """e**x where the result is known to be a normal number."""
    r, n = _reduce(m, x)
    return m.mul(_exp_reduced(m, r), m.power_of_two(n))


def _expm1_in_range(m: Lanes, x: str) -> str:
    """e**x - 1 where e**x is known to be a normal number."""
    r, n = _reduce(m, x)
    power = m.power_of_two(n)
    return m.fma(power, _exp_minus_1(m, r), m.sub(power, 1.0))


def expm1(m: Lanes, x: str) -> str:
    """e**x - 1."""
    low, high, tiny = (-30.0, 89.0, 2.0**-26) if m.single else (-60.0, 710.0, 2.0**-55)
    r, n = _reduce(m, m.at_least(m.at_most(x, high), low))
    half = m.power_of_two(m.int_op("sub", n, 1))  # 2**n itself may overflow
    y = m.fma(half, _exp_minus_1(m, r), m.sub(half, 0.5))
    return m.select(m.less(m.abs(x), tiny), x, m.add(y, y))


def _split_exponent(m: Lanes, x: str) -> tuple[str, str]:
    """x = 2**k * f with sqrt(1/2) <= f < sqrt(2), for a normal x: (f, k as an integer)."""
    one = m.bias << m.mantissa
    root = 0x3F3504F3 if m.single else 0x3FE6A09E667F3BCD
    bits = m.bits(x)
    k = m.int_op("lshr", m.int_op("add", bits, one - root), m.mantissa)
    k = m.int_op("sub", k, m.bias)
    return m.floats(m.int_op("sub", bits, m.int_op("shl", k, m.mantissa))), k


def _log_1_plus(m: Lanes, f: str, k: str) -> str:
    """k log(2) + log(1 + f) for a reduced 1 + f."""
    z = m.mul(f, f)
    if m.single:
        high, low = LN2_F32
        y = m.mul(m.mul(z, f), m.poly(f, table.LOG_F32))
        y = m.fma(-0.5, z, m.fma(k, low, y))
        return m.fma(k, high, m.add(f, y))
    high, low = LN2_F64
    s = m.div(f, m.add(f, 2.0))
    t = m.mul(s, s)
    half = m.mul(z, 0.5)
    y = m.fma(k, low, m.mul(s, m.fma(t, m.poly(t, table.LOG_F64), half)))
    return m.fma(k, high, m.sub(f, m.sub(half, y)))


def _log_limits(m: Lanes, x: str, y: str, at: float) -> str:
    """y, but -inf where x == at, NaN below, and infinity and NaN as they came."""
    y = m.select(m.less(x, inf), y, x)
    y = m.select(m.less(x, at), nan, y)
    return m.select(m.equal(x, at), -inf, y)


def _normal(m: Lanes, x: str) -> tuple[str, str, float]:
    """Subnormal numbers scaled up: (the number, where it was scaled, by how many bits)."""
    bits = m.mantissa + 1
    small = m.less(x, 2.0 ** (1 - m.bias))
    return m.select(small, m.mul(x, 2.0**bits), x), small, float(bits)


def log(m: Lanes, x: str) -> str:
    """The natural logarithm."""
    scaled, small, bits = _normal(m, x)
    f, k = _split_exponent(m, scaled)
    k = m.sub(m.from_small_int(k), m.select(small, bits, 0.0))
    return _log_limits(m, x, _log_1_plus(m, m.sub(f, 1.0), k), 0.0)


def log1p(m: Lanes, x: str) -> str:
    """log(1 + x)."""
    u, lost = m.total(1.0, x)
    f, k = _split_exponent(m, u)
    # what rounding 1 + x lost, scaled like f; far below f where 2**-k would be subnormal
    down = m.int_op("sub", 2 * m.bias - 3, m.int_op("add", k, m.bias))
    down = m.b.op(
        f"select {_mask(m)} {m.int_compare('slt', k, 100)}, {m.int_type} {down}, "
        f"{m.int_type} {m.integer(m.bias - 103)}"
    )
    scale = m.mul(m.floats(m.int_op("shl", down, m.mantissa)), 8.0)
    f = m.fma(lost, scale, m.sub(f, 1.0))
    y = _log_limits(m, x, _log_1_plus(m, f, m.from_small_int(k)), -1.0)
    return m.select(m.equal(x, 0.0), x, y)


def _mask(m: Lanes) -> str:
    return register_type(dt.bool_, m.lanes)


def tanh(m: Lanes, x: str) -> str:
    """The hyperbolic tangent: e / (e + 2) with e = exp(2 x) - 1."""
    a = m.at_most(m.abs(x), 10.0 if m.single else 20.0)
    e = _expm1_in_range(m, m.add(a, a))
    return m.with_sign(m.div(e, m.add(e, 2.0)), m.sign(x))


def erf(m: Lanes, x: str) -> str:
    """The error function; for float32 1 - exp(t), t = log(1 - erf(x)) over the whole range."""
    a = m.abs(x)
    if m.single:
        a = m.at_most(a, 4.0)
        e = _expm1_in_range(m, m.fma(a, m.poly(a, table.ERFC_F32), m.neg(a)))
        return m.with_sign(m.neg(e), m.sign(x))
    z = m.mul(a, a)
    small = m.fma(a, m.poly(z, table.ERF_F64), a)
    bounded = m.at_least(m.at_most(a, 6.0), 0.5)
    tail = m.poly(m.sub(bounded, 3.0), table.ERFC_F64)
    large = m.sub(1.0, exp_in_range(m, m.mul(bounded, tail)))
    return m.with_sign(m.select(m.less(a, 1.0), small, large), m.sign(x))


def _power_f32(m: Lanes, x: str, y: str) -> str:
    """x**y for x >= 0, in double precision lanes."""
    d = Lanes(m.b, dt.float64, m.lanes, m.facts)
    x, y = (m.b.op(f"fpext {m.type} {v} to {d.type}") for v in (x, y))
    f, k = _split_exponent(d, x)  # every single is normal as a double
    f = d.sub(f, 1.0)
    s = d.div(f, d.add(f, 2.0))
    z = d.mul(s, s)
    log1 = d.fma(d.mul(s, z), d.poly(z, table.LOG_37_BITS), d.add(s, s))
    logarithm = d.fma(d.from_small_int(k), LN2_PAIR[0], log1)
    logarithm = d.select(d.equal(x, 0.0), -inf, d.select(d.less(x, inf), logarithm, x))
    t = d.at_least(d.at_most(d.mul(y, logarithm), 100.0), -120.0)
    r, n = _reduce(d, t)
    p = d.fma(d.mul(r, r), d.poly(r, table.EXP_40_BITS), d.add(r, 1.0))
    result = d.mul(p, d.power_of_two(n))
    return m.b.op(f"fptrunc {d.type} {result} to {m.type}")


def _log_pair(m: Lanes, x: str) -> tuple[str, str]:
    """log(x) of a double as an unevaluated sum of two, about 2**-66 apart from the truth."""
    scaled, small, bits = _normal(m, x)
    f, k = _split_exponent(m, scaled)
    k = m.sub(m.from_small_int(k), m.select(small, bits, 0.0))
    f = m.sub(f, 1.0)
    d, d_low = m.total(2.0, f)
    s = m.div(f, d)
    p, p_low = m.product(s, d)
    s_low = m.div(m.sub(m.sub(m.sub(f, p), p_low), m.mul(s, d_low)), d)
    # log(1 + f) = 2 s + s z (2/3 + z R), z = s**2; s z 2/3 is kept in two parts as well
    z, z_low = m.product(s, s)
    z_low = m.fma(m.add(s, s), s_low, z_low)
    tail = m.poly(z, _LOG_PAIR_REST)
    third, third_low = m.product(z, 2.0 / 3.0)
    third_low = m.fma(z_low, 2.0 / 3.0, m.fma(z, 3.700743415417188e-17, third_low))
    third_low = m.fma(m.mul(z, z), tail, third_low)
    factor, factor_low = m.total(2.0, third)
    factor_low = m.add(factor_low, third_low)
    high, low = m.product(s, factor)
    low = m.add(m.fma(s, factor_low, m.mul(s_low, factor)), low)
    base, base_low = m.product(k, LN2_PAIR[0])
    total, total_low = m.total(base, high)
    rest = m.fma(k, LN2_PAIR[1], m.add(base_low, m.add(total_low, low)))
    return m.total(total, rest)


def _power_f64(m: Lanes, x: str, y: str) -> str:
    """x**y for x >= 0."""
    high, low = _log_pair(m, x)
    high = m.select(m.equal(x, 0.0), -inf, m.select(m.less(x, inf), high, x))
    if not m.fused:  # splitting a huge y overflows; 2**100 is as far beyond every result
        y = m.at_least(m.at_most(y, 2.0**100), -(2.0**100))
    t, err = m.product(y, high)
    err = m.fma(y, low, err)
    # beyond, the result is 0 or infinity, and infinities must not meet in the error term
    ordinary = m.less(m.abs(t), 800.0)
    err = m.select(ordinary, err, 0.0)
    t = m.at_least(m.at_most(t, 710.0), -746.0)
    r, n = _reduce(m, t)
    e = _exp_minus_1(m, r)
    e = m.add(m.fma(err, m.add(e, 1.0), e), 1.0)
    return m.scale(e, n)


def pow(m: Lanes, x: str, y: str) -> str:
    """x**y with the special cases of C99's Annex F."""
    a, b = m.abs(x), m.abs(y)
    result = _power_f32(m, a, y) if m.single else _power_f64(m, a, y)
    # even where |y| is beyond every odd number, which also keeps the conversion defined
    bounded = m.select(m.less(b, 2.0 ** (m.mantissa + 2)), y, 2.0 ** (m.mantissa + 2))
    whole = m.b.op(f"fptosi {m.type} {bounded} to {m.int_type}")
    back = m.b.op(f"sitofp {m.int_type} {whole} to {m.type}")
    fraction = m.invert(m.equal(back, bounded))
    odd = m.int_op("shl", whole, m.dtype.bits - 1)
    flipped = m.with_sign(result, m.int_op("and", odd, m.sign(x)))
    result = m.select(fraction, result, flipped)
    finite_negative = m.logic("and", m.less(x, 0.0), m.less(-inf, x))
    result = m.select(m.logic("and", finite_negative, fraction), nan, result)
    unit = m.logic("and", m.equal(a, 1.0), m.equal(b, inf))
    unit = m.logic("or", unit, m.logic("or", m.equal(x, 1.0), m.equal(y, 0.0)))
    return m.select(unit, 1.0, result)


# Taylor's series of log: z is below 0.0295, and the first term must be exact
_LOG_PAIR_REST: Final = tuple(2.0 / k for k in range(5, 30, 2))
