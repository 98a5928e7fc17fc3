"""Casts between element types. Half types are integers, converted here and never by LLVM."""

from __future__ import annotations

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.codegen.builder import Builder
from firth.codegen.types import constant, register_type, scalar_type, suffix, widen


class _Words:
    """Operations on lanes of an integer width, and constants."""

    def __init__(self, b: Builder, bits: int, lanes: int) -> None:
        self.b, self.lanes = b, lanes
        self.dtype = dt.BY_NAME[f"int{bits}"]
        self.type = widen(f"i{bits}", lanes)
        self.mask = widen("i1", lanes)

    def number(self, value: int) -> str:
        return constant(value, self.dtype, self.lanes)

    def do(self, name: str, x: str, y: str | int) -> str:
        y = self.number(y) if isinstance(y, int) else y
        return self.b.op(f"{name} {self.type} {x}, {y}")

    def select(self, condition: str, x: str | int, y: str | int) -> str:
        x = self.number(x) if isinstance(x, int) else x
        y = self.number(y) if isinstance(y, int) else y
        return self.b.op(f"select {self.mask} {condition}, {self.type} {x}, {self.type} {y}")


def bitcast(b: Builder, x: str, source: DType, dtype: DType, lanes: int) -> str:
    """The same bits read as another dtype of the same size."""
    if source.kind == "b":
        x, source = cast(b, x, source, dt.uint8, lanes), dt.uint8
    if dtype.kind == "b":
        return b.op(f"icmp ne {register_type(source, lanes)} {x}, {constant(0, source, lanes)}")
    old, new = register_type(source, lanes), register_type(dtype, lanes)
    return x if old == new else b.op(f"bitcast {old} {x} to {new}")


def cast(b: Builder, x: str, source: DType, dtype: DType, lanes: int) -> str:
    """The value as another dtype: truncating, saturating and NaN to 0 from float to integer."""
    if source is dtype:
        return x
    if source.kind == "f" and source.bits == 16:
        if dtype.kind == "b":
            words = _Words(b, 16, lanes)
            return b.op(f"icmp ne {words.type} {words.do('and', x, 0x7FFF)}, {words.number(0)}")
        x, source = _half_to_single(b, x, source, lanes), dt.float32
        if source is dtype:
            return x
    if dtype.kind == "f" and dtype.bits == 16:
        return _to_half(b, x, source, dtype, lanes)
    old, new = register_type(source, lanes), register_type(dtype, lanes)
    if dtype.kind == "b":
        relation = "fcmp une" if source.kind == "f" else "icmp ne"
        return b.op(f"{relation} {old} {x}, {constant(0, source, lanes)}")
    if source.kind == "b":
        if dtype.kind != "f":
            return b.op(f"zext {old} {x} to {new}")
        one, zero = constant(1, dtype, lanes), constant(0, dtype, lanes)
        return b.op(f"select {old} {x}, {new} {one}, {new} {zero}")
    if source.kind == "f":
        if dtype.kind == "f":
            return b.op(f"{'fpext' if dtype.bits > source.bits else 'fptrunc'} {old} {x} to {new}")
        name = "fptosi" if dtype.kind == "i" else "fptoui"
        into, out = suffix(scalar_type(dtype), lanes), suffix(scalar_type(source), lanes)
        return b.intrinsic(f"llvm.{name}.sat.{into}.{out}", new, [(old, x)])
    if dtype.kind == "f":
        return b.op(f"{'sitofp' if source.kind == 'i' else 'uitofp'} {old} {x} to {new}")
    if dtype.bits == source.bits:
        return x
    if dtype.bits < source.bits:
        return b.op(f"trunc {old} {x} to {new}")
    return b.op(f"{'sext' if source.kind == 'i' else 'zext'} {old} {x} to {new}")


