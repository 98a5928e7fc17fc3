"""Loops and accumulators.

A vector loop over n elements takes steps of its lanes, then of one register, and ends with one
masked step or, where masks are not native, with single elements. An accumulator of a vector loop
has a partial value per lane, and the lanes are combined after its loop in one fixed order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from firth.codegen import arith, brief, crossed
from firth.codegen.builder import Index
from firth.codegen.state import Lanes, Range, Value
from firth.codegen.types import constant, register_type, scalar_type, suffix
from firth.ir.kernel import (
    Accumulate,
    Accumulator,
    Apply,
    Axis,
    Contract,
    Load,
    Loop,
    Statement,
    Store,
    Within,
)
from firth.passes.expressions import reach, weight

if TYPE_CHECKING:
    from firth.codegen.emit import Emitter

UNROLLED = 4  # serial loops of at most this many known steps become straight text,
UNROLLED_STATEMENTS = 16  # if no more statements come of it, nor a power as often,
UNROLLED_ADDITIONS = 12  # nor more work, in a kernel that is little
BRIEF_LONG = 12  # additions of a body from which it is written as seldom as possible there
LONG = 64  # additions a body is worth from which it is written once


def walk(
    statements: Sequence[Statement], width: Callable[[Loop], int], lanes: int = 1
) -> Iterator[tuple[Statement, int]]:
    """Every statement in a body, with the lanes (width) of the vector loop around it."""
    for statement in statements:
        yield statement, lanes
        if isinstance(statement, Loop):
            yield from walk(statement.body, width, max(width(statement), lanes, 1))
        elif isinstance(statement, (Contract, Within)):
            yield from walk(statement.body, width, lanes)


def _most_lanes(e: Emitter, s: Loop) -> int:
    """The lanes of a vector loop; of one too short for a whole step, those of a register."""
    if e.plain_loops and s.vector > 1:
        if brief.apart(s.body, s.axis, s.vector):
            return 1
        once = s.axis.extent % s.vector == 0
        if not once and brief.additions(s.body, e.facts, once=True) >= BRIEF_LONG:
            return _native(e, s)
    if e.generic or s.axis.extent >= s.vector:
        return s.vector
    return _native(e, s)


def _native(e: Emitter, s: Loop) -> int:
    return min(s.vector, e.facts.lanes(4))


def _combined(e: Emitter, body: Sequence[Statement]) -> dict[Accumulator, int]:
    """The accumulators that a body changes, with the most lanes of a vector loop that does it."""
    found: dict[Accumulator, int] = {}
    for statement, lanes in walk(body, lambda s: _most_lanes(e, s)):
        if isinstance(statement, Accumulate):
            found[statement.accumulator] = max(found.get(statement.accumulator, 1), lanes)
    return found


def loop(e: Emitter, s: Loop) -> None:
    """Emits a loop, and after it binds its accumulators to their results."""
    loads = [] if e.plain_loops else crossed.crossing(e, s)
    if loads:
        crossed.emit(e, s, loads)
        return
    changed = _combined(e, (s,))
    for accumulator in s.carries:
        lanes = e.lanes.lanes if e.lanes else changed.get(accumulator, 1)
        start = arith.identity(accumulator.op, accumulator.dtype)
        e.assign(accumulator, Value(constant(start, accumulator.dtype, lanes), lanes))
    carried = [a for a in changed if a in e.accumulators]
    if s.vector > 1 and e.lanes is None and _most_lanes(e, s) > 1:
        _vector_loop(e, s, carried)
    else:
        _serial_loop(e, s, carried)
    for accumulator in s.carries:
        e.assign(accumulator, _finish(e, accumulator))


def _steps(
    e: Emitter,
    s: Loop,
    span: tuple[Index, Index, Index],
    step: int,
    carried: list[Accumulator],
    *,
    lanes: int = 0,
    nonempty: bool = False,
    tail: tuple[Index, str] | None = None,
) -> None:
    """Runs the body from start to stop (count steps between them, if known) in strides of step."""
    start, stop, count = span

    def body(index: Index, values: list[str]) -> list[str]:
        active, mask = tail or (None, None)
        aligned = bool(lanes) and e.range(s.axis).multiple % lanes == 0
        vector = Lanes(s.axis, index, lanes, active, mask, aligned) if lanes else None
        with e.bound(s.axis, index, vector):
            return _turn(e, s, carried, values)

    before = [e.accumulators[a] for a in carried]
    if isinstance(count, int) and count <= 0:
        return
    if isinstance(count, int) and (count <= step or (not lanes and _unrolls(e, s.body, count))):
        after = [v.text for v in before]
        for place in range(0, count, step):
            after = body(e.b.add(start, place), after)
    else:
        types = [register_type(a.dtype, v.lanes) for a, v in zip(carried, before, strict=True)]
        initial = [v.text for v in before]
        nonempty = nonempty or isinstance(count, int)
        pairs = list(zip(types, initial, strict=True))
        after = e.b.loop(start, stop, step, pairs, body, nonempty=nonempty)
    for accumulator, old, text in zip(carried, before, after, strict=True):
        e.assign(accumulator, Value(text, old.lanes))


def _turn(e: Emitter, s: Loop, carried: list[Accumulator], values: list[str]) -> list[str]:
    """One run of the body: its accumulators before, and after."""
    for accumulator, text in zip(carried, values, strict=True):
        e.assign(accumulator, Value(text, e.accumulators[accumulator].lanes))
    e.run(s.body)
    return [e.accumulators[a].text for a in carried]


def _unrolls(e: Emitter, body: Sequence[Statement], count: int) -> bool:
    if count > UNROLLED or count * _size(body) > UNROLLED_STATEMENTS:
        return False
    if e.plain_loops and count * brief.additions(body, e.facts) > UNROLLED_ADDITIONS:
        return False
    values = [s.value for s, _ in walk(body, lambda _: 1) if isinstance(s, Store | Accumulate)]
    return count * max(weight(x, e.facts) for x in reach(values).values()) < LONG


def _size(body: Sequence[Statement]) -> int:
    """Statements in a body, short loops inside counted as often as they run."""
    total = 0
    for statement in body:
        if isinstance(statement, Store | Accumulate):
            total += 1
        elif isinstance(statement, Loop) and not statement.vector:
            total += statement.axis.extent * _size(statement.body)
        else:
            return UNROLLED_STATEMENTS
    return total


def _serial_loop(e: Emitter, s: Loop, carried: list[Accumulator]) -> None:
    where = e.range(s.axis)
    _steps(e, s, (where.start, where.stop, where.count), 1, carried, nonempty=where.nonempty)


def _vector_loop(e: Emitter, s: Loop, carried: list[Accumulator]) -> None:
    b = e.b
    where = e.range(s.axis)
    native = _native(e, s)
    start, rest = where.start, where.count
    if _most_lanes(e, s) == native and _written_once(e, s, where, native):
        _masked_loop(e, s, where.start, rest, native, carried)
        return
    for lanes in dict.fromkeys((_most_lanes(e, s), native)):
        main: Index = b.mul(b.div(rest, lanes), lanes)
        stop = b.add(start, main)
        _steps(e, s, (start, stop, main), lanes, carried, lanes=lanes)
        start, rest = stop, b.sub(rest, main)
    if rest == 0:
        return
    if not e.facts.masked:
        _steps(e, s, (start, where.stop, rest), 1, carried, lanes=1)
        return
    # one masked step: a loop of at most one iteration over [0, rest) rounded up to the register
    mask = e.b.first_lanes(rest, native)
    if isinstance(rest, int):
        _steps(e, s, (start, where.stop, 1), native, carried, lanes=native, tail=(rest, mask))
    else:
        _masked_step(e, s, start, rest, mask, native, carried)


def _written_once(e: Emitter, s: Loop, where: Range, lanes: int) -> bool:
    """Whether whole steps and the last one are better one text: LLVM's time for a long body is
    dearer than masks, where the machine has them."""
    if not e.facts.masked or all(n <= lanes or n % lanes == 0 for n in where.counts or ()):
        return False
    puts = [x for x, _ in walk(s.body, lambda _: 1) if isinstance(x, Store | Accumulate)]
    stores = [x for x in puts if isinstance(x, Store)]
    if not e.plain_loops and len(stores) < len(s.body):
        return False
    made = reach([x.value for x in puts]).values()
    accesses: list[Load | Store] = [*stores]
    accesses += (x for x in made if isinstance(x, Load))
    if not all(_plain(e, s.axis, x) for x in accesses):
        return False
    if e.plain_loops:
        return brief.additions(s.body, e.facts, once=True) >= BRIEF_LONG
    return sum(weight(x, e.facts) for x in made) >= LONG


def _plain(e: Emitter, axis: Axis, access: Load | Store) -> bool:
    """Whether a load or a store is one instruction under a mask."""
    step = dict(access.index.terms).get(axis, 0)
    size = e.kernel.buffers[access.buffer].dtype.itemsize
    return not access.dynamic and step in (0, 1, -1) and size >= 4


def _masked_loop(
    e: Emitter, s: Loop, start: Index, count: Index, lanes: int, carried: list[Accumulator]
) -> None:
    """Every step of a loop under a mask, which lets all lanes through but in the last one."""
    b = e.b

    def step(index: Index, values: list[str]) -> list[str]:
        left = b.sub(count, index)
        place = b.add(start, index)
        mask = b.first_lanes(left, lanes)
        with e.bound(s.axis, place, Lanes(s.axis, place, lanes, left, mask)):
            return _turn(e, s, carried, values)

    before = [e.accumulators[a] for a in carried]
    pairs = [
        (register_type(a.dtype, v.lanes), v.text) for a, v in zip(carried, before, strict=True)
    ]
    stop = b.mul(b.div(b.add(count, lanes - 1), lanes), lanes)
    after = b.loop(0, stop, lanes, pairs, step)
    for accumulator, old, text in zip(carried, before, after, strict=True):
        e.assign(accumulator, Value(text, old.lanes))


def _masked_step(
    e: Emitter,
    s: Loop,
    start: Index,
    rest: str,
    mask: str,
    lanes: int,
    carried: list[Accumulator],
) -> None:
    before = [e.accumulators[a] for a in carried]
    types = [register_type(a.dtype, v.lanes) for a, v in zip(carried, before, strict=True)]

    def body() -> list[str]:
        with e.bound(s.axis, start, Lanes(s.axis, start, lanes, rest, mask)):
            e.run(s.body)
            return [e.accumulators[a].text for a in carried]

    some = e.b.compare("slt", 0, rest)
    pairs = [(t, v.text) for t, v in zip(types, before, strict=True)]
    after = e.b.maybe(str(some), pairs, body)
    for accumulator, old, text in zip(carried, before, after, strict=True):
        e.assign(accumulator, Value(text, old.lanes))


def accumulate(e: Emitter, s: Accumulate) -> None:
    """Combines a value into an accumulator; narrower steps use its first lanes."""
    accumulator = s.accumulator
    b, dtype, element = e.b, accumulator.dtype, scalar_type(accumulator.dtype)
    old = e.accumulators[accumulator]
    lanes = e.lanes.lanes if e.lanes else 1
    if _fuses(e, s):
        _accumulate_product(e, s, old, lanes)
        return
    value = e.value(s.value)
    if lanes == 1 and old.lanes == 1:
        text = arith.combine(b, accumulator.op, old.text, value.text, dtype, 1)
        e.assign(accumulator, Value(text, 1))
        return
    text = e.widened(value, dtype, lanes)
    if e.lanes is not None and e.lanes.mask is not None:
        type_ = register_type(dtype, lanes)
        neutral = constant(arith.identity(accumulator.op, dtype), dtype, lanes)
        text = b.op(f"select <{lanes} x i1> {e.lanes.mask}, {type_} {text}, {type_} {neutral}")
    part = _low(e, old, element, lanes)
    text = arith.combine(b, accumulator.op, part, text, dtype, lanes)
    e.assign(accumulator, Value(_put_low(e, old, text, element, lanes), old.lanes))


def _fuses(e: Emitter, s: Accumulate) -> bool:
    """True for a sum of products that nothing else needs, where one instruction does both."""
    x = s.value
    return (
        e.fused
        and s.accumulator.op == "add"
        and s.accumulator.dtype.kind == "f"
        and isinstance(x, Apply)
        and x.op == "mul"
        and e.known(x) is None
    )


def _accumulate_product(e: Emitter, s: Accumulate, old: Value, lanes: int) -> None:
    b, dtype, element = e.b, s.accumulator.dtype, scalar_type(s.accumulator.dtype)
    assert isinstance(s.value, Apply)
    type_ = register_type(dtype, lanes)
    part = _low(e, old, element, lanes)
    x, y = (e.vector(a, lanes) for a in s.value.args)
    name = f"llvm.fma.{suffix(element, lanes)}"
    text = b.intrinsic(name, type_, [(type_, x), (type_, y), (type_, part)])
    if e.lanes is not None and e.lanes.mask is not None:
        text = b.op(f"select <{lanes} x i1> {e.lanes.mask}, {type_} {text}, {type_} {part}")
    e.assign(s.accumulator, Value(_put_low(e, old, text, element, lanes), old.lanes))


def _low(e: Emitter, value: Value, element: str, lanes: int) -> str:
    if value.lanes == lanes:
        return value.text
    if lanes == 1:
        return e.b.op(f"extractelement <{value.lanes} x {element}> {value.text}, i64 0")
    return e.b.shuffle(value.text, element, value.lanes, range(lanes))


def _put_low(e: Emitter, old: Value, text: str, element: str, lanes: int) -> str:
    if old.lanes == lanes:
        return text
    type_ = f"<{old.lanes} x {element}>"
    if lanes == 1:
        return e.b.op(f"insertelement {type_} {old.text}, {element} {text}, i64 0")
    picks = [i if i < lanes else -1 for i in range(old.lanes)]
    wide = e.b.shuffle(text, element, lanes, picks)
    order = ", ".join(f"i32 {i if i < lanes else old.lanes + i}" for i in range(old.lanes))
    return e.b.op(
        f"shufflevector {type_} {wide}, {type_} {old.text}, <{old.lanes} x i32> <{order}>"
    )


def _finish(e: Emitter, accumulator: Accumulator) -> Value:
    """The result of an accumulator after its loop: lanes folded in halves, then the start added."""
    b, dtype = e.b, accumulator.dtype
    value = e.accumulators[accumulator]
    text, lanes = value.text, value.lanes
    if e.lanes is None:
        text, lanes = fold(e, accumulator, value), 1
    if accumulator.init != arith.identity(accumulator.op, dtype):
        init = constant(accumulator.init, dtype, lanes)
        text = arith.combine(b, accumulator.op, init, text, dtype, lanes)
    return Value(text, lanes)


def fold(e: Emitter, accumulator: Accumulator, value: Value) -> str:
    """The combination of all lanes of a value."""
    b, dtype, element = e.b, accumulator.dtype, scalar_type(accumulator.dtype)
    text, lanes = value.text, value.lanes
    while lanes > 1 and lanes % 2 == 0:
        half = lanes // 2
        low = b.shuffle(text, element, lanes, range(half)) if half > 1 else ""
        high = b.shuffle(text, element, lanes, range(half, lanes)) if half > 1 else ""
        if half == 1:
            low = b.op(f"extractelement <2 x {element}> {text}, i64 0")
            high = b.op(f"extractelement <2 x {element}> {text}, i64 1")
        text = arith.combine(b, accumulator.op, low, high, dtype, half)
        lanes = half
    if lanes == 1:
        return text
    parts = [b.op(f"extractelement <{lanes} x {element}> {text}, i64 {i}") for i in range(lanes)]
    total = parts[0]
    for part in parts[1:]:
        total = arith.combine(b, accumulator.op, total, part, dtype, 1)
    return total
