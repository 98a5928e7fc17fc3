"""Walking axes, and copying operands of a contraction into the order its micro-kernel reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from firth.codegen import memory
from firth.codegen.builder import Index
from firth.codegen.state import Lanes
from firth.codegen.types import scalar_type, widen
from firth.ir.kernel import Axis, Expression, Load
from firth.passes.expressions import arguments_of

if TYPE_CHECKING:
    from firth.codegen.builder import Builder
    from firth.codegen.emit import Emitter


def count(e: Emitter, axes: Sequence[Axis]) -> Index:
    """The number of points of some axes in this tile."""
    total: Index = 1
    for axis in axes:
        total = e.b.mul(total, e.range(axis).count)
    return total


@contextmanager
def at(e: Emitter, axes: Sequence[Axis], linear: Index) -> Iterator[None]:
    """Inside, the axes stand at point number `linear` (row-major) of the tile."""
    b = e.b
    with ExitStack() as stack:
        for place, axis in reversed(list(enumerate(axes))):
            where = e.range(axis)
            index = linear if place == 0 else b.rem(linear, where.count)
            linear = linear if place == 0 else b.div(linear, where.count)
            stack.enter_context(e.bound(axis, b.add(where.start, index)))
        yield


def nest(e: Emitter, axes: Sequence[Axis], body: Callable[[Index], None]) -> None:
    """One serial loop per axis; body gets the number of the point."""

    def inside(place: int, linear: Index) -> None:
        if place == len(axes):
            body(linear)
            return
        where = e.range(axes[place])
        first = e.b.mul(linear, where.count)

        def step(index: Index, _: list[str]) -> list[str]:
            with e.bound(axes[place], e.b.add(where.start, index)):
                inside(place + 1, e.b.add(first, index))
            return []

        e.b.loop(0, where.count, 1, [], step, nonempty=where.nonempty)

    inside(0, 0)


def vectors(
    e: Emitter,
    axis: Axis,
    start: Index,
    size: Index,
    body: Callable[[Index, int], None],
    lanes: int,
) -> None:
    """body(offset, lanes) for vectors of `size` elements of an axis; the last one is masked, or
    single elements where masks are not native. In generic kernels all are masked: half the text."""
    b = e.b
    if e.generic and e.facts.masked:

        def masked(index: Index, _: list[str]) -> list[str]:
            first, some = b.add(start, index), b.min(lanes, b.sub(size, index))
            mask = b.first_lanes(some, lanes)
            with e.bound(axis, first, Lanes(axis, first, lanes, some, mask)):
                body(index, lanes)
            return []

        b.loop(0, round_up_index(b, size, lanes), lanes, [], masked)
        return
    main = b.mul(b.div(size, lanes), lanes)
    rest = b.sub(size, main)

    def step(width: int) -> Callable[[Index, list[str]], list[str]]:
        def run(index: Index, _: list[str]) -> list[str]:
            first = b.add(start, index)
            with e.bound(axis, first, Lanes(axis, first, width)):
                body(index, width)
            return []

        return run

    b.loop(0, main, lanes, [], step(lanes))
    if rest == 0:
        return
    if not e.facts.masked:
        b.loop(main, size, 1, [], step(1))
        return
    first = b.add(start, main)
    mask = b.first_lanes(rest, lanes)

    def tail() -> None:
        with e.bound(axis, first, Lanes(axis, first, lanes, rest, mask)):
            body(main, lanes)

    only_if(e, b.compare("slt", 0, rest), tail)


def only_if(e: Emitter, condition: bool | str, body: Callable[[], None]) -> None:
    """What body emits runs only where the condition holds."""
    if condition is True:
        body()
    elif condition is not False:
        with e.b.when(condition), e.frame():
            body()


# pieces


def round_up(value: int, step: int) -> int:
    """The next multiple of step."""
    return -(-value // step) * step


def round_up_index(b: Builder, value: Index, step: int) -> Index:
    """The next multiple of step, of a number that may be a register."""
    if isinstance(value, int):
        return round_up(value, step)
    return b.mul(b.div(b.add(value, step - 1), step), step)


def size_ranges(sizes: list[int], value: Index) -> list[tuple[int, int]]:
    """(size, next smaller size) of those that the value may need."""
    pairs = [(size, low) for size, low in zip(sizes, [0, *sizes], strict=False)]
    if isinstance(value, int):
        return [next(p for p in pairs if p[0] >= value)]
    return pairs


def totals(e: Emitter, axes: tuple[Axis, ...]) -> set[int] | None:
    """All numbers of points that these axes can have together; None where that is not known."""
    found = {1}
    if e.generic:
        return None
    for axis in axes:
        counts = e.range(axis).counts
        if counts is None or len(found) * len(counts) > 1 << 12:
            return None
        found = {a * b for a in found for b in counts if b}
    return found


def piece_sizes(found: set[int], step: int) -> list[int]:
    """The sizes of pieces that can occur when so many points are cut in steps."""
    sizes = {t % step for t in found} - {0}
    if any(t >= step for t in found):
        sizes.add(step)
    return sorted(sizes) or [step]


# what an operand is


def coefficient(index_terms: Sequence[tuple[Axis, int]], axis: Axis) -> int:
    """How far an index moves with an axis."""
    return sum(c for a, c in index_terms if a is axis)


def plain(e: Emitter, x: Expression) -> Load | None:
    """The load that the operand is, if it can be read in place."""
    if not isinstance(x, Load) or x.dynamic or x.dtype.kind == "b" or e.site:
        return None
    return None if any(not memory.always(e, g) for g in x.guards) else x


def unit(x: Expression, axis: Axis) -> bool:
    """Whether neighbours along the axis are neighbours in memory, in every load that moves."""
    found = False
    stack = [x]
    while stack:
        y = stack.pop()
        stack += arguments_of(y)
        if isinstance(y, Load):
            step = coefficient(y.index.terms, axis)
            if y.dynamic or step not in (0, 1):
                return False
            found |= step == 1
    return found


# packing


def pack_vectors(
    e: Emitter,
    x: Expression,
    axes: Sequence[Axis],
    reduce: Sequence[Axis],
    place: Callable[[Index, Index], str],
    lanes: int,
) -> None:
    """Copies x, vectors along the last of `axes`, to place(k, point).

    Every vector is stored whole: what it writes too much is overwritten by the next one, or lies
    in the slack at the end.
    """
    b = e.b
    element = scalar_type(x.dtype)
    size = x.dtype.itemsize

    def put(k: Index, point: Index, width: int) -> None:
        b.store(widen(element, width), e.vector(x, width), place(k, point), size)

    def row(k: Index) -> None:
        if not axes:
            put(k, 0, 1)
            return
        last = e.range(axes[-1])

        def segment(outer: Index) -> None:
            first = b.mul(outer, last.count)
            vectors(
                e, axes[-1], last.start, last.count,
                lambda offset, width: put(k, b.add(first, offset), width), lanes,
            )  # fmt: skip

        nest(e, axes[:-1], segment)

    nest(e, reduce, row)


# How far ahead of itself a copy asks for memory: no more rows than a set of a cache has lines, for
# rows whose distance is a power of two share one.
AHEAD_BYTES = 4096
AHEAD_ROWS = 8


def ask_ahead(e: Emitter, x: Expression, axis: Axis, row_bytes: int) -> Callable[[], None]:
    """A function that asks for the cache line that x needs some steps of the axis later.

    The machine's own foresight ends with a page, and rows of an operand often lie in several.
    """
    load = plain(e, x)
    step = 0 if load is None or e.generic else coefficient(load.index.terms, axis)
    far = abs(step) * x.dtype.itemsize >= row_bytes  # rows side by side are foreseen
    if load is None or step == 0 or not far:
        return lambda: None
    element = scalar_type(x.dtype)
    ahead = max(1, min(AHEAD_ROWS, AHEAD_BYTES // max(row_bytes, 64))) * step

    def ask() -> None:
        pointer = e.b.gep(element, memory.address(e, load.buffer, load.index), ahead)
        read_data_soon = [("i32", "0"), ("i32", "3"), ("i32", "1")]
        e.b.intrinsic("llvm.prefetch.p0", "void", [("ptr", pointer), *read_data_soon])

    return ask


def pack_panels(
    e: Emitter,
    x: Expression,
    axis: Axis,
    reduce: Sequence[Axis],
    target: str,
    panel: tuple[int, int],
    lanes: int,
) -> None:
    """Copies x, contiguous along its only axis, into panels [point / step][k][width].

    panel: (step, width): panel p holds at least the `step` points from p * step on, where there
    are so many; width is a multiple of lanes. Memory is read in its own order, row after row.
    """
    b = e.b
    step, width = panel
    element, size = scalar_type(x.dtype), x.dtype.itemsize
    where, total = e.range(axis), count(e, reduce)
    points = where.count
    row_bytes = size * max(where.counts or (axis.extent,))
    ask = ask_ahead(e, x, reduce[-1], row_bytes) if reduce else lambda: None
    # panels whose `width` points all exist
    if isinstance(points, int):
        whole: Index = (points - width) // step * step + step if points >= width else 0
    else:
        whole = b.mul(b.div(b.max(b.add(points, step - width), 0), step), step)

    def row(k: Index) -> None:
        at_row = b.gep(element, target, b.mul(k, width))

        def copy(first: Index, columns: Index) -> None:
            panel = first if step == width else b.mul(b.div(first, step), width)
            base = b.gep(element, at_row, b.mul(panel, total))

            def put(offset: Index, n: int) -> None:
                ask()
                pointer = b.gep(element, base, offset)
                b.store(widen(element, n), e.vector(x, n), pointer, size)

            vectors(e, axis, b.add(where.start, first), columns, put, lanes)

        def full(first: Index, _: list[str]) -> list[str]:
            copy(first, width)
            return []

        def partial(first: Index, _: list[str]) -> list[str]:
            copy(first, b.min(width, b.sub(points, first)))
            return []

        b.loop(0, whole, step, [], full)
        b.loop(whole, round_up_index(b, points, step), step, [], partial)

    nest(e, reduce, row)


def pack_rows(
    e: Emitter,
    x: Expression,
    axes: Sequence[Axis],
    reduce: Sequence[Axis],
    target: str,
    stride: int,
    lanes: int,
) -> None:
    """Copies x, contiguous along its last sum axis, to [point][k], `stride` from point to point.

    Every vector is stored whole: what it writes too much is overwritten by the next one, or lies
    between two points.
    """
    b = e.b
    element, size = scalar_type(x.dtype), x.dtype.itemsize
    inner = e.range(reduce[-1])
    row_bytes = size * max(inner.counts or (reduce[-1].extent,))
    ask = ask_ahead(e, x, axes[-1], row_bytes) if axes else lambda: None

    def row(point: Index) -> None:
        base = b.gep(element, target, b.mul(point, stride))

        def segment(k0: Index) -> None:
            first = b.mul(k0, inner.count)

            def put(offset: Index, n: int) -> None:
                ask()
                pointer = b.gep(element, base, b.add(first, offset))
                b.store(widen(element, n), e.vector(x, n), pointer, size)

            vectors(e, reduce[-1], inner.start, inner.count, put, lanes)

        nest(e, reduce[:-1], segment)

    nest(e, axes, row)
