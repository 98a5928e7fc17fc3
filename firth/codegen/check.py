"""FIRTH_CHECK=1: no element outside its buffer is touched, whatever a kernel says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from firth.codegen import memory, values
from firth.ir.kernel import Affine, Expression, Guard

if TYPE_CHECKING:
    from firth.codegen.emit import Emitter

Condition = tuple[bool | str, str | None]  # a uniform condition, and a mask of lanes


def inside(
    e: Emitter,
    buffer: int,
    index: Affine,
    dynamic: Sequence[tuple[Expression, int]],
    guards: tuple[Guard, ...],
) -> Condition:
    """The guards of an access, narrowed to elements inside the buffer; others are recorded.

    Buffers that don't tell how many elements they have are not checked.
    """
    uniform, mask = memory.guarded(e, guards)
    spec = e.kernel.buffers[buffer]
    count = spec.scratch or spec.elements
    if not e.site or not count or uniform is False:
        return uniform, mask
    b, key = e.b, ("elements", buffer)
    extent = e.number(key, count)
    lanes = e.lanes.lanes if e.lanes else 1
    found = [(e.value(v), e.number((id(dynamic), k), c)) for k, (v, c) in enumerate(dynamic)]
    if lanes == 1 or (
        memory.lane_step(e, index) == 0 and mask is None and all(v.lanes == 1 for v, _ in found)
    ):
        place = memory.position(e, index)
        for value, scale in found:
            place = b.add(place, b.mul(value.text, scale))
        good = b.compare("ult", place, extent)
        if good is not True:
            bad = "true" if good is False else b.op(f"xor i1 {good}, true")
            values.record(e, bad, str(place), e.site, guards, 1, "address")
        return b.both(uniform, good), mask
    type_ = f"<{lanes} x i64>"
    where = memory.positions(e, index, lanes)
    for value, scale in found:
        text = value.text if value.lanes > 1 else memory.splat_index(e, value.text, lanes)
        text = b.op(f"mul {type_} {text}, {memory.splat_index(e, scale, lanes)}")
        where = b.op(f"add {type_} {where}, {text}")
    fits = b.op(f"icmp ult {type_} {where}, {memory.splat_index(e, extent, lanes)}")
    bad = b.op(f"xor <{lanes} x i1> {fits}, splat (i1 true)")
    values.record(e, bad, where, e.site, guards, lanes, "address")
    return uniform, fits if mask is None else b.op(f"and <{lanes} x i1> {mask}, {fits}")
