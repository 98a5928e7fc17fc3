"""Vectors whose lanes lie a few elements apart: whole vectors of memory, and shuffles.

Element by element a vector of n lanes takes n loads and n insertions, text that LLVM works on for
milliseconds. Neighbours that are stored together (the parts of a point, of a complex number) are
whole vectors too, once they are interleaved.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from firth.codegen.builder import Builder, Index
from firth.codegen.types import memory_type, widen
from firth.ir.kernel import Statement, Store

if TYPE_CHECKING:
    from firth.codegen.emit import Emitter

LONGEST = 4  # elements from lane to lane; then most of what is loaded is for nothing


def fits(e: Emitter, step: Index, lanes: int, itemsize: int) -> bool:
    """Whether lanes that lie so far apart are loaded and stored as whole vectors."""
    whole = lanes > 1 and itemsize >= 4 and lanes == e.facts.lanes(itemsize)
    return whole and isinstance(step, int) and 2 <= abs(step) <= LONGEST


def spread(
    b: Builder, element: str, pointer: str, step: int, lanes: int, size: int, depth: int
) -> str:
    """The vector of pointer[step * lane]; nothing before the first or after the last is read."""
    if step < 0:
        pointer = b.gep(element, pointer, step * (lanes - 1))
    places = [abs(step) * (lane if step > 0 else lanes - 1 - lane) for lane in range(lanes)]
    last = max(places) + 1 - lanes  # where the last vector begins, so that it ends in time
    starts = [*range(0, last, lanes), last]
    type_ = widen(element, lanes)
    found = ""
    for number, start in enumerate(starts):
        part = b.load(type_, b.gep(element, pointer, start), size, depth)
        if number == 0:
            found = part
            continue
        before = starts[number - 1] + lanes  # elements that earlier vectors hold
        picks = []
        for lane, place in enumerate(places):
            if place >= before:
                here = place - start
                picks.append(lanes + here if here < lanes else -1)
            else:
                picks.append(place if number == 1 else lane)
        found = _two(b, type_, found, part, picks)
    return found


def together(e: Emitter, statements: Sequence[Statement]) -> list[Store]:
    """The stores at the head of some statements that fill neighbouring elements in every lane, in
    the order of memory; empty where there are none."""
    first = statements[0]
    if e.site or e.lanes is None or e.lanes.mask is not None or not isinstance(first, Store):
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
        b.store(type_, text, b.gep(element, pointer, part * lanes), dtype.itemsize)


def _two(b: Builder, type_: str, one: str, other: str, picks: Sequence[int]) -> str:
    """Lanes of two vectors."""
    order = ", ".join("i32 poison" if p < 0 else f"i32 {p}" for p in picks)
    return b.op(f"shufflevector {type_} {one}, {type_} {other}, <{len(picks)} x i32> <{order}>")
