"""Expressions: each computed once per binding of the axes and accumulators that it needs."""

from __future__ import annotations

import math as numbers
from typing import TYPE_CHECKING

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.codegen import arith, convert, math, memory
from firth.codegen.math_lanes import Lanes
from firth.codegen.math_series import chebyshev
from firth.codegen.state import Value
from firth.codegen.types import constant, literal, scalar_type
from firth.ir import traced
from firth.ir.kernel import (
    Accumulator,
    Affine,
    Apply,
    Axis,
    Checked,
    Const,
    Coordinate,
    Expression,
    Guard,
    Load,
)
from firth.passes.expressions import arguments_of

if TYPE_CHECKING:
    from firth.codegen.emit import Emitter

INT32 = 1 << 31


def _own_axes(x: Expression) -> list[Axis]:
    indices: list[Affine] = []
    if isinstance(x, (Coordinate, Load)):
        indices.append(x.index)
    if isinstance(x, (Load, Checked, Apply)):
        indices += [g.index for g in x.guards]
    return [axis for index in indices for axis, _ in index.terms]


def needs(e: Emitter, root: Expression) -> frozenset[Axis | Accumulator]:
    """The axes and accumulators that an expression depends on; its children's are known."""
    if isinstance(root, Accumulator):
        return frozenset((root,))
    found: frozenset[Axis | Accumulator] = frozenset(_own_axes(root))
    for child in arguments_of(root):
        found |= e.needs(child)
    return found


def value(e: Emitter, root: Expression) -> Value:
    """The value of an expression; without recursion, because fused chains may be long."""
    stack = [root]
    while True:
        x = stack[-1]
        done = _leaf(e, x) or e.known(x)
        if done is None:
            waiting = [c for c in arguments_of(x) if _leaf(e, c) is None and e.known(c) is None]
            if waiting:
                stack += waiting
                continue
            done = _compute(e, x)
            e.remember(x, done)
        stack.pop()
        if not stack:
            return done


def _leaf(e: Emitter, x: Expression) -> Value | None:
    if isinstance(x, Accumulator):
        return e.accumulators[x]
    if isinstance(x, Const):
        return Value(_const(e, x), 1)
    return None


def _const(e: Emitter, x: Const) -> str:
    """A number: in generic kernels a parameter, unless it is 0, 1, infinite or NaN."""
    real, bits = x.dtype.kind == "f", x.dtype.bits
    plain = x.dtype.kind == "b" or x.value in (0, 1)
    plain = plain or (real and not traced.through(numbers.isfinite, x.value))
    if not e.generic or plain:
        return literal(x.value, x.dtype)
    raw = (
        traced.through(_bits, x.value, x.dtype)
        if real
        else traced.through(int, x.value) % (1 << bits)
    )
    word = e.word(id(x), raw)
    narrow = word if bits == 64 else e.b.op(f"trunc i64 {word} to i{bits}")
    type_ = scalar_type(x.dtype)
    return narrow if type_ == f"i{bits}" else e.b.op(f"bitcast i{bits} {narrow} to {type_}")


def _bits(value: float, dtype: DType) -> int:
    return int.from_bytes(arith.stored(value, dtype), "little")


def _compute(e: Emitter, x: Expression) -> Value:
    if isinstance(x, Load):
        return memory.load(e, x)
    if isinstance(x, Coordinate):
        return _coordinate(e, x)
    if isinstance(x, Checked):
        return _checked(e, x)
    assert isinstance(x, Apply)
    return _apply(e, x)


def _apply(e: Emitter, x: Apply) -> Value:
    args = [e.value(a) for a in x.args]
    lanes = max((a.lanes for a in args), default=1)
    texts = [e.widened(a, s.dtype, lanes) for a, s in zip(args, x.args, strict=True)]
    op, source = x.op, x.args[0].dtype
    if op == "cast":
        return Value(convert.cast(e.b, texts[0], source, x.dtype, lanes), lanes)
    if op == "bitcast":
        return Value(convert.bitcast(e.b, texts[0], source, x.dtype, lanes), lanes)
    if op == "chebyshev":
        m = Lanes(e.b, source, lanes, e.facts)
        return Value(chebyshev(m, texts[0], x.coefficients), lanes)
    if op in math.OPS and source.kind == "f":
        return Value(math.emit(e.b, op, texts, source, lanes, e.facts), lanes)
    if op in ("floor_divide", "remainder") and source.kind in "iu":
        return Value(_divide(e, x, texts, lanes), lanes)
    return Value(arith.apply(e, op, texts, source, x.dtype, lanes), lanes)


