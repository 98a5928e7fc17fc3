"""Copying an operand of a contraction while transposing it: squares of registers at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from firth.codegen import memory
from firth.codegen.builder import Index
from firth.codegen.contract_pack import (
    at,
    coefficient,
    count,
    nest,
    only_if,
    plain,
    round_up_index,
    vectors,
)
from firth.codegen.types import scalar_type, suffix, widen
from firth.ir.kernel import Axis, Expression

if TYPE_CHECKING:
    from firth.codegen.builder import Builder
    from firth.codegen.emit import Emitter


_TINY = 512  # elements


def pack_transposed(
    e: Emitter,
    x: Expression,
    axes: Sequence[Axis],
    reduce: Sequence[Axis],
    target: str,
    width: int,
    lanes: int,
) -> None:
    """Copies x, contiguous along its last sum axis, into panels [point / width][k][width].

    width: a multiple of lanes. Blocks of lanes x lanes are transposed in registers. Points beyond
    the end are copies of the last one.
    """
    b = e.b
    element, size = scalar_type(x.dtype), x.dtype.itemsize
    points, total = count(e, axes), count(e, reduce)
    inner = e.range(reduce[-1])
    load = plain(e, x)
    # a transposed square is much text: a handful that does not fill panels is copied one by one
    known = isinstance(points, int) and isinstance(total, int) and not e.generic
    tiny = known and int(points) % width > 0 and int(points) * int(total) <= _TINY
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

            vectors(e, reduce[-1], inner.start, inner.count, put, 1 if tiny else lanes)

        nest(e, reduce[:-1], outer)

    def one_panel(first: Index, _: list[str]) -> list[str]:
        base = b.gep(element, target, b.mul(first, total))

        def group(c: Index, _: list[str]) -> list[str]:
            start = b.add(first, c)
            into = b.gep(element, base, c)
            if isinstance(points, int) and points % width == 0:
                block(start, into, False)
                return []
            few = isinstance(points, int) and points < 4 * width
            if e.generic or few:  # half as much text, for a comparison a row
                block(start, into, True)
                return []
            end = b.add(start, lanes)
            only_if(e, b.compare("sle", end, points), lambda: block(start, into, False))
            only_if(e, b.compare("slt", points, end), lambda: block(start, into, True))
            return []

        b.loop(0, width, lanes, [], group)
        return []

    b.loop(0, round_up_index(b, points, width), width, [], one_panel)


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
