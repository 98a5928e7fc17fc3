"""Transpositions: loops that store along one axis what lies in memory along another.

Lane by lane such a load is a gather. Here squares of lanes x lanes are loaded along the axis on
which they lie, transposed in registers, and kept in scratch; the body then runs with whole vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from firth.codegen.builder import Index
from firth.codegen.contract_transpose import transpose
from firth.codegen.state import Lanes, Value
from firth.codegen.types import scalar_type, widen
from firth.ir.kernel import Axis, Expression, Load, Loop, Store
from firth.passes.expressions import arguments_of

if TYPE_CHECKING:
    from firth.codegen.emit import Emitter


def crossing(e: Emitter, s: Loop) -> list[Load]:
    """The loads to transpose in a serial loop around a vector loop that only stores."""
    if e.site or e.generic or e.lanes is not None or s.vector > 1 or s.carries or len(s.body) != 1:
        return []
    inner = s.body[0]
    if not isinstance(inner, Loop) or inner.vector <= 1 or inner.carries:
        return []
    if not all(isinstance(e.range(x).count, int) for x in (s.axis, inner.axis)):
        return []
    found: dict[int, Load] = {}
    for put in inner.body:
        if not isinstance(put, Store) or put.dynamic:
            return []
        for x in _loads(put.value):
            steps = dict(x.index.terms)
            if abs(steps.get(inner.axis, 0)) > 1 and steps.get(s.axis) == 1 and not x.dynamic:
                found[id(x)] = x
    loads = list(found.values())
    lanes = {e.facts.lanes(x.dtype.itemsize) for x in loads}
    whole = all(x.dtype.kind in "iuf" and x.dtype.itemsize in (4, 8) for x in loads)
    if len(lanes) != 1 or not whole or max(lanes) == 1:
        return []
    tails = any(_count(e, x) % lane for x in (s.axis, inner.axis) for lane in lanes)
    if tails and not e.facts.masked:
        return []
    written = {put.buffer for put in inner.body if isinstance(put, Store)}
    return [] if written & {x.buffer for x in loads} else loads


def _count(e: Emitter, axis: Axis) -> int:
    count = e.range(axis).count
    assert isinstance(count, int)
    return count


def _loads(root: Expression) -> Iterator[Load]:
    stack, seen = [root], set[int]()
    while stack:
        x = stack.pop()
        if id(x) not in seen:
            seen.add(id(x))
            stack.extend(arguments_of(x))
            if isinstance(x, Load):
                yield x


def emit(e: Emitter, s: Loop, loads: list[Load]) -> None:
    """Emits the two loops in squares; what is left over in masked ones."""
    (inner,) = s.body
    assert isinstance(inner, Loop)
    lanes = e.facts.lanes(loads[0].dtype.itemsize)

    def rows(first: Index, row_count: Index) -> None:
        def square(start: Index, count: int) -> None:
            _square(e, (s.axis, first, row_count), (inner, start, count), loads, lanes)

        _steps(e, inner.axis, lanes, square)

    if _count(e, s.axis) > lanes and _count(e, s.axis) % lanes and e.short_copies:
        _masked_steps(e, s.axis, lanes, rows)
    else:
        _steps(e, s.axis, lanes, rows)


def _masked_steps(e: Emitter, axis: Axis, lanes: int, body: Callable[[Index, Index], None]) -> None:
    """body(first, how many) for pieces of an axis, of which the last has fewer elements: one text
    for all."""
    b, start, count = e.b, e.range(axis).start, _count(e, axis)

    def step(index: Index, _: list[str]) -> list[str]:
        body(b.add(start, index), b.min(lanes, b.sub(count, index)))
        return []

    b.loop(0, -(-count // lanes) * lanes, lanes, [], step)


def _steps(e: Emitter, axis: Axis, lanes: int, body: Callable[[Index, int], None]) -> None:
    """body(first, how many) for pieces of an axis of at most `lanes` elements."""
    b, start, count = e.b, e.range(axis).start, _count(e, axis)
    main = count // lanes * lanes

    def step(index: Index, _: list[str]) -> list[str]:
        body(b.add(start, index), lanes)
        return []

    b.loop(0, main, lanes, [], step)
    if count > main:
        body(b.add(start, main), count - main)


def _square(
    e: Emitter,
    rows: tuple[Axis, Index, Index],
    columns: tuple[Loop, Index, int],
    loads: list[Load],
    lanes: int,
) -> None:
    """Runs the body for a piece of both axes: `rows` lie in memory, `columns` are the vector."""
    b = e.b
    axis, first, count = rows
    inner, start, width = columns
    along = _part(e, axis, first, count, lanes)
    squares = []
    with e.frame():
        for x in loads:
            element, size = scalar_type(x.dtype), x.dtype.itemsize
            lines = []
            for k in range(width):
                with e.bound(inner.axis, b.add(start, k)), e.bound(axis, first, along):
                    lines.append(e.vector(x, along.lanes))
            lines += ["zeroinitializer"] * (lanes - width)
            type_ = widen(element, lanes)
            pointer = e.scratch(lanes * lanes * size, (id(x), "square"))
            present = count if isinstance(count, int) else lanes
            for k, line in enumerate(transpose(b, lines, element, size)[:present]):
                b.store(type_, line, b.gep(element, pointer, k * lanes), size)
            squares.append((x, pointer, element, size))

    def row(index: Index, _: list[str]) -> list[str]:
        part = _part(e, inner.axis, start, width, lanes)
        with e.bound(axis, b.add(first, index)), e.bound(inner.axis, start, part):
            for x, pointer, element, size in squares:
                place = b.gep(element, pointer, b.mul(index, lanes))
                line = b.load(widen(element, lanes), place, size)
                e.frames[-1].memo[id(x)] = Value(line, lanes)
            e.run(inner.body)
        return []

    b.loop(0, count, 1, [], row)


def _part(e: Emitter, axis: Axis, first: Index, count: Index, lanes: int) -> Lanes:
    if count == lanes:
        return Lanes(axis, first, lanes)
    return Lanes(axis, first, lanes, count, e.b.first_lanes(count, lanes))
