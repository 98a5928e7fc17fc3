"""Walking axes, and copying operands of a contraction into the order its micro-kernel reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from firth.codegen import memory, values
from firth.codegen.builder import Index
from firth.codegen.state import Lanes
from firth.codegen.types import scalar_type, suffix, widen
from firth.ir.kernel import Axis, Expression, Load

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
    single elements where masks are not native."""
    b = e.b
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
    mask = first_lanes(b, rest, lanes)

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


def first_lanes(b: Builder, size: Index, lanes: int) -> str:
    """An i1 vector: true in the first `size` lanes."""
    if isinstance(size, int):
        bits = ", ".join(f"i1 {'true' if i < size else 'false'}" for i in range(lanes))
        return f"<{bits}>"
    narrow = b.splat(b.op(f"trunc i64 {size} to i32"), "i32", lanes)
    iota = ", ".join(f"i32 {i}" for i in range(lanes))
    return b.op(f"icmp slt <{lanes} x i32> <{iota}>, {narrow}")


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
        stack += values.children(y)
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


def pack_panels(
    e: Emitter,
    x: Expression,
    axis: Axis,
    reduce: Sequence[Axis],
    target: str,
    width: int,
    lanes: int,
) -> None:
    """Copies x, contiguous along its only axis, into panels [axis / width][k][width]."""
    b = e.b
    element, size = scalar_type(x.dtype), x.dtype.itemsize
    where, total = e.range(axis), count(e, reduce)

    def panel(first: Index, _: list[str]) -> list[str]:
        base = b.gep(element, target, b.mul(first, total))
        last = isinstance(where.count, int) and where.count % width == 0
        columns = width if last else b.min(width, b.sub(where.count, first))

        def row(k: Index) -> None:
            at_row = b.gep(element, base, b.mul(k, width))

            def put(offset: Index, n: int) -> None:
                pointer = b.gep(element, at_row, offset)
                b.store(widen(element, n), e.vector(x, n), pointer, size)

            vectors(e, axis, b.add(where.start, first), columns, put, lanes)

        nest(e, reduce, row)
        return []

    steps = round_up_index(b, where.count, width)
    b.loop(0, steps, width, [], panel)


def pack_transposed(
    e: Emitter,
    x: Expression,
    axes: Sequence[Axis],
    reduce: Sequence[Axis],
    target: str,
    panel: tuple[int, int],
    lanes: int,
) -> None:
    """Copies x, contiguous along its last sum axis, into panels [point / step][k][width].

    panel: (step, width): panel p holds the `width` points from p * step on (width a multiple of
    lanes). Blocks of lanes x lanes are transposed in registers. Points beyond the end are copies
    of the last one.
    """
    b = e.b
    step, width = panel
    element, size = scalar_type(x.dtype), x.dtype.itemsize
    points, total = count(e, axes), count(e, reduce)
    inner = e.range(reduce[-1])
    load = plain(e, x)
    stride: int | None = None
    if load is not None and len(axes) == 1 and not e.generic:
        stride = coefficient(load.index.terms, axes[0])

    def block(first: Index, base: str, clamp: bool) -> None:
        """Points first .. first + lanes, all k, to base[k * width]."""

        def column(n: int, place: int) -> str:
            if stride is not None and not clamp:
                assert load is not None
                with at(e, axes, first):
                    pointer = memory.address(e, load.buffer, load.index)
                pointer = b.gep(element, pointer, place * stride)
                return _read(e, pointer, element, size, n)
            point = b.add(first, place)
            with at(e, axes, b.min(point, b.sub(points, 1)) if clamp else point):
                return e.vector(x, n)

        def outer(k0: Index) -> None:
            def put(offset: Index, n: int) -> None:
                k = b.add(b.mul(k0, inner.count), offset)
                pointer = b.gep(element, base, b.mul(k, width))
                rows = [column(n, place) for place in range(lanes)]
                if n == 1:
                    for place, row in enumerate(rows):
                        b.store(element, row, b.gep(element, pointer, place), size)
                    return
                for q, row in enumerate(transpose(b, rows, element, size)):
                    b.store(widen(element, n), row, b.gep(element, pointer, q * width), size)

            vectors(e, reduce[-1], inner.start, inner.count, put, lanes)

        nest(e, reduce[:-1], outer)

    def one_panel(first: Index, _: list[str]) -> list[str]:
        base = b.gep(element, target, b.mul(b.mul(b.div(first, step), width), total))

        def group(c: Index, _: list[str]) -> list[str]:
            start = b.add(first, c)
            into = b.gep(element, base, c)
            if isinstance(points, int) and points % step == 0 and step % lanes == 0:
                block(start, into, False)
                return []
            end = b.add(start, lanes)
            only_if(e, b.compare("sle", end, points), lambda: block(start, into, False))
            only_if(e, b.compare("slt", points, end), lambda: block(start, into, True))
            return []

        b.loop(0, width, lanes, [], group)
        return []

    b.loop(0, round_up_index(b, points, step), step, [], one_panel)


