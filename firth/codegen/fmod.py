"""Floating-point remainder with the sign of the divisor, exact as fmod is."""

from __future__ import annotations

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.codegen.builder import Builder
from firth.codegen.convert import cast
from firth.codegen.types import constant, register_type, suffix, widen

_FAST = 2.0**28  # up to this quotient, quotient * divisor of two float32 is exact in float64

# r - y * 2**k is exact while y * 2**k <= r < y * 2**(k + 1); y is normal, both are positive
_STEPS = """define internal double @firth_fmod_steps(double %x, double %y) nounwind {
entry:
  %bits = bitcast double %y to i64
  %ey = lshr i64 %bits, 52
  br label %head
head:
  %r = phi double [ %x, %entry ], [ %next, %step ]
  %more = fcmp oge double %r, %y
  br i1 %more, label %step, label %done
step:
  %rb = bitcast double %r to i64
  %er = lshr i64 %rb, 52
  %k = sub i64 %er, %ey
  %up = shl i64 %k, 52
  %tb = add i64 %bits, %up
  %t = bitcast i64 %tb to double
  %over = fcmp ogt double %t, %r
  %one = select i1 %over, i64 4503599627370496, i64 0
  %sb = sub i64 %tb, %one
  %s = bitcast i64 %sb to double
  %next = fsub double %r, %s
  br label %head
done:
  ret double %r
}"""

# a tiny y is scaled by 2**60 to be normal: first modulo y * 2**60, then both sides scaled
_FMOD = """define internal double @firth_fmod(double %x, double %y) nounwind {
entry:
  %ax = call double @llvm.fabs.f64(double %x)
  %ay = call double @llvm.fabs.f64(double %y)
  %finite = fcmp olt double %ax, 0x7FF0000000000000
  %nonzero = fcmp ogt double %ay, 0.0
  %ok = and i1 %finite, %nonzero
  br i1 %ok, label %some, label %none
none:
  ret double 0x7FF8000000000000
some:
  %less = fcmp olt double %ax, %ay
  br i1 %less, label %same, label %large
same:
  ret double %x
large:
  %tiny = fcmp olt double %ay, 0x03F0000000000000
  br i1 %tiny, label %scaled, label %plain
plain:
  %a = call double @firth_fmod_steps(double %ax, double %ay)
  br label %done
scaled:
  %yy = fmul double %ay, 0x43B0000000000000
  %b = call double @firth_fmod_steps(double %ax, double %yy)
  %bb = fmul double %b, 0x43B0000000000000
  %c = call double @firth_fmod_steps(double %bb, double %yy)
  %cc = fmul double %c, 0x3C30000000000000
  br label %done
done:
  %m = phi double [ %a, %plain ], [ %cc, %scaled ]
  %signed = call double @llvm.copysign.f64(double %m, double %x)
  ret double %signed
}"""


def _each_lane(b: Builder, x: str, y: str, lanes: int) -> str:
    """fmod of float64, lane by lane; an infinite y gives x, NaN and zero divisors NaN."""
    one = ("double", "double")
    b.declares["llvm.fabs.f64"] = "declare double @llvm.fabs.f64(double)"
    b.declares["llvm.copysign.f64"] = "declare double @llvm.copysign.f64(double, double)"
    b.helper("firth_fmod_steps", _STEPS)
    b.helper("firth_fmod", _FMOD)
    if lanes == 1:
        return b.op(f"call {one[0]} @firth_fmod(double {x}, double {y})")
    type_ = widen("double", lanes)
    result = "poison"
    for lane in range(lanes):
        p = b.op(f"extractelement {type_} {x}, i64 {lane}")
        q = b.op(f"extractelement {type_} {y}, i64 {lane}")
        r = b.op(f"call double @firth_fmod(double {p}, double {q})")
        result = b.op(f"insertelement {type_} {result}, double {r}, i64 {lane}")
    return result


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
