"""Addresses, guards, loads and stores.

Nothing outside a buffer is ever read: where a guard fails, a scalar load reads the (always
readable) argument block instead and its result is replaced; vector loads are masked or branched.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from firth.codegen import strided
from firth.codegen.builder import Index
from firth.codegen.state import Value
from firth.codegen.types import constant, memory_type, register_type, scalar_type, suffix, widen
from firth.ir.kernel import Affine, Expression, Guard, Load, Prefetch, Store

if TYPE_CHECKING:
    from firth.base.dtype import DType
    from firth.codegen.emit import Emitter


def lane_step(e: Emitter, index: Affine) -> Index:
    """How far the index moves from lane to lane: 0 outside a vector loop."""
    if e.lanes is None or e.lanes.lanes == 1:
        return 0
    total: Index = 0
    for place, (axis, coefficient) in enumerate(index.terms):
        if axis is e.lanes.axis:
            known = coefficient if coefficient == -1 else _coefficient(e, index, place)
            total = known if total == 0 else e.b.add(total, known)
    return total


def _coefficient(e: Emitter, index: Affine, place: int) -> Index:
    coefficient = index.terms[place][1]
    if coefficient == -1:
        return -1
    return e.number((id(index), place), coefficient)


def _terms(e: Emitter, index: Affine) -> list[tuple[int, Index]]:
    """(depth, coefficient * value) of each term, the outermost first."""
    found = []
    for place, (axis, _) in enumerate(index.terms):
        value = e.axes[axis]
        product = e.b.mul(value, _coefficient(e, index, place))
        found.append((e.b.depth_of(product), product))
    found.sort(key=lambda pair: pair[0])
    return found


def position(e: Emitter, index: Affine) -> Index:
    """The value of an affine index: lane 0's inside a vector loop."""
    total: Index = 0
    for _, product in _terms(e, index):
        total = e.b.add(total, product)
    return e.b.add(total, e.number((id(index), "const"), index.const))


def address(
    e: Emitter, buffer: int, index: Affine, dynamic: Sequence[tuple[Expression, int]] = ()
) -> str:
    """The address of an element (lane 0's); `dynamic` values must be uniform."""
    b = e.b
    element = e.memory_type(buffer)
    pointer = e.pointer(buffer)
    known = 0
    for _, product in _terms(e, index):
        if isinstance(product, int):
            known += product
        else:
            pointer = b.gep(element, pointer, product)
    for place, (value, coefficient) in enumerate(dynamic):
        scale = e.number((id(dynamic), place), coefficient)
        pointer = b.gep(element, pointer, b.mul(e.value(value).text, scale))
    const = e.number((id(index), "const"), index.const)
    if isinstance(const, int):
        return b.gep(element, pointer, const + known)
    return b.gep(element, b.gep(element, pointer, known), const)


# guards


def always(e: Emitter, guard: Guard) -> bool:
    """True when a guard holds over the whole domain, which specialised kernels know."""
    if e.generic or guard.step != 1:
        return False
    low = high = guard.index.const
    for axis, coefficient in guard.index.terms:
        reach = coefficient * max(axis.extent - 1, 0)
        low, high = low + min(reach, 0), high + max(reach, 0)
    return low >= 0 and high < guard.extent


def _iota(lanes: int, element: str = "i32") -> str:
    return "<" + ", ".join(f"{element} {i}" for i in range(lanes)) + ">"


def lane_offsets(e: Emitter, step: Index, lanes: int) -> str:
    """step * lane as an i64 vector."""
    if isinstance(step, int):
        return "<" + ", ".join(f"i64 {i * step}" for i in range(lanes)) + ">"
    spread = e.b.splat(step, "i64", lanes)
    return e.b.op(f"mul nsw <{lanes} x i64> {spread}, {_iota(lanes, 'i64')}")


def splat_index(e: Emitter, value: Index, lanes: int) -> str:
    """An i64 in every lane."""
    if lanes == 1:
        return str(value)
    return f"splat (i64 {value})" if isinstance(value, int) else e.b.splat(value, "i64", lanes)


