"""One elementwise operation on registers. Integer meaning is docs/design/0002's, NaN as NumPy's."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from firth.base.dtype import DType
from firth.base.facts import TargetFacts
from firth.codegen import fmod
from firth.codegen.builder import Builder
from firth.codegen.microkernel import multiply_add
from firth.codegen.types import constant, register_type, scalar_type, suffix
from firth.ir.kernel import Const, Expression

if TYPE_CHECKING:
    from firth.codegen.emit import Emitter

_FLOAT = {"add": "fadd", "sub": "fsub", "mul": "fmul", "div": "fdiv"}
_INTEGER = {
    "add": "add", "sub": "sub", "mul": "mul",
    "bitwise_and": "and", "bitwise_or": "or", "bitwise_xor": "xor",
}  # fmt: skip
_ROUNDING = {"floor": "floor", "ceil": "ceil", "trunc": "trunc", "round": "roundeven"}
_INTRINSIC = {"sqrt": "sqrt", "abs": "fabs"}
_COMPARE = {
    "equal": ("oeq", "eq", "eq"), "not_equal": ("une", "ne", "ne"),
    "less": ("olt", "slt", "ult"), "less_equal": ("ole", "sle", "ule"),
}  # fmt: skip
_ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)


def stored(value: float, dtype: DType) -> bytes:
    """The bytes of a number rounded to a float dtype, little end first."""
    raw = np.asarray(value, np.float64).astype(dtype.np).tobytes()
    return raw if np.little_endian else raw[::-1]


def identity(op: str, dtype: DType) -> bool | int | float:
    """The start of a combination that changes nothing."""
    if op in ("add", "last"):
        return 0
    if op == "mul":
        return 1
    if op == "bitwise_and":
        return True if dtype.kind == "b" else -1
    if op == "bitwise_or":
        return 0
    if dtype.kind == "f":
        return -math.inf if op == "maximum" else math.inf
    if dtype.kind == "u":
        return 0 if op == "maximum" else (1 << dtype.bits) - 1
    low = -(1 << (dtype.bits - 1))
    return low if op == "maximum" else -low - 1


def combine(b: Builder, op: str, old: str, new: str, dtype: DType, lanes: int) -> str:
    """old and new combined, for accumulators."""
    if op == "last":
        return new
    type_ = register_type(dtype, lanes)
    if op in ("maximum", "minimum"):
        return extreme(b, op, new, old, dtype, lanes)
    if dtype.kind == "f":
        return b.op(f"{_FLOAT[op]} {type_} {old}, {new}")
    return b.op(f"{_INTEGER[op]} {type_} {old}, {new}")


def extreme(b: Builder, op: str, x: str, y: str, dtype: DType, lanes: int) -> str:
    """The larger or smaller of two; a NaN of either side is the result."""
    type_ = register_type(dtype, lanes)
    if dtype.kind != "f":
        name = ("u" if dtype.kind == "u" else "s") + op[:3]
        full = f"llvm.{name}.{suffix(scalar_type(dtype), lanes)}"
        return b.intrinsic(full, type_, [(type_, x), (type_, y)])
    # an ordered compare that fails gives y, so only a NaN in x is left to see to
    mask = register_type_of_mask(lanes)
    first = b.op(f"fcmp {'ogt' if op == 'maximum' else 'olt'} {type_} {x}, {y}")
    picked = b.op(f"select {mask} {first}, {type_} {x}, {type_} {y}")
    if not x.startswith("%"):
        return picked if "0x7FF8" not in x else x
    missing = b.op(f"fcmp uno {type_} {x}, {x}")
    return b.op(f"select {mask} {missing}, {type_} {x}, {type_} {picked}")


def register_type_of_mask(lanes: int) -> str:
    """The type of one condition per lane."""
    return "i1" if lanes == 1 else f"<{lanes} x i1>"


def apply(e: Emitter, op: str, x: list[str], source: DType, dtype: DType, lanes: int) -> str:
    """The register holding op(x): `source` is the dtype of x[0], `dtype` the result's."""
    b = e.b
    if op == "where":
        type_ = register_type(dtype, lanes)
        mask = register_type_of_mask(lanes)
        return b.op(f"select {mask} {x[0]}, {type_} {x[1]}, {type_} {x[2]}")
    type_ = register_type(source, lanes)
    if op in _COMPARE:
        number = 0 if source.kind == "f" else 1 if source.kind == "i" else 2
        kind = "fcmp" if source.kind == "f" else "icmp"
        return b.op(f"{kind} {_COMPARE[op][number]} {type_} {x[0]}, {x[1]}")
    if op in ("maximum", "minimum"):
        if source.kind == "b":
            return b.op(f"{'or' if op == 'maximum' else 'and'} {type_} {x[0]}, {x[1]}")
        return extreme(b, op, x[0], x[1], source, lanes)
    if op == "threefry":
        return threefry(b, x[0], x[1], lanes)
    if op == "multiply_add":
        return multiply_add(b, dtype, lanes, e.facts)(*x)
    if source.kind == "f":
        return _float(b, op, x, source, lanes, e.facts)
    return _integer(b, op, x, source, lanes)


