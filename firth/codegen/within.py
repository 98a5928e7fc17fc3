"""Parts of axes: ranges that depend on the axes around them, and the counts that can occur."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING

from firth.base.errors import VerifyError
from firth.codegen import memory
from firth.codegen.state import Range
from firth.ir.kernel import Affine, Axis, Within

if TYPE_CHECKING:
    from firth.codegen.emit import Emitter

POINTS = 1 << 14  # more combinations of outer axes are not tried: any count may occur


def within(e: Emitter, s: Within) -> None:
    """Emits the body for the part of the axis that is left, if any is."""
    b, whole = e.b, e.range(s.axis)
    start, stop = whole.start, whole.stop
    for low in s.starts:
        start = b.max(start, memory.position(e, low))
    for high in s.stops:
        stop = b.min(stop, memory.position(e, high))
    some = b.compare("slt", start, stop)
    if some is False:
        return
    part = Range(start, stop, b.sub(stop, start), True, _counts(e, s, whole))
    outer = dict(e.accumulators)
    if some is True:
        _body(e, s, part)
    else:
        with b.when(some), e.frame():
            _body(e, s, part)
    for accumulator, value in list(e.accumulators.items()):
        if accumulator not in outer:
            del e.accumulators[accumulator]  # its register ends with the branch
        elif outer[accumulator] is not value:
            raise VerifyError(
                f"codegen: a part of {s.axis.name} combines into {accumulator.name}; got an "
                "accumulator of a loop around it, expected one inside; store the parts instead"
            )


def _body(e: Emitter, s: Within, part: Range) -> None:
    with e.restricted(s.axis, part):
        e.run(s.body)


def _counts(e: Emitter, s: Within, whole: Range) -> tuple[int, ...] | None:
    """The counts that the part can have over all values of the axes around; None: not known."""
    if e.generic or not isinstance(whole.start, int) or not isinstance(whole.stop, int):
        return None
    axes = list(dict.fromkeys(a for x in (*s.starts, *s.stops) for a, _ in x.terms))
    points = 1
    for axis in axes:
        points *= axis.extent
    if points > POINTS:
        return None
    found = set()
    for values in product(*(range(a.extent) for a in axes)):
        low = max([whole.start, *(_at(x, axes, values) for x in s.starts)])
        high = min([whole.stop, *(_at(x, axes, values) for x in s.stops)])
        found.add(high - low)
    return tuple(sorted(n for n in found if n > 0))


def _at(x: Affine, axes: Sequence[Axis], values: Sequence[int]) -> int:
    where = dict(zip(axes, values, strict=True))
    return x.const + sum(c * where[a] for a, c in x.terms)