def positions(e: Emitter, index: Affine, lanes: int) -> str:
    """The values of an affine index in all lanes, as an i64 vector."""
    base = splat_index(e, position(e, index), lanes)
    return e.b.op(f"add nsw <{lanes} x i64> {base}, {lane_offsets(e, lane_step(e, index), lanes)}")


def _lane_guard(e: Emitter, guard: Guard, step: Index, lanes: int) -> str:
    b = e.b
    extent = e.number((id(guard), "extent"), guard.extent)
    if step == 1 and guard.step == 1:
        # lanes [-base, extent - base), in 32 bits because vector compares of 64 are dear
        base = position(e, guard.index)
        high = b.op(f"trunc i64 {b.max(b.min(b.sub(extent, base), lanes), 0)} to i32")
        low = b.op(f"trunc i64 {b.max(b.min(b.sub(0, base), lanes), 0)} to i32")
        iota = _iota(lanes)
        below = b.op(f"icmp slt <{lanes} x i32> {iota}, {b.splat(high, 'i32', lanes)}")
        above = b.op(f"icmp sge <{lanes} x i32> {iota}, {b.splat(low, 'i32', lanes)}")
        return b.op(f"and <{lanes} x i1> {below}, {above}")
    where = positions(e, guard.index, lanes)
    type_ = f"<{lanes} x i64>"
    inside = b.op(f"icmp ult {type_} {where}, {splat_index(e, extent, lanes)}")
    if guard.step == 1:
        return inside
    every = splat_index(e, e.number((id(guard), "step"), guard.step), lanes)
    rest = b.op(f"urem {type_} {where}, {every}")
    on_step = b.op(f"icmp eq {type_} {rest}, zeroinitializer")
    return b.op(f"and <{lanes} x i1> {inside}, {on_step}")


def _uniform_guard(e: Emitter, guard: Guard) -> bool | str:
    b = e.b
    where = position(e, guard.index)
    inside = b.compare("ult", where, e.number((id(guard), "extent"), guard.extent))
    if guard.step == 1 or inside is False:
        return inside
    every = e.number((id(guard), "step"), guard.step)
    if isinstance(where, int) and isinstance(every, int):
        return b.both(inside, where % every == 0)
    return b.both(inside, b.compare("eq", b.op(f"urem i64 {where}, {every}"), 0))


def _together(e: Emitter, guard: Guard) -> bool:
    """Whether a guard of a vector holds for all lanes or for none: it begins and ends where vectors
    do."""
    v = e.lanes
    if v is None or not v.aligned or v.mask is not None or e.generic or guard.step != 1:
        return False
    steps = dict(guard.index.terms)
    if steps.pop(v.axis, 0) != 1:
        return False
    return all(x % v.lanes == 0 for x in (guard.extent, guard.index.const, *steps.values()))


def guarded(e: Emitter, guards: Sequence[Guard]) -> tuple[bool | str, str | None]:
    """The uniform condition of the guards, and their mask where they depend on the lane."""
    uniform: bool | str = True
    mask: str | None = None
    for guard in guards:
        if always(e, guard):
            continue
        step = lane_step(e, guard.index)
        if step == 0 or _together(e, guard):
            uniform = e.b.both(uniform, _uniform_guard(e, guard))
        else:
            assert e.lanes is not None
            mask = _and(e, mask, _lane_guard(e, guard, step, e.lanes.lanes), e.lanes.lanes)
    return uniform, mask


def _and(e: Emitter, a: str | None, b: str | None, lanes: int) -> str | None:
    if a is None or b is None:
        return a or b
    return e.b.op(f"and <{lanes} x i1> {a}, {b}")


def lane_mask(e: Emitter, uniform: bool | str, mask: str | None, lanes: int) -> str | None:
    """One i1 per lane: uniform condition, guards' mask and the lanes that take part. None: all."""
    active = e.lanes.mask if e.lanes else None
    mask = _and(e, mask, active, lanes)
    if uniform is True:
        return mask
    if uniform is False:
        return "zeroinitializer"
    return _and(e, mask, e.b.splat(uniform, "i1", lanes), lanes)


