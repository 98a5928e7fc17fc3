"""sin, cos, tan, asin, acos and atan on lanes of float32 or float64."""

from __future__ import annotations

from math import nan
from typing import Final

from firth.base import dtype as dt
from firth.codegen import math_tables as table
from firth.codegen.math_lanes import Lanes
from firth.codegen.types import literal, register_type, scalar_type

TWO_OVER_PI: Final = 0.6366197723675814
# pi / 2 as a sum
HALF_PI_F32: Final = (1.5707963705062866, -4.371138828673793e-08, -1.7151245100058819e-15)
HALF_PI_F64: Final = (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33)
# the first two with 33 bits, so that products with whole numbers up to 2**20 are exact
HALF_PI_SHORT: Final = (1.5707963267341256, 6.077100506303966e-11, 2.0222662487959506e-21)


def _reduction_helper(single: bool) -> tuple[str, str]:
    """(name, text) of a function that replaces numbers x >= 2**16 by x mod pi/2 in [-pi/4, pi/4]
    and writes their quadrants.

    Payne and Hanek, 'Radian reduction for trigonometric functions' (1983): x = m 2**e is multiplied
    with those bits of 2/pi that matter, modulo 4, in 32-bit pieces. One lane at a time: it is
    rare, so LLVM shall take no time over it (optnone).
    """
    name = f"firth_reduce_{'f32' if single else 'f64'}"
    words = ", ".join(f"i32 {w}" for w in table.TWO_OVER_PI)
    number, integer = ("float", "i32") if single else ("double", "i64")
    return name, "\n".join([
        f"@{name}_bits = internal constant [{len(table.TWO_OVER_PI)} x i32] [{words}]",
        f"define internal void @{name}(ptr %xs, ptr %quadrants, i64 %size)",
        "nounwind noinline optnone {",
        "entry:",
        "br label %lane",
        "lane:",
        "%i = phi i64 [ 0, %entry ], [ %next, %lane ]",
        f"%x_at = getelementptr {number}, ptr %xs, i64 %i",
        f"%q_at = getelementptr {integer}, ptr %quadrants, i64 %i",
        f"%bits = load {integer}, ptr %x_at, align 4",
        *(_far_f32(name) if single else _far_f64(name)),
        f"store {integer} %quadrant, ptr %q_at, align 4",
        f"store {number} %rest, ptr %x_at, align 4",
        "%next = add i64 %i, 1",
        "%more = icmp ult i64 %next, %size",
        "br i1 %more, label %lane, label %out",
        "out:",
        "ret void",
        "}",
    ])  # fmt: skip


def _words(name: str, count: int) -> list[str]:
    """Loads words %w0, %w1, ... of 2/pi, of which the first is number %s."""
    lines = [f"%w_at = getelementptr i32, ptr @{name}_bits, i64 %s"]
    for k in range(count):
        lines += [
            f"%w{k}_at = getelementptr i32, ptr %w_at, i64 {k}",
            f"%w{k}_32 = load i32, ptr %w{k}_at, align 4",
            f"%w{k} = zext i32 %w{k}_32 to i64",
        ]
    return lines


