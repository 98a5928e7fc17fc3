"""Floating-point remainder with the sign of the divisor, exact as fmod is."""

from __future__ import annotations

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.codegen.builder import Builder
from firth.codegen.convert import cast
from firth.codegen.types import constant, register_type, suffix, widen

_FAST = 2.0**28  # up to this quotient, quotient * divisor of two float32 is exact in float64

# x[i] = fmod(x[i], y[i]) for i < n: an infinite y gives x, NaN and zero divisors NaN.
# r - y * 2**k is exact while y * 2**k <= r < y * 2**(k + 1), y normal. A tiny y is scaled by
# f = 2**60 to be normal: first modulo y * f, then r * f once more.
# optnone: the loop waits for its own results, and LLVM shall take no time over what is rare.
_FMOD = """define internal void @firth_fmod(ptr %xs, ptr %ys, i64 %n) nounwind noinline optnone {
entry:
  br label %lane
lane:
  %i = phi i64 [ 0, %entry ], [ %next, %put ]
  %xp = getelementptr double, ptr %xs, i64 %i
  %yp = getelementptr double, ptr %ys, i64 %i
  %x = load double, ptr %xp, align 8
  %y = load double, ptr %yp, align 8
  %ax = call double @llvm.fabs.f64(double %x)
  %ay = call double @llvm.fabs.f64(double %y)
  %tiny = fcmp olt double %ay, 0x03F0000000000000
  %f = select i1 %tiny, double 0x43B0000000000000, double 1.0
  %down = select i1 %tiny, double 0x3C30000000000000, double 1.0
  %yy = fmul double %ay, %f
  %bits = bitcast double %yy to i64
  %ey = lshr i64 %bits, 52
  %finite = fcmp olt double %ax, 0x7FF0000000000000
  %nonzero = fcmp ogt double %ay, 0.0
  %ok = and i1 %finite, %nonzero
  br i1 %ok, label %head, label %put
head:
  %r = phi double [ %ax, %lane ], [ %less, %step ], [ %up, %again ]
  %last = phi i1 [ false, %lane ], [ %last, %step ], [ true, %again ]
  %more = fcmp oge double %r, %yy
  br i1 %more, label %step, label %done
step:
  %rb = bitcast double %r to i64
  %er = lshr i64 %rb, 52
  %k = sub i64 %er, %ey
  %kb = shl i64 %k, 52
  %tb = add i64 %bits, %kb
  %t = bitcast i64 %tb to double
  %over = fcmp ogt double %t, %r
  %one = select i1 %over, i64 4503599627370496, i64 0
  %sb = sub i64 %tb, %one
  %s = bitcast i64 %sb to double
  %less = fsub double %r, %s
  br label %head
done:
  br i1 %last, label %end, label %again
again:
  %up = fmul double %r, %f
  br label %head
end:
  %m = fmul double %r, %down
  %signed = call double @llvm.copysign.f64(double %m, double %x)
  br label %put
put:
  %v = phi double [ 0x7FF8000000000000, %lane ], [ %signed, %end ]
  store double %v, ptr %xp, align 8
  %next = add i64 %i, 1
  %others = icmp ult i64 %next, %n
  br i1 %others, label %lane, label %out
out:
  ret void
}"""


def _each_lane(b: Builder, x: str, y: str, lanes: int) -> str:
    """fmod of float64, lane by lane: rare, or float64."""
    type_ = widen("double", lanes)
    b.declares["llvm.fabs.f64"] = "declare double @llvm.fabs.f64(double)"
    b.declares["llvm.copysign.f64"] = "declare double @llvm.copysign.f64(double, double)"
    b.helper("firth_fmod", _FMOD)
    dividends = b.array("double", lanes, "dividends")
    divisors = b.array("double", lanes, "divisors")
    b.store(type_, x, dividends, 8)
    b.store(type_, y, divisors, 8)
    b.do(f"call void @firth_fmod(ptr {dividends}, ptr {divisors}, i64 {lanes})")
    return b.load(type_, dividends, 8)


def _nearest(b: Builder, x: str, y: str, quotient: str, lanes: int) -> str:
    """x - round(x / y) * y for float64 lanes that hold float32 values and small quotients."""
    type_, mask = widen("double", lanes), widen("i1", lanes)
    magic = constant(1.5 * 2.0**52, dt.float64, lanes)
    moved = b.op(f"fadd {type_} {quotient}, {magic}")
    whole = b.op(f"fsub {type_} {moved}, {magic}")
    rest = b.op(f"fsub {type_} {x}, {b.op(f'fmul {type_} {whole}, {y}')}")
    none = b.op(f"fcmp oeq {type_} {whole}, {constant(0.0, dt.float64, lanes)}")
    finite = b.op(f"fcmp oeq {type_} {x}, {x}")
    keep = b.op(f"and {mask} {none}, {finite}")
    return b.op(f"select {mask} {keep}, {type_} {x}, {type_} {rest}")


def remainder(b: Builder, x: str, y: str, dtype: DType, lanes: int) -> str:
    """The register holding x - floor(x / y) * y, as NumPy's remainder rounds it."""
    type_, mask = widen("double", lanes), widen("i1", lanes)
    p, q = cast(b, x, dtype, dt.float64, lanes), cast(b, y, dtype, dt.float64, lanes)
    if dtype is dt.float64:
        rest = _each_lane(b, p, q, lanes)
    else:
        quotient = b.op(f"fdiv {type_} {p}, {q}")
        fabs = f"llvm.fabs.{suffix('double', lanes)}"
        size = b.intrinsic(fabs, type_, [(type_, quotient)])
        large = b.op(f"fcmp oge {type_} {size}, {constant(_FAST, dt.float64, lanes)}")
        some = large
        if lanes > 1:
            bits = b.op(f"bitcast {mask} {large} to i{lanes}")
            some = b.op(f"icmp ne i{lanes} {bits}, 0")
        rest = b.choose(
            some,
            type_,
            lambda: _each_lane(b, p, q, lanes),
            lambda: _nearest(b, p, q, quotient, lanes),
        )
    zero = constant(0.0, dt.float64, lanes)
    nonzero = b.op(f"fcmp une {type_} {rest}, {zero}")
    below = b.op(f"fcmp olt {type_} {rest}, {zero}")
    below_y = b.op(f"fcmp olt {type_} {q}, {zero}")
    differ = b.op(f"and {mask} {nonzero}, {b.op(f'xor {mask} {below}, {below_y}')}")
    moved = b.op(f"fadd {type_} {rest}, {q}")
    picked = b.op(f"select {mask} {differ}, {type_} {moved}, {type_} {rest}")
    name = f"llvm.copysign.{suffix('double', lanes)}"
    signed_zero = b.intrinsic(name, type_, [(type_, zero), (type_, q)])
    result = b.op(f"select {mask} {nonzero}, {type_} {picked}, {type_} {signed_zero}")
    if dtype is dt.float64:
        return result
    return b.op(f"fptrunc {type_} {result} to {register_type(dtype, lanes)}")