# loads


def load(e: Emitter, x: Load) -> Value:
    """The value of a load."""
    lanes = e.lanes.lanes if e.lanes else 1
    step = lane_step(e, x.index)
    uniform, mask = e.inside(x.buffer, x.index, x.dynamic, x.guards)
    dynamic = [(e.value(v), c) for v, c in x.dynamic]
    varying = step != 0 or mask is not None or any(v.lanes > 1 for v, _ in dynamic)
    if uniform is False:
        return Value(constant(x.fill, x.dtype), 1)
    if not varying:
        return _load_uniform(e, x, uniform)
    if step in (1, -1) and not any(v.lanes > 1 for v, _ in dynamic):
        return Value(_load_vector(e, x, step, uniform, mask, lanes), lanes)
    return Value(_gather(e, x, uniform, mask, lanes), lanes)


def _register(e: Emitter, raw: str, dtype: DType, lanes: int) -> str:
    if dtype.kind != "b":
        return raw
    zero = "0" if lanes == 1 else "zeroinitializer"
    return e.b.op(f"icmp ne {widen('i8', lanes)} {raw}, {zero}")


def in_memory(e: Emitter, text: str, dtype: DType, lanes: int) -> str:
    """A register as it is stored: bool as a byte."""
    if dtype.kind != "b":
        return text
    return e.b.op(f"zext {widen('i1', lanes)} {text} to {widen('i8', lanes)}")


def _depth(e: Emitter, x: Load, *operands: object) -> int:
    """Where a load may stand: here, if the kernel writes the buffer, else as far out as is safe."""
    buffer = e.kernel.buffers[x.buffer]
    if buffer.written or buffer.scratch:
        return e.b.depth
    return e.safe_depth(*operands)


def _load_uniform(e: Emitter, x: Load, uniform: bool | str) -> Value:
    b, element = e.b, memory_type(x.dtype)
    pointer = address(e, x.buffer, x.index, x.dynamic)
    if uniform is not True:
        pointer = b.op(f"select i1 {uniform}, ptr {pointer}, ptr %args")
    raw = b.load(element, pointer, x.dtype.itemsize, _depth(e, x, pointer))
    text = _register(e, raw, x.dtype, 1)
    if uniform is not True:
        type_ = scalar_type(x.dtype)
        text = b.op(f"select i1 {uniform}, {type_} {text}, {type_} {constant(x.fill, x.dtype)}")
    return Value(text, 1)


def _native_mask(e: Emitter, dtype: DType) -> bool:
    return e.facts.masked and dtype.itemsize >= 4


def _load_vector(
    e: Emitter, x: Load, step: Index, uniform: bool | str, mask: str | None, lanes: int
) -> str:
    b = e.b
    pointer = address(e, x.buffer, x.index, x.dynamic)
    if step == -1:
        pointer = b.gep(memory_type(x.dtype), pointer, 1 - lanes)
    element = memory_type(x.dtype)
    type_ = widen(element, lanes)
    align = x.dtype.itemsize
    backwards = range(lanes - 1, -1, -1)
    fill = constant(x.fill, x.dtype, lanes)
    if x.dtype.kind == "b":
        fill = f"splat (i8 {int(bool(x.fill))})"

    def plain(depth: int | None = None) -> str:
        raw = b.load(type_, pointer, align, depth)
        return b.shuffle(raw, element, lanes, backwards) if step == -1 else raw

    def masked(lane: str) -> str:
        if step == -1:
            lane = b.shuffle(lane, "i1", lanes, backwards)
        name = f"llvm.masked.load.{suffix(element, lanes)}.p0"
        arguments = [("ptr", pointer), ("i32", str(align)), (f"<{lanes} x i1>", lane)]
        raw = b.intrinsic(name, type_, [*arguments, (type_, fill)], pure=False)
        return b.shuffle(raw, element, lanes, backwards) if step == -1 else raw

    lane = lane_mask(e, uniform, mask, lanes)
    if lane is None:
        raw = plain(_depth(e, x, pointer))
    elif mask is None and any(_together(e, g) for g in x.guards):
        raw = b.choose(str(uniform), type_, plain, lambda: fill)  # no memory is touched for nothing
    elif _native_mask(e, x.dtype):
        raw = masked(lane)
    elif mask is None and e.lanes is not None and e.lanes.mask is None:
        raw = b.choose(str(uniform), type_, plain, lambda: fill)
    else:
        raw = b.choose(all_of(e, lane, lanes), type_, plain, lambda: masked(lane))
    return _register(e, raw, x.dtype, lanes)