def _far_f32(name: str) -> list[str]:
    """%bits -> %rest and %quadrant: 24 bits of x times 128 of 2/pi leave 62 of the fraction; no
    float32 is so near to a multiple of pi/2 that fewer than 30 of them are left."""
    pi_half = literal(HALF_PI_F64[0] * 2.0**-64, dt.float64)
    lines = [
        "%raw = zext i32 %bits to i64",
        "%exp0 = lshr i64 %raw, 23",
        "%exp = call i64 @llvm.smax.i64(i64 %exp0, i64 88)",
        "%man0 = and i64 %raw, 8388607",
        "%m = or i64 %man0, 8388608",
        "%e = sub i64 %exp, 88",  # x = m * 2**(e - 62); the word at e / 32 gives multiples of 4
        "%s0 = lshr i64 %e, 5",
        "%s = add i64 %s0, 1",
        "%shift = and i64 %e, 31",
        *_words(name, 4),
        "%p3 = mul i64 %w3, %m",
    ]
    for k in (2, 1, 0):
        lines += [
            f"%c{k} = lshr i64 %p{k + 1}, 32",
            f"%a{k} = mul i64 %w{k}, %m",
            f"%p{k} = add i64 %a{k}, %c{k}",
        ]
    for half, k in (("hi", 0), ("lo", 2)):
        lines += [
            f"%{half}1 = shl i64 %p{k}, 32",
            f"%{half}0 = and i64 %p{k + 1}, 4294967295",
            f"%{half} = or i64 %{half}1, %{half}0",
        ]
    return [
        *lines,
        "%v = call i64 @llvm.fshl.i64(i64 %hi, i64 %lo, i64 %shift)",  # in units of 4 / 2**64
        "%near = add i64 %v, 2305843009213693952",
        "%n = lshr i64 %near, 62",
        "%quadrant = trunc i64 %n to i32",
        "%f = shl i64 %v, 2",
        "%d0 = sitofp i64 %f to double",
        f"%d = fmul double %d0, {pi_half}",
        "%infinite = icmp eq i64 %exp0, 255",
        f"%r = select i1 %infinite, double {literal(nan, dt.float64)}, double %d",
        "%rest = fptrunc double %r to float",
    ]


def _far_f64(name: str) -> list[str]:
    """%bits -> %rest and %quadrant: 53 bits of x times 256 of 2/pi, modulo 4."""
    lines = [
        "%exp0 = lshr i64 %bits, 52",
        "%exp = call i64 @llvm.smax.i64(i64 %exp0, i64 1013)",
        "%man0 = and i64 %bits, 4503599627370495",
        "%man = or i64 %man0, 4503599627370496",
        "%e = sub i64 %exp, 1013",  # x = man * 2**(e - 62)
        "%s = lshr i64 %e, 5",
        "%shift = and i64 %e, 31",
        "%m0 = and i64 %man, 4294967295",
        "%m1 = lshr i64 %man, 32",
        *_words(name, 8),
    ]
    for row, first in (("0", 0), ("1", 1)):
        carry = "0"
        for j in range(first, 8):  # digits, the lowest first: a of the first row, b of both
            here = f"%{'ab'[first]}{j}"
            lines.append(f"{here}m = mul i64 %w{7 - j + first}, %m{row}")
            lines.append(f"{here}c = add i64 {here}m, {carry}")
            if first:
                lines.append(f"{here}t = add i64 {here}c, %a{j}")
            total = f"{here}t" if first else f"{here}c"
            lines.append(f"{here} = and i64 {total}, 4294967295")
            lines.append(f"{here}k = lshr i64 {total}, 32")
            carry = f"{here}k"
    return [
        *lines,
        # value = (64-bit words P3 P2 P1 ...) * 2**(shift - 222), modulo 4
        "%P1h = shl i64 %b3, 32",
        "%P1 = or i64 %P1h, %b2",
        "%P2h = shl i64 %b5, 32",
        "%P2 = or i64 %P2h, %b4",
        "%P3h = shl i64 %b7, 32",
        "%P3 = or i64 %P3h, %b6",
        "%up = add i64 %shift, 32",
        "%hi = call i64 @llvm.fshl.i64(i64 %P3, i64 %P2, i64 %up)",
        "%lo = call i64 @llvm.fshl.i64(i64 %P2, i64 %P1, i64 %up)",
        "%quad = lshr i64 %hi, 62",
        "%f1 = call i64 @llvm.fshl.i64(i64 %hi, i64 %lo, i64 2)",
        "%f0 = shl i64 %lo, 2",
        "%half = lshr i64 %f1, 63",
        "%quadrant = add i64 %quad, %half",
        "%neg = sub i64 0, %half",
        "%g0x = xor i64 %f0, %neg",
        "%g1x = xor i64 %f1, %neg",
        "%g0 = add i64 %g0x, %half",
        "%zero0 = icmp eq i64 %f0, 0",
        "%zero = zext i1 %zero0 to i64",
        "%carry = and i64 %zero, %half",
        "%g1 = add i64 %g1x, %carry",
        "%z = call i64 @llvm.ctlz.i64(i64 %g1, i1 false)",
        "%top = call i64 @llvm.fshl.i64(i64 %g1, i64 %g0, i64 %z)",
        "%d = uitofp i64 %top to double",
        "%sx0 = sub i64 959, %z",  # 2**-(64 + z)
        "%sx1 = shl i64 %sx0, 52",
        "%sign = shl i64 %half, 63",
        "%sx = or i64 %sx1, %sign",
        "%sc = bitcast i64 %sx to double",
        "%d1 = fmul double %d, %sc",
        f"%d2 = fmul double %d1, {literal(HALF_PI_F64[0], dt.float64)}",
        "%infinite = icmp eq i64 %exp0, 2047",
        f"%rest = select i1 %infinite, double {literal(nan, dt.float64)}, double %d2",
    ]