def _half_to_single(b: Builder, x: str, source: DType, lanes: int) -> str:
    words = _Words(b, 32, lanes)
    real = widen("float", lanes)
    wide = b.op(f"zext {widen('i16', lanes)} {x} to {words.type}")
    if source is dt.bfloat16:
        return b.op(f"bitcast {words.type} {words.do('shl', wide, 16)} to {real}")
    # exponent and fraction move into place; infinity and subnormals need another exponent
    size = words.do("shl", words.do("and", wide, 0x7FFF), 13)
    moved = words.do("add", size, 112 << 23)
    special = b.op(f"icmp uge {words.type} {size}, {words.number(0x1F << 23)}")
    normal = words.select(special, words.do("add", moved, 112 << 23), moved)
    subnormal = b.op(f"icmp ult {words.type} {size}, {words.number(1 << 23)}")
    lifted = b.op(f"bitcast {words.type} {words.do('add', size, 113 << 23)} to {real}")
    least = constant(2.0**-14, dt.float32, lanes)
    tiny = b.op(f"bitcast {real} {b.op(f'fsub {real} {lifted}, {least}')} to {words.type}")
    bits = words.select(subnormal, tiny, normal)
    sign = words.do("shl", words.do("and", wide, 0x8000), 16)
    return b.op(f"bitcast {words.type} {words.do('or', bits, sign)} to {real}")


def _to_half(b: Builder, x: str, source: DType, dtype: DType, lanes: int) -> str:
    if source is dt.float64:
        x = _double_to_odd(b, x, lanes)
    elif source is not dt.float32:
        x = cast(b, x, source, dt.float32, lanes)
    words = _Words(b, 32, lanes)
    bits = b.op(f"bitcast {widen('float', lanes)} {x} to {words.type}")
    rounded = _brain(words, bits) if dtype is dt.bfloat16 else _half(words, bits)
    return b.op(f"trunc {words.type} {rounded} to {widen('i16', lanes)}")


def _brain(words: _Words, bits: str) -> str:
    """float32 bits to bfloat16 bits, half to even."""
    odd = words.do("and", words.do("lshr", bits, 16), 1)
    up = words.do("add", words.do("add", bits, 0x7FFF), odd)
    size = words.do("and", bits, 0x7FFFFFFF)
    missing = words.b.op(f"icmp ugt {words.type} {size}, {words.number(0x7F800000)}")
    quiet = words.do("or", bits, 0x400000)
    return words.do("lshr", words.select(missing, quiet, up), 16)


def _half(words: _Words, bits: str) -> str:
    """float32 bits to float16 bits, half to even."""
    b, real = words.b, widen("float", words.lanes)
    sign = words.do("and", words.do("lshr", bits, 16), 0x8000)
    size = words.do("and", bits, 0x7FFFFFFF)
    odd = words.do("and", words.do("lshr", size, 13), 1)
    moved = words.do("sub", size, 112 << 23)
    normal = words.do("lshr", words.do("add", words.do("add", moved, 0xFFF), odd), 13)
    # adding 0.5 leaves a subnormal's fraction, rounded, in the lowest bits
    half = constant(0.5, dt.float32, words.lanes)
    value = b.op(f"bitcast {words.type} {size} to {real}")
    shifted = b.op(f"bitcast {real} {b.op(f'fadd {real} {value}, {half}')} to {words.type}")
    tiny = words.do("sub", shifted, 0x3F000000)
    small = b.op(f"icmp ult {words.type} {size}, {words.number(113 << 23)}")
    huge = b.op(f"icmp uge {words.type} {size}, {words.number(143 << 23)}")
    missing = b.op(f"icmp ugt {words.type} {size}, {words.number(0x7F800000)}")
    finite = words.select(small, tiny, normal)
    special = words.select(missing, 0x7E00, 0x7C00)
    return words.do("or", words.select(huge, special, finite), sign)


def _double_to_odd(b: Builder, x: str, lanes: int) -> str:
    """float64 to float32, inexact results made odd: a second rounding then rounds as if alone."""
    double, single = widen("double", lanes), widen("float", lanes)
    words = _Words(b, 32, lanes)
    near = b.op(f"fptrunc {double} {x} to {single}")
    back = b.op(f"fpext {single} {near} to {double}")
    bits = b.op(f"bitcast {single} {near} to {words.type}")
    fabs = f"llvm.fabs.{suffix('double', lanes)}"
    far = b.intrinsic(fabs, double, [(double, back)])
    size = b.intrinsic(fabs, double, [(double, x)])
    inexact = b.op(f"fcmp one {double} {back}, {x}")
    above = b.op(f"fcmp ogt {double} {far}, {size}")
    lower = words.select(above, words.do("sub", bits, 1), bits)
    odd = words.select(inexact, words.do("or", lower, 1), bits)
    return b.op(f"bitcast {words.type} {odd} to {single}")