def _float(b: Builder, op: str, x: list[str], dtype: DType, lanes: int, facts: TargetFacts) -> str:
    type_ = register_type(dtype, lanes)
    if op in _FLOAT:
        return b.op(f"{_FLOAT[op]} {type_} {x[0]}, {x[1]}")
    if op == "neg":
        return b.op(f"fneg {type_} {x[0]}")
    if op in _INTRINSIC:
        return _call(b, _INTRINSIC[op], x[0], dtype, lanes)
    if op in _ROUNDING:
        # without these instructions LLVM calls a library; wide or fused machines all have them
        if facts.vector_bytes >= 32 or facts.fma:
            return _call(b, _ROUNDING[op], x[0], dtype, lanes)
        return _rounded(b, op, x[0], dtype, lanes)
    if op == "remainder":
        return fmod.remainder(b, x[0], x[1], dtype, lanes)
    raise KeyError(op)


def _call(b: Builder, name: str, x: str, dtype: DType, lanes: int) -> str:
    type_ = register_type(dtype, lanes)
    return b.intrinsic(f"llvm.{name}.{suffix(scalar_type(dtype), lanes)}", type_, [(type_, x)])


def _rounded(b: Builder, op: str, x: str, dtype: DType, lanes: int) -> str:
    """Rounding by additions: |x| + 2**m - 2**m is |x| to an integer, half to even."""
    type_, mask = register_type(dtype, lanes), register_type_of_mask(lanes)
    magic = constant(float(1 << (23 if dtype.bits == 32 else 52)), dtype, lanes)
    size = _call(b, "fabs", x, dtype, lanes)
    up = b.op(f"fadd {type_} {size}, {magic}")
    near = b.op(f"fsub {type_} {up}, {magic}")
    name = f"llvm.copysign.{suffix(scalar_type(dtype), lanes)}"
    one, zero = constant(1.0, dtype, lanes), constant(0.0, dtype, lanes)

    def signed(value: str) -> str:
        return b.intrinsic(name, type_, [(type_, value), (type_, x)])

    if op == "trunc":
        over = b.op(f"fcmp ogt {type_} {near}, {size}")
        step = b.op(f"select {mask} {over}, {type_} {one}, {type_} {zero}")
        whole = signed(b.op(f"fsub {type_} {near}, {step}"))
    else:
        whole = signed(near)
        if op != "round":
            relation, change = ("ogt", "fsub") if op == "floor" else ("olt", "fadd")
            over = b.op(f"fcmp {relation} {type_} {whole}, {x}")
            step = b.op(f"select {mask} {over}, {type_} {one}, {type_} {zero}")
            whole = signed(b.op(f"{change} {type_} {whole}, {step}"))
    small = b.op(f"fcmp olt {type_} {size}, {magic}")
    return b.op(f"select {mask} {small}, {type_} {whole}, {type_} {x}")


def _integer(b: Builder, op: str, x: list[str], dtype: DType, lanes: int) -> str:
    type_ = register_type(dtype, lanes)
    zero = constant(0, dtype, lanes)
    if op in _INTEGER:
        return b.op(f"{_INTEGER[op]} {type_} {x[0]}, {x[1]}")
    if op == "neg":
        return b.op(f"sub {type_} {zero}, {x[0]}")
    if op == "bitwise_not":
        ones = constant(True if dtype.kind == "b" else -1, dtype, lanes)
        return b.op(f"xor {type_} {x[0]}, {ones}")
    mask = register_type_of_mask(lanes)
    if op == "abs":
        if dtype.kind == "u":
            return x[0]
        negative = b.op(f"icmp slt {type_} {x[0]}, {zero}")
        minus = b.op(f"sub {type_} {zero}, {x[0]}")
        return b.op(f"select {mask} {negative}, {type_} {minus}, {type_} {x[0]}")
    if op in ("shift_left", "shift_right"):
        bits = constant(dtype.bits, dtype, lanes)
        last = constant(dtype.bits - 1, dtype, lanes)
        inside = b.op(f"icmp ult {type_} {x[1]}, {bits}")
        if op == "shift_right" and dtype.kind == "i":
            count = b.op(f"select {mask} {inside}, {type_} {x[1]}, {type_} {last}")
            return b.op(f"ashr {type_} {x[0]}, {count}")
        count = b.op(f"select {mask} {inside}, {type_} {x[1]}, {type_} {zero}")
        shift = "shl" if op == "shift_left" else "lshr"
        moved = b.op(f"{shift} {type_} {x[0]}, {count}")
        return b.op(f"select {mask} {inside}, {type_} {moved}, {type_} {zero}")
    raise KeyError(op)