def _reduce(m: Lanes, a: str) -> tuple[str, str]:
    """a >= 0 = quadrant * pi/2 + r: (r, quadrant as integers, of which the low two bits count)."""
    limit = 131072.0 if m.single else 2.0**28
    d = Lanes(m.b, dt.float64, m.lanes, m.facts) if m.single else m
    r, n = _reduce_small(m, d, a)
    large = m.less(limit, a)

    def far() -> list[str]:
        for intrinsic in ("smax.i64(i64, i64)", "fshl.i64(i64, i64, i64)", "ctlz.i64(i64, i1)"):
            name = f"llvm.{intrinsic.split('(')[0]}"
            m.b.declares.setdefault(name, f"declare i64 @llvm.{intrinsic}")
        name = m.b.helper(*_reduction_helper(m.single))
        size = m.dtype.itemsize
        numbers = m.b.array(scalar_type(m.dtype), m.lanes, "numbers")
        quadrants = m.b.array(scalar_type(m.int_dtype), m.lanes, "quadrants")
        m.b.store(m.type, a, numbers, size)
        m.b.do(f"call void @{name}(ptr {numbers}, ptr {quadrants}, i64 {m.lanes})")
        r2, n2 = m.b.load(m.type, numbers, size), m.b.load(m.int_type, quadrants, size)
        mask = register_type(dt.bool_, m.lanes)
        n2 = m.b.op(f"select {mask} {large}, {m.int_type} {n2}, {m.int_type} {n}")
        return [m.select(large, r2, r), n2]

    chosen = m.b.maybe(m.any(large), [(m.type, r), (m.int_type, n)], far)
    return chosen[0], chosen[1]


def _reduce_small(m: Lanes, d: Lanes, a: str) -> tuple[str, str]:
    if m.single and not m.fused:
        # products of halves of pi with whole numbers are exact in double precision
        wide = m.b.op(f"fpext {m.type} {a} to {d.type}")
        whole, n = d.nearest(wide, TWO_OVER_PI)
        for part in HALF_PI_SHORT:
            wide = d.sub(wide, d.mul(whole, part))
        return (
            m.b.op(f"fptrunc {d.type} {wide} to {m.type}"),
            m.b.op(f"trunc {d.int_type} {n} to {m.int_type}"),
        )
    whole, n = m.nearest(a, TWO_OVER_PI)
    for part in HALF_PI_F32 if m.single else HALF_PI_F64:
        a = m.exact_fma(whole, -part, a)
    return a, n


def _sin_cos(m: Lanes, r: str) -> tuple[str, str]:
    """sin and cos of a reduced argument."""
    z = m.mul(r, r)
    s = m.poly(z, table.SIN_F32 if m.single else table.SIN_F64)
    c = m.poly(z, table.COS_F32 if m.single else table.COS_F64)
    half = m.mul(z, 0.5)
    head = m.sub(1.0, half)
    lost = m.sub(m.sub(1.0, head), half)
    cosine = m.add(head, m.fma(m.mul(z, z), c, lost))
    return m.fma(m.mul(r, z), s, r), cosine


def _odd(m: Lanes, n: str) -> str:
    return m.int_compare("ne", m.int_op("and", n, 1), 0)


def sin(m: Lanes, x: str) -> str:
    """The sine of x in radians, of any size."""
    r, n = _reduce(m, m.abs(x))
    s, c = _sin_cos(m, r)
    flip = m.int_op("shl", m.int_op("lshr", n, 1), m.dtype.bits - 1)
    return m.with_sign(m.select(_odd(m, n), c, s), m.int_op("xor", flip, m.sign(x)))


