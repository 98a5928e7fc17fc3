"""Arithmetic on lanes of one float dtype, as LLVM text: what the polynomials are written in."""

from __future__ import annotations

from collections.abc import Sequence

from firth.base import dtype as dt
from firth.base import flags
from firth.base.dtype import DType
from firth.base.facts import TargetFacts
from firth.codegen.builder import Builder
from firth.codegen.types import constant, register_type, scalar_type, spread, suffix, widen


class Lanes:
    """Lanes of float32 or float64; every method returns a register.

    fused: fma is one rounding; otherwise a product and a sum (strict mode, or no native fma).
    mantissa: stored bits. bias: of the exponent. magic: x + magic - magic rounds to an integer.
    """

    def __init__(self, b: Builder, dtype: DType, lanes: int, facts: TargetFacts) -> None:
        self.b = b
        self.dtype = dtype
        self.lanes = lanes
        self.facts = facts
        self.fused = facts.fma and not flags.strict()
        self.single = dtype is dt.float32
        self.type = register_type(dtype, lanes)
        self.int_dtype = dt.int32 if self.single else dt.int64
        self.int_type = register_type(self.int_dtype, lanes)
        self.mantissa, self.bias = (23, 127) if self.single else (52, 1023)
        self.magic = 1.5 * 2.0**self.mantissa
        self.magic_bits = (self.bias + self.mantissa << self.mantissa) + (1 << self.mantissa - 1)
        self.sign_bit = 1 << dtype.bits - 1

    def const(self, value: float) -> str:
        """A number in every lane."""
        return constant(value, self.dtype, self.lanes)

    def integer(self, value: int) -> str:
        """An integer in every lane."""
        return constant(value, self.int_dtype, self.lanes)

    def _value(self, x: str | float) -> str:
        return x if isinstance(x, str) else self.const(x)

    def _binary(self, name: str, x: str | float, y: str | float) -> str:
        return self.b.op(f"{name} {self.type} {self._value(x)}, {self._value(y)}")

    def add(self, x: str | float, y: str | float) -> str:
        """x + y."""
        return self._binary("fadd", x, y)

    def sub(self, x: str | float, y: str | float) -> str:
        """x - y."""
        return self._binary("fsub", x, y)

    def mul(self, x: str | float, y: str | float) -> str:
        """x * y."""
        return self._binary("fmul", x, y)

    def div(self, x: str | float, y: str | float) -> str:
        """x / y."""
        return self._binary("fdiv", x, y)

    def neg(self, x: str) -> str:
        """-x."""
        return self.b.op(f"fneg {self.type} {x}")

    def call(self, name: str, *args: str) -> str:
        """A float intrinsic such as llvm.sqrt."""
        full = f"{name}.{suffix(scalar_type(self.dtype), self.lanes)}"
        return self.b.intrinsic(full, self.type, [(self.type, a) for a in args])

    def fma(self, x: str | float, y: str | float, z: str | float) -> str:
        """x * y + z."""
        if not self.fused:
            return self.add(self.mul(x, y), z)
        return self.call("llvm.fma", self._value(x), self._value(y), self._value(z))

    def product(self, x: str | float, y: str | float) -> tuple[str, str]:
        """x * y as a rounded product and its exact error (Dekker's splitting without fma)."""
        p = self.mul(x, y)
        if self.fused:
            return p, self.fma(x, y, self.neg(p))
        (a, c), (d, e) = self._split(self._value(x)), self._split(self._value(y))
        err = self.sub(self.mul(a, d), p)
        err = self.add(self.add(err, self.mul(a, e)), self.mul(c, d))
        return p, self.add(err, self.mul(c, e))

    def _split(self, x: str) -> tuple[str, str]:
        scaled = self.mul(x, 4097.0 if self.single else 134217729.0)
        high = self.sub(scaled, self.sub(scaled, x))
        return high, self.sub(x, high)

    def exact_fma(self, x: str, y: float, z: str) -> str:
        """x * y + z where the sum is nearly representable: no error of the product remains."""
        if self.fused:
            return self.fma(x, y, z)
        p, err = self.product(x, y)
        return self.add(self.add(z, p), err)

    def total(self, x: str | float, y: str | float) -> tuple[str, str]:
        """x + y as a rounded sum and its exact error (Knuth)."""
        s = self.add(x, y)
        back = self.sub(s, x)
        return s, self.add(self.sub(x, self.sub(s, back)), self.sub(y, back))

    def poly(self, x: str, coefficients: Sequence[float]) -> str:
        """c[0] + c[1] x + c[2] x**2 + ... (Horner)."""
        value: str | float = coefficients[-1]
        for c in reversed(coefficients[:-1]):
            value = self.fma(value, x, c)
        return self._value(value)

    # comparisons: i1 lanes; ordered, so false for NaN

    def less(self, x: str | float, y: str | float) -> str:
        """x < y."""
        return self._binary("fcmp olt", x, y)

    def equal(self, x: str | float, y: str | float) -> str:
        """x == y."""
        return self._binary("fcmp oeq", x, y)

    def logic(self, name: str, x: str, y: str) -> str:
        """and, or, xor of i1 lanes."""
        return self.b.op(f"{name} {widen('i1', self.lanes)} {x}, {y}")

    def invert(self, x: str) -> str:
        """not, of i1 lanes."""
        return self.logic("xor", x, spread("true", "i1", self.lanes))

    def any(self, x: str) -> str:
        """One i1: some lane holds."""
        if self.lanes == 1:
            return x
        bits = self.b.op(f"bitcast <{self.lanes} x i1> {x} to i{self.lanes}")
        return self.b.op(f"icmp ne i{self.lanes} {bits}, 0")

    def select(self, condition: str, x: str | float, y: str | float) -> str:
        """x where the condition holds, else y."""
        mask = widen("i1", self.lanes)
        return self.b.op(
            f"select {mask} {condition}, {self.type} {self._value(x)}, {self.type} {self._value(y)}"
        )

    def at_most(self, x: str, bound: float) -> str:
        """The smaller one; NaN stays NaN."""
        return self.select(self.less(bound, x), bound, x)

    def at_least(self, x: str, bound: float) -> str:
        """The larger one; NaN stays NaN."""
        return self.select(self.less(x, bound), bound, x)

    # bits

    def bits(self, x: str) -> str:
        """The bits as integers."""
        return self.b.op(f"bitcast {self.type} {x} to {self.int_type}")

    def floats(self, i: str) -> str:
        """Integers taken as the bits of floats."""
        return self.b.op(f"bitcast {self.int_type} {i} to {self.type}")

    def int_op(self, name: str, i: str | int, j: str | int) -> str:
        """add, sub, and, or, xor, shl, lshr, ashr of integers."""
        i, j = (v if isinstance(v, str) else self.integer(v) for v in (i, j))
        return self.b.op(f"{name} {self.int_type} {i}, {j}")

    def int_compare(self, relation: str, i: str, j: int) -> str:
        """icmp of integers."""
        return self.b.op(f"icmp {relation} {self.int_type} {i}, {self.integer(j)}")

    def abs(self, x: str) -> str:
        """|x|."""
        return self.floats(self.int_op("and", self.bits(x), self.sign_bit - 1))

    def sign(self, x: str) -> str:
        """The sign bit alone, as an integer."""
        return self.int_op("and", self.bits(x), self.sign_bit)

    def with_sign(self, x: str, sign: str) -> str:
        """x with its sign flipped where `sign` has the sign bit."""
        return self.floats(self.int_op("xor", self.bits(x), sign))

    def nearest(self, x: str, factor: float) -> tuple[str, str]:
        """round(x * factor) as a float and as an integer (small ones only)."""
        shifted = self.fma(x, factor, self.magic)
        whole = self.sub(shifted, self.magic)
        return whole, self.int_op("sub", self.bits(shifted), self.magic_bits)

    def from_small_int(self, i: str) -> str:
        """Integers below 2**20 as floats, without a 64-bit conversion, which few machines have."""
        if self.single:
            return self.b.op(f"sitofp {self.int_type} {i} to {self.type}")
        return self.sub(self.floats(self.int_op("add", i, self.magic_bits)), self.magic)

    def power_of_two(self, n: str) -> str:
        """2**n for integers n in the normal range."""
        biased = self.int_op("add", n, self.bias)
        return self.floats(self.int_op("shl", biased, self.mantissa))

    def scale(self, x: str, n: str) -> str:
        """x * 2**n, right when the result is subnormal or overflows."""
        if self.facts.ldexp:
            short = register_type(dt.int32, self.lanes)
            narrow = n if self.single else self.b.op(f"trunc {self.int_type} {n} to {short}")
            kinds = f"{suffix(scalar_type(self.dtype), self.lanes)}.{suffix('i32', self.lanes)}"
            arguments = [(self.type, x), (short, narrow)]
            return self.b.intrinsic(f"llvm.ldexp.{kinds}", self.type, arguments)
        half = self.int_op("ashr", n, 1)  # in two steps
        rest = self.int_op("sub", n, half)
        return self.mul(self.mul(x, self.power_of_two(half)), self.power_of_two(rest))