def divide(e: Emitter, op: str, x: list[str], dtype: DType, lanes: int, divisor: Expression) -> str:
    """Integer floor division or remainder; a divisor of zero (reported elsewhere) gives 0."""
    b = e.b
    type_, mask = register_type(dtype, lanes), register_type_of_mask(lanes)
    zero, one = constant(0, dtype, lanes), constant(1, dtype, lanes)
    signed = dtype.kind == "i"
    y = x[1]
    known = isinstance(divisor, Const) and divisor.value not in (0, -1)
    by_zero = None
    if not known:
        # the hardware traps on 0 and on INT_MIN / -1: both divide by 1 instead
        trap = by_zero = b.op(f"icmp eq {type_} {y}, {zero}")
        if signed:
            low = constant(-(1 << (dtype.bits - 1)), dtype, lanes)
            least = b.op(f"icmp eq {type_} {x[0]}, {low}")
            minus = b.op(f"icmp eq {type_} {y}, {constant(-1, dtype, lanes)}")
            trap = b.op(f"or {mask} {trap}, {b.op(f'and {mask} {least}, {minus}')}")
        y = b.op(f"select {mask} {trap}, {type_} {one}, {type_} {y}")
    letter = "s" if signed else "u"
    if op == "floor_divide" or signed:
        quotient = b.op(f"{letter}div {type_} {x[0]}, {y}")
        rest = b.op(f"sub {type_} {x[0]}, {b.op(f'mul {type_} {quotient}, {y}')}")
    else:
        quotient, rest = "", b.op(f"urem {type_} {x[0]}, {y}")
    if signed:
        uneven = b.op(f"icmp ne {type_} {rest}, {zero}")
        differ = b.op(f"icmp slt {type_} {b.op(f'xor {type_} {rest}, {y}')}, {zero}")
        wrong = b.op(f"and {mask} {uneven}, {differ}")
        if op == "floor_divide":
            lower = b.op(f"sub {type_} {quotient}, {one}")
            quotient = b.op(f"select {mask} {wrong}, {type_} {lower}, {type_} {quotient}")
        else:
            raised = b.op(f"add {type_} {rest}, {y}")
            rest = b.op(f"select {mask} {wrong}, {type_} {raised}, {type_} {rest}")
    result = quotient if op == "floor_divide" else rest
    if by_zero is None:
        return result
    return b.op(f"select {mask} {by_zero}, {type_} {zero}, {type_} {result}")


def threefry(b: Builder, key: str, counter: str, lanes: int) -> str:
    """Threefry-2x32 with 20 rounds (Salmon et al., SC 2011) on pairs of words in 64 bits."""
    wide = "i64" if lanes == 1 else f"<{lanes} x i64>"
    word = "i32" if lanes == 1 else f"<{lanes} x i32>"

    def number(value: int, element: str) -> str:
        return str(value) if lanes == 1 else f"splat ({element} {value})"

    def halves(x: str) -> tuple[str, str]:
        high = b.op(f"lshr {wide} {x}, {number(32, 'i64')}")
        return b.op(f"trunc {wide} {x} to {word}"), b.op(f"trunc {wide} {high} to {word}")

    def add(x: str, y: str) -> str:
        return b.op(f"add {word} {x}, {y}")

    first, second = halves(key)
    both = b.op(f"xor {word} {first}, {second}")
    keys = (first, second, b.op(f"xor {word} {both}, {number(0x1BD11BDA, 'i32')}"))
    low, high = halves(counter)
    low, high = add(low, keys[0]), add(high, keys[1])
    rotate = f"llvm.fshl.{suffix('i32', lanes)}"
    for turn in range(20):
        low = add(low, high)
        count = number(_ROTATIONS[turn % 8], "i32")
        high = b.intrinsic(rotate, word, [(word, high), (word, high), (word, count)])
        high = b.op(f"xor {word} {high}, {low}")
        if turn % 4 == 3:
            step = turn // 4 + 1
            low = add(low, keys[step % 3])
            high = add(add(high, keys[(step + 1) % 3]), number(step, "i32"))
    top = b.op(f"shl {wide} {b.op(f'zext {word} {high} to {wide}')}, {number(32, 'i64')}")
    return b.op(f"or {wide} {b.op(f'zext {word} {low} to {wide}')}, {top}")
