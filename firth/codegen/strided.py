"""Vectors whose lanes lie a few elements apart: whole vectors of memory, and shuffles.

Element by element a vector of n lanes takes n loads and n insertions, text that LLVM works on for
milliseconds. Neighbours that are stored together (the parts of a point, of a complex number) are
whole vectors too, once they are interleaved.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from firth.codegen.builder import Builder, Index
from firth.codegen.types import memory_type, suffix, widen
from firth.ir.kernel import Statement, Store
from firth.passes.expressions import FEW_APART

if TYPE_CHECKING:
    from firth.codegen.emit import Emitter

SHORTEST = 16  # bytes of a vector


def fits(e: Emitter, step: Index, lanes: int, itemsize: int) -> bool:
    """Whether lanes that lie so far apart are loaded and stored as whole vectors; where some lanes
    take no part, under masks."""
    whole = itemsize >= 4 and SHORTEST <= lanes * itemsize <= e.facts.vector_bytes
    if not whole or not isinstance(step, int) or not 2 <= abs(step) <= FEW_APART:
        return False
    return e.lanes is None or e.lanes.mask is None or (e.facts.masked and step > 0)


def spread(e: Emitter, element: str, pointer: str, step: int, size: int, depth: int) -> str:
    """The vector of pointer[step * lane]; nothing before the first or after the last is read."""
    assert e.lanes is not None
    b, lanes, active = e.b, e.lanes.lanes, e.lanes.active
    if step < 0:
        pointer = b.gep(element, pointer, step * (lanes - 1))
    places = [abs(step) * (lane if step > 0 else lanes - 1 - lane) for lane in range(lanes)]
    last = max(places) + 1 - lanes  # where the last vector begins, so that it ends in time
    starts = [*range(0, last, lanes), last]
    if active is not None:
        starts = list(range(0, step * lanes, lanes))
    type_ = widen(element, lanes)
    found = ""
    for number, start in enumerate(starts):
        place = b.gep(element, pointer, start)
        if active is None:
            part = b.load(type_, place, size, depth)
        else:
            part = _load_some(e, element, place, b.sub(b.mul(active, step), step - 1 + start), size)
        found = _two(b, type_, found, part, _picks(places, starts, number)) if number else part
    return found


def _picks(places: Sequence[int], starts: Sequence[int], number: int) -> list[int]:
    """Which lanes to take of what is found so far and of the vector with this number."""
    lanes, start, before = len(places), starts[number], starts[number - 1] + len(places)
    picks = []
    for lane, place in enumerate(places):
        if place >= before:
            picks.append(lanes + place - start if place - start < lanes else -1)
        else:
            picks.append(place if number == 1 else lane)
    return picks


def _load_some(e: Emitter, element: str, pointer: str, count: Index, size: int) -> str:
    """A vector of which only the first `count` elements are read; the others are 0."""
    assert e.lanes is not None
    lanes = e.lanes.lanes
    if isinstance(count, int) and count <= 0:
        return "zeroinitializer"
    mask = f"<{lanes} x i1>", e.b.first_lanes(count, lanes)
    type_ = widen(element, lanes)
    arguments = [("ptr", pointer), ("i32", str(size)), mask, (type_, "zeroinitializer")]
    name = f"llvm.masked.load.{suffix(element, lanes)}.p0"
    return e.b.intrinsic(name, type_, arguments, pure=False)


def together(e: Emitter, statements: Sequence[Statement]) -> list[Store]:
    """The stores at the head of some statements that fill neighbouring elements in every lane, in
    the order of memory; empty where there are none."""
    first = statements[0]
    if e.site or e.lanes is None or not isinstance(first, Store):
        return []
    if first.dynamic or e.generic:
        return []
    step = dict(first.index.terms).get(e.lanes.axis, 0)
    size = e.kernel.buffers[first.buffer].dtype.itemsize
    if not fits(e, step, e.lanes.lanes, size) or step < 0:
        return []
    found = [s for s in statements[:step] if isinstance(s, Store) and _beside(first, s)]
    found.sort(key=lambda s: s.index.const)
    wanted = [found[0].index.const + k for k in range(step)]
    return found if [s.index.const for s in found] == wanted else []


def _beside(first: Store, other: Store) -> bool:
    same = other.buffer == first.buffer and other.index.terms == first.index.terms
    return same and not other.guards and not other.dynamic


def interleaved(e: Emitter, stores: Sequence[Store]) -> None:
    """Emits what `together` has found."""
    assert e.lanes is not None
    b, step, lanes = e.b, len(stores), e.lanes.lanes
    dtype = e.kernel.buffers[stores[0].buffer].dtype
    element = memory_type(dtype)
    type_ = widen(element, lanes)
    values = [e.vector(s.value, lanes) for s in stores]
    pointer = e.element_pointer(stores[0].buffer, stores[0].index)
    for part in range(step):
        places = [divmod(part * lanes + k, step) for k in range(lanes)]  # (lane, which value)
        text = values[0]
        for number in range(1, step):
            picks = []
            for k, (lane, which) in enumerate(places):
                if which == number:
                    picks.append(lanes + lane)
                elif which > number:
                    picks.append(-1)
                else:
                    picks.append(lane if number == 1 else k)
            text = _two(b, type_, text, values[number], picks)
        place = b.gep(element, pointer, part * lanes)
        if e.lanes.active is None:
            b.store(type_, text, place, dtype.itemsize)
        else:
            count = b.sub(b.mul(e.lanes.active, step), part * lanes)
            _store_some(e, element, text, place, count, dtype.itemsize)


def _store_some(e: Emitter, element: str, text: str, pointer: str, count: Index, size: int) -> None:
    """Stores the first `count` elements of a vector."""
    assert e.lanes is not None
    lanes = e.lanes.lanes
    if isinstance(count, int) and count <= 0:
        return
    mask = f"<{lanes} x i1>", e.b.first_lanes(count, lanes)
    arguments = [(widen(element, lanes), text), ("ptr", pointer), ("i32", str(size)), mask]
    e.b.intrinsic(f"llvm.masked.store.{suffix(element, lanes)}.p0", "void", arguments)


def _two(b: Builder, type_: str, one: str, other: str, picks: Sequence[int]) -> str:
    """Lanes of two vectors."""
    order = ", ".join("i32 poison" if p < 0 else f"i32 {p}" for p in picks)
    return b.op(f"shufflevector {type_} {one}, {type_} {other}, <{len(picks)} x i32> <{order}>")