def _divide(e: Emitter, x: Apply, texts: list[str], lanes: int) -> str:
    """Integer division; a zero divisor sets the error record."""
    dtype = x.dtype
    divisor = x.args[1]
    if not (isinstance(divisor, Const) and divisor.value != 0):
        zero = "0" if lanes == 1 else "zeroinitializer"
        type_ = e.type(dtype, lanes)
        bad = e.b.op(f"icmp eq {type_} {texts[1]}, {zero}")
        record(e, bad, "0", x.site, x.guards, lanes, id(x))
    return arith.divide(e, x.op, texts, dtype, lanes, divisor)


def _checked(e: Emitter, x: Checked) -> Value:
    b = e.b
    index = e.value(x.index)
    lanes = index.lanes
    type_ = e.type(dt.int64, lanes)
    extent = memory.splat_index(e, e.number((id(x), "extent"), x.extent), lanes)
    good = b.op(f"icmp ult {type_} {index.text}, {extent}")
    one = "true" if lanes == 1 else "splat (i1 true)"
    bad = b.op(f"xor {e.type(dt.bool_, lanes)} {good}, {one}")
    record(e, bad, index.text, x.site, x.guards, lanes, id(x))
    zero = constant(0, dt.int64, lanes)
    mask = e.type(dt.bool_, lanes)
    return Value(b.op(f"select {mask} {good}, {type_} {index.text}, {type_} {zero}"), lanes)


def record(
    e: Emitter,
    bad: str,
    shown: str,
    site: int,
    guards: tuple[Guard, ...],
    lanes: int,
    key: object,
) -> None:
    """Where a lane is bad and takes part: (site, value) into the error record, if it is empty."""
    b = e.b
    uniform, mask = memory.guarded(e, guards)
    if uniform is False:
        return
    if lanes > 1:
        active = memory.lane_mask(e, uniform, mask, lanes)
        if active is not None:
            bad = b.op(f"and <{lanes} x i1> {bad}, {active}")
        some = memory.any_of(e, bad, lanes)
    else:
        some = bad if uniform is True else b.op(f"and i1 {bad}, {uniform}")
        if mask is not None and e.lanes is not None:
            some = b.op(f"and i1 {some}, {memory.any_of(e, mask, e.lanes.lanes)}")
    record = b.load("ptr", "%args", 8, depth=0)
    number = e.word((key, "site"), site)
    with b.at(e.safe_depth(some, shown)), b.when(some):
        value = shown
        if lanes > 1 and shown != "0":
            bits = b.op(f"bitcast <{lanes} x i1> {bad} to i{lanes}")
            type_ = f"i{lanes}"
            place = b.intrinsic(f"llvm.cttz.{type_}", type_, [(type_, bits), ("i1", "false")])
            value = b.op(f"extractelement <{lanes} x i64> {shown}, {type_} {place}")
        pair = b.get(f"cmpxchg ptr {record}, i64 0, i64 {number} acq_rel monotonic")
        first = b.op(f"extractvalue {{ i64, i1 }} {pair}, 1")
        with b.when(first):
            b.store("i64", value, b.gep("i64", record, 1), 8)


def _coordinate(e: Emitter, x: Coordinate) -> Value:
    b, dtype = e.b, x.dtype
    base = memory.position(e, x.index)
    step = memory.lane_step(e, x.index)
    lanes = e.lanes.lanes if e.lanes and step != 0 else 1
    narrow = dtype.bits <= 32 and (dtype.kind in "iub" or _small(e, x.index))
    if not narrow:
        if lanes == 1:
            wide = str(base)
        else:
            wide = memory.positions(e, x.index, lanes)
        return Value(convert.cast(b, wide, dt.int64, dtype, lanes), lanes)
    low = str(base) if isinstance(base, int) else b.op(f"trunc i64 {base} to i32")
    if isinstance(base, int):
        low = literal(base, dt.int32)
    if lanes > 1:
        offsets = _narrow_offsets(e, step, lanes)
        spread = e.widened(Value(low, 1), dt.int32, lanes)
        low = b.op(f"add <{lanes} x i32> {spread}, {offsets}")
    return Value(convert.cast(b, low, dt.int32, dtype, lanes), lanes)


def _narrow_offsets(e: Emitter, step: int | str, lanes: int) -> str:
    if isinstance(step, int):
        return "<" + ", ".join(f"i32 {literal(i * step, dt.int32)}" for i in range(lanes)) + ">"
    wide = memory.lane_offsets(e, step, lanes)
    return e.b.op(f"trunc <{lanes} x i64> {wide} to <{lanes} x i32>")


def _small(e: Emitter, index: Affine) -> bool:
    """True when every value of the index is known to fit 32 bits."""
    if e.generic:
        return False
    reach = abs(index.const) + sum(abs(c) * axis.extent for axis, c in index.terms)
    return reach < INT32