def all_of(e: Emitter, mask: str, lanes: int) -> str:
    """True when every lane of a mask is set."""
    if lanes == 1:
        return mask
    bits = e.b.op(f"bitcast <{lanes} x i1> {mask} to i{lanes}")
    return e.b.op(f"icmp eq i{lanes} {bits}, -1")


def any_of(e: Emitter, mask: str, lanes: int) -> str:
    """True when some lane of a mask is set."""
    if lanes == 1:
        return mask
    bits = e.b.op(f"bitcast <{lanes} x i1> {mask} to i{lanes}")
    return e.b.op(f"icmp ne i{lanes} {bits}, 0")


def _lane_pointers(
    e: Emitter,
    buffer: int,
    index: Affine,
    dynamic: tuple[tuple[Expression, int], ...],
    lanes: int,
    active: int,
) -> list[str]:
    """The addresses of the first (active) lanes' elements."""
    b, element = e.b, e.memory_type(buffer)
    varying = [(v, c) for v, c in dynamic if e.value(v).lanes > 1]
    uniform = tuple((v, c) for v, c in dynamic if e.value(v).lanes == 1)
    base = address(e, buffer, index, uniform)
    step = lane_step(e, index)
    if not varying:
        return [b.gep(element, base, b.mul(step, lane)) for lane in range(active)]
    type_ = f"<{lanes} x i64>"
    total = "" if step == 0 else lane_offsets(e, step, lanes)
    for place, (value, coefficient) in enumerate(varying):
        text = e.value(value).text
        scale = e.number((id(dynamic), "lane", place), coefficient)
        if scale != 1:
            text = b.op(f"mul nsw {type_} {text}, {splat_index(e, scale, lanes)}")
        total = b.op(f"add nsw {type_} {total}, {text}") if total else text
    return [
        b.gep(element, base, b.op(f"extractelement {type_} {total}, i64 {lane}"))
        for lane in range(active)
    ]


def _active(e: Emitter, mask: str | None, lanes: int) -> int:
    """How many lanes a mask lets through, the first ones: all where that is not known."""
    v = e.lanes
    if v is None or mask is None or mask != v.mask or not isinstance(v.active, int):
        return lanes
    return v.active


def _gather(e: Emitter, x: Load, uniform: bool | str, mask: str | None, lanes: int) -> str:
    b, element, size = e.b, memory_type(x.dtype), x.dtype.itemsize
    lane_masks = lane_mask(e, uniform, mask, lanes)
    step = lane_step(e, x.index)
    uniform_place = all(e.value(v).lanes == 1 for v, _ in x.dynamic)
    whole = uniform is True and mask is None and strided.fits(e, step, lanes, size)
    if whole and uniform_place:
        assert isinstance(step, int)
        pointer = address(e, x.buffer, x.index, x.dynamic)
        return strided.spread(e, element, pointer, step, size, _depth(e, x, pointer))
    active = _active(e, lane_masks, lanes)
    raws = []
    for lane, pointer in enumerate(_lane_pointers(e, x.buffer, x.index, x.dynamic, lanes, active)):
        if lane_masks is not None and active == lanes:
            bit = b.op(f"extractelement <{lanes} x i1> {lane_masks}, i64 {lane}")
            pointer = b.op(f"select i1 {bit}, ptr {pointer}, ptr %args")
        raws.append(b.load(element, pointer, size, _depth(e, x, pointer)))
    vector, type_ = "poison" if active == lanes else "zeroinitializer", widen(element, lanes)
    for lane, raw in enumerate(raws):
        vector = b.op(f"insertelement {type_} {vector}, {element} {raw}, i64 {lane}")
    vector = _register(e, vector, x.dtype, lanes)
    if uniform is True and mask is None:
        return vector
    type_ = register_type(x.dtype, lanes)
    fill = constant(x.fill, x.dtype, lanes)
    return b.op(f"select <{lanes} x i1> {lane_masks}, {type_} {vector}, {type_} {fill}")