def cos(m: Lanes, x: str) -> str:
    """The cosine of x in radians, of any size."""
    r, n = _reduce(m, m.abs(x))
    s, c = _sin_cos(m, r)
    flip = m.int_op("shl", m.int_op("lshr", m.int_op("add", n, 1), 1), m.dtype.bits - 1)
    return m.with_sign(m.select(_odd(m, n), s, c), flip)


def tan(m: Lanes, x: str) -> str:
    """The tangent of x in radians, of any size; float32 by way of double precision."""
    a = m.abs(x)
    sign = m.sign(x)
    if m.single:
        d = Lanes(m.b, dt.float64, m.lanes, m.facts)
        r, n = _reduce(d, m.b.op(f"fpext {m.type} {a} to {d.type}"))
        z = d.mul(r, r)
        s = d.fma(d.mul(r, z), d.poly(z, table.SIN_37_BITS), r)
        c = d.fma(d.mul(z, z), d.poly(z, table.COS_42_BITS), d.fma(z, -0.5, 1.0))
        y = _quotient(d, s, c, n)
        return m.with_sign(m.b.op(f"fptrunc {d.type} {y} to {m.type}"), sign)
    r, n = _reduce(m, a)
    return m.with_sign(_quotient(m, *_sin_cos(m, r), n), sign)


def _quotient(m: Lanes, s: str, c: str, n: str) -> str:
    odd = _odd(m, n)
    return m.div(m.select(odd, c, s), m.select(odd, m.neg(s), c))


def _asin_core(m: Lanes, x: str) -> tuple[str, str, str]:
    """(|x| > 1/2, t, rest) with asin(|x|) or asin(sqrt((1 - |x|) / 2)) = t + rest."""
    a = m.abs(x)
    big = m.less(0.5, a)
    z = m.select(big, m.mul(m.sub(1.0, a), 0.5), m.mul(a, a))
    t = m.select(big, m.call("llvm.sqrt", z), a)
    p = m.poly(z, table.ASIN_F32 if m.single else table.ASIN_F64)
    return big, t, m.mul(m.mul(t, z), p)


def asin(m: Lanes, x: str) -> str:
    """The angle in [-pi/2, pi/2] whose sine is x; NaN outside [-1, 1]."""
    high, low, _ = HALF_PI_F32 if m.single else HALF_PI_F64
    big, t, rest = _asin_core(m, x)
    far = m.sub(m.fma(-2.0, t, high), m.fma(2.0, rest, -low))
    return m.with_sign(m.select(big, far, m.add(t, rest)), m.sign(x))


def acos(m: Lanes, x: str) -> str:
    """The angle in [0, pi] whose cosine is x; NaN outside [-1, 1]."""
    high, low, _ = HALF_PI_F32 if m.single else HALF_PI_F64
    big, t, rest = _asin_core(m, x)
    sign = m.sign(x)
    signed, signed_rest = m.with_sign(t, sign), m.with_sign(rest, sign)
    near = m.sub(high, m.add(signed, m.sub(signed_rest, low)))
    positive = m.add(t, rest)
    negative = m.sub(high, m.add(t, m.sub(rest, low)))
    far = m.select(m.less(x, 0.0), negative, positive)
    return m.select(big, m.add(far, far), near)


def atan(m: Lanes, x: str) -> str:
    """The angle in [-pi/2, pi/2] whose tangent is x."""
    high, low, _ = HALF_PI_F32 if m.single else HALF_PI_F64
    a = m.abs(x)
    steep = m.less(2.414213562373095, a)
    middle = m.less(0.41421356237309503, a)
    num = m.select(steep, -1.0, m.select(middle, m.sub(a, 1.0), a))
    den = m.select(steep, a, m.select(middle, m.add(a, 1.0), 1.0))
    base = m.select(steep, high, m.select(middle, high / 2, 0.0))
    base_low = m.select(steep, low, m.select(middle, low / 2, 0.0))
    t = m.div(num, den)
    z = m.mul(t, t)
    p = m.poly(z, table.ATAN_F32 if m.single else table.ATAN_F64)
    angle = m.add(base, m.add(t, m.fma(m.mul(t, z), p, base_low)))
    return m.with_sign(angle, m.sign(x))