def _read(e: Emitter, pointer: str, element: str, size: int, lanes: int) -> str:
    """Loads a vector, under the mask of the vector loop if it has one."""
    type_ = widen(element, lanes)
    mask = e.lanes.mask if e.lanes else None
    if mask is None:
        return e.b.load(type_, pointer, size)
    return e.b.intrinsic(
        f"llvm.masked.load.{suffix(element, lanes)}.p0",
        type_,
        [
            ("ptr", pointer),
            ("i32", str(size)),
            (f"<{lanes} x i1>", mask),
            (type_, "zeroinitializer"),
        ],
        pure=False,
    )


def transpose(b: Builder, rows: list[str], element: str, size: int) -> list[str]:
    """The transposed square of registers: first inside 16-byte pieces, then of whole pieces."""
    lanes = len(rows)
    piece = max(1, 16 // size)
    type_ = f"<{lanes} x {element}>"

    def pick(x: str, y: str, order: list[int]) -> str:
        text = ", ".join(f"i32 {i}" for i in order)
        return b.op(f"shufflevector {type_} {x}, {type_} {y}, <{lanes} x i32> <{text}>")

    if piece not in (2, 4) or lanes % piece or lanes // piece not in (1, 2, 4):
        return _transpose_stepwise(b, rows, pick)
    starts = range(0, lanes, piece)

    def unpack(x: str, y: str, high: bool, run: int) -> str:
        """Runs of x and y in turn, from the low or high half of every piece."""
        half = range(piece // 2, piece) if high else range(piece // 2)
        order = []
        for s in starts:
            for first in range(half.start, half.stop, run):
                order += [s + first + i for i in range(run)]
                order += [lanes + s + first + i for i in range(run)]
        return pick(x, y, order)

    if piece == 2:
        inside = [[unpack(rows[s], rows[s + 1], h, 1) for h in (False, True)] for s in starts]
    else:
        inside = []
        for s in starts:
            r0, r1, r2, r3 = rows[s : s + 4]
            low, low2 = unpack(r0, r1, False, 1), unpack(r2, r3, False, 1)
            high, high2 = unpack(r0, r1, True, 1), unpack(r2, r3, True, 1)
            inside.append([unpack(x, y, h, 2) for x, y in ((low, low2), (high, high2))
                           for h in (False, True)])  # fmt: skip
    out = [""] * lanes
    for t in range(piece):
        for q, row in enumerate(_transpose_pieces(pick, [g[t] for g in inside], piece, lanes)):
            out[q * piece + t] = row
    return out


def _transpose_pieces(
    pick: Callable[[str, str, list[int]], str], x: list[str], piece: int, lanes: int
) -> list[str]:
    def from_two(a: str, c: str, places: tuple[int, ...]) -> str:
        half = len(places) // 2
        order: list[int] = []
        for n, p in enumerate(places):
            base = p * piece + (lanes if n >= half else 0)
            order += range(base, base + piece)
        return pick(a, c, order)

    if len(x) == 1:
        return x
    if len(x) == 2:
        return [from_two(x[0], x[1], (q, q)) for q in (0, 1)]
    low = [from_two(x[i], x[i + 1], (0, 1, 0, 1)) for i in (0, 2)]
    high = [from_two(x[i], x[i + 1], (2, 3, 2, 3)) for i in (0, 2)]
    turns = ((0, 2, 0, 2), (1, 3, 1, 3))
    return [from_two(x[0], x[1], p) for x in (low, high) for p in turns]


def _transpose_stepwise(
    b: Builder, rows: list[str], pick: Callable[[str, str, list[int]], str]
) -> list[str]:
    """Any power of two: interleaves row i with row i + half until every bit has moved."""
    lanes = len(rows)
    half = lanes // 2
    low = [i // 2 + (lanes if i % 2 else 0) for i in range(lanes)]
    high = [i + half for i in low]
    width = 1
    while width < lanes:
        after = []
        for i in range(half):
            after += [pick(rows[i], rows[i + half], low), pick(rows[i], rows[i + half], high)]
        rows = after
        width *= 2
    return rows