# stores


def store(e: Emitter, s: Store) -> None:
    """Emits a store."""
    uniform, mask = e.inside(s.buffer, s.index, s.dynamic, s.guards)
    if uniform is False:
        return
    if uniform is True:
        _store(e, s, mask)
        return
    with e.b.when(uniform), e.frame():
        _store(e, s, mask)


def _store(e: Emitter, s: Store, mask: str | None) -> None:
    b = e.b
    lanes = e.lanes.lanes if e.lanes else 1
    dtype = e.kernel.buffers[s.buffer].dtype
    element = memory_type(dtype)
    step = lane_step(e, s.index)
    varying = any(e.value(v).lanes > 1 for v, _ in s.dynamic)
    value = e.value(s.value)
    if lanes == 1 or (step == 0 and not varying and value.lanes == 1 and mask is None):
        pointer = address(e, s.buffer, s.index, s.dynamic)
        b.store(element, in_memory(e, value.text, dtype, 1), pointer, dtype.itemsize)
        return
    text = in_memory(e, e.vector(s.value, lanes), dtype, lanes)
    lane = lane_mask(e, True, mask, lanes)
    if step in (1, -1) and not varying:
        _store_vector(e, s, text, step, lane, lanes)
        return
    active = _active(e, lane, lanes)
    pointers = _lane_pointers(e, s.buffer, s.index, s.dynamic, lanes, active)
    for number, pointer in enumerate(pointers):
        one = b.op(f"extractelement {widen(element, lanes)} {text}, i64 {number}")
        if lane is None or active < lanes:
            b.store(element, one, pointer, dtype.itemsize)
        else:
            bit = b.op(f"extractelement <{lanes} x i1> {lane}, i64 {number}")
            with b.when(bit):
                b.store(element, one, pointer, dtype.itemsize)


def _store_vector(
    e: Emitter, s: Store, text: str, step: Index, lane: str | None, lanes: int
) -> None:
    b = e.b
    dtype = e.kernel.buffers[s.buffer].dtype
    element = memory_type(dtype)
    type_ = widen(element, lanes)
    pointer = address(e, s.buffer, s.index, s.dynamic)
    if step == -1:
        pointer = b.gep(element, pointer, 1 - lanes)
        text = b.shuffle(text, element, lanes, range(lanes - 1, -1, -1))
        if lane is not None:
            lane = b.shuffle(lane, "i1", lanes, range(lanes - 1, -1, -1))
    if lane is None:
        b.store(type_, text, pointer, dtype.itemsize)
        return
    b.intrinsic(
        f"llvm.masked.store.{suffix(element, lanes)}.p0",
        "void",
        [
            (type_, text),
            ("ptr", pointer),
            ("i32", str(dtype.itemsize)),
            (f"<{lanes} x i1>", lane),
        ],
    )


def prefetch(e: Emitter, s: Prefetch) -> None:
    """Emits a request for every cache line that the lanes lie on; an address may be any number."""
    b = e.b
    lanes = e.lanes.lanes if e.lanes else 1
    size_bytes = lanes * e.kernel.buffers[s.buffer].dtype.itemsize
    pointer = address(e, s.buffer, s.index)
    for offset in range(0, size_bytes, e.facts.line_bytes):
        arguments = [("ptr", b.gep("i8", pointer, offset)), ("i32", str(int(s.write)))]
        # from here on: keep in every cache; data, not code
        b.intrinsic("llvm.prefetch.p0", "void", [*arguments, ("i32", "3"), ("i32", "1")])
