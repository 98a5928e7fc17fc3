"""Contractions over windows: rows are read in place, although they have no single stride.

Rows are places of an image, sums run over a window and its channels (or the other way round, for
the gradient of weights). Neither is one walk through memory, but both are a few: a piece of the
micro-kernel takes rows whose distances from the first are known (`Rows`), and sums along levels
with a stride each. Copying the windows, as other operands are copied, would cost about as much as
multiplying them with a few dozen columns. The columns' operand is packed into panels as usual.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from firth.codegen import contract, memory
from firth.codegen.builder import Index
from firth.codegen.contract_operands import Side, linear_stride, nothing, right
from firth.codegen.contract_pack import (
    at,
    coefficient,
    count,
    nest,
    piece_sizes,
    plain,
    totals,
    unit,
)
from firth.codegen.microkernel import STRAIGHT, Micro
from firth.ir.kernel import Axis, Contract, Load
from firth.passes import blocking

if TYPE_CHECKING:
    from firth.codegen.emit import Emitter

FAR = 2048  # bytes from one step of the sum to the next from which a copy is better


def emit(e: Emitter, s: Contract) -> None:
    """Emits a contraction, whatever its rows are."""
    if _in_pieces(e, s):
        WindowTile(e, s).run()
    else:
        contract.emit(e, s)


def _in_pieces(e: Emitter, s: Contract) -> bool:
    """Whether the rows' operand is read in place, and not as one walk through memory."""
    load = plain(e, s.a)
    if load is None or not s.rows or not s.reduce or len(s.cols) > 1:
        return False
    # in a loop, operands may be packed before it
    if e.generic or e.plain_sums or s not in e.kernel.body:
        return False
    if s.result.dtype not in contract.MICRO or s.a.dtype is not s.b.dtype:
        return False
    t = contract.Tile(e, s)
    if all(linear_stride(t, load.index, axes) is not None for axes in (s.rows, s.reduce)):
        return False
    near = abs(coefficient(load.index.terms, s.reduce[-1])) * s.result.dtype.itemsize
    return near < FAR and (not s.cols or unit(s.b, s.cols[0]) or unit(s.b, s.reduce[-1]))


@dataclass(frozen=True, slots=True)
class Pieces:
    """How rows are cut: `outer` axes one by one, the points of the others in pieces of at most
    `rows`, whole multiples of `whole`: of what the inner axes but the first hold together."""

    outer: tuple[Axis, ...]
    inner: tuple[Axis, ...]
    rows: int
    whole: int


def pieces(axes: tuple[Axis, ...], most: dict[Axis, int], limit: int, even: bool = False) -> Pieces:
    """The largest pieces of at most `limit` rows with constant distances, evenly cut: without a
    rest where that is asked for and possible."""
    whole, place = 1, len(axes) - 1
    while (
        place and most[axes[place]] == axes[place].extent and 2 * whole * most[axes[place]] <= limit
    ):
        whole *= max(1, most[axes[place]])
        place -= 1
    extent = max(1, most[axes[place]])
    steps = -(-extent // -(-extent // max(1, limit // whole)))
    if even:
        steps = blocking.even_rows(extent, steps)
    return Pieces(axes[:place], axes[place:], whole * steps, whole)


class WindowTile(contract.Tile):
    """A tile whose rows are read in place, piece by piece."""

    def __init__(self, e: Emitter, s: Contract) -> None:
        load = plain(e, s.a)
        assert load is not None
        self.load: Load = load
        super().__init__(e, s)
        limit = blocking.micro_rows(e.facts) * (1 if self.vectors > 1 else 2)
        self.cut = pieces(s.rows, self.most, limit, e.even_pieces)
        self.rows = self.cut.rows

    def run(self) -> None:
        """Emits everything."""
        self._tile()

    def _distances(self, rows: int) -> tuple[int, ...]:
        """How far the rows of a piece lie from its first one, in elements."""
        found = []
        for row in range(rows):
            total = 0
            for place, axis in reversed(list(enumerate(self.cut.inner))):
                row, index = divmod(row, axis.extent) if place else (0, row)
                total += index * coefficient(self.load.index.terms, axis)
            found.append(total)
        return tuple(found)

    def _reduce_block(self) -> int:
        """As much of the outermost sum as a quarter of the second cache holds of both operands'
        panels, in equal parts."""
        first, *others = self.s.reduce
        columns = self.vectors * self.lanes
        step = abs(coefficient(self.load.index.terms, first)) + self._most(tuple(others)) * columns
        room = self.e.facts.l2_bytes // 4 // self.size
        extent = max(1, self.most[first])
        return -(-extent // -(-extent // max(1, room // step)))

    def _block(self, adds: contract.Condition) -> None:
        """Packs the columns' operand, then all panels of the tile."""
        e, b, cut = self.e, self.b, self.cut
        self.k = count(e, self.s.reduce)
        a, columns_side = Side(nothing, lambda _: "", 0, 0), right(self)
        columns_side.prepare()
        size = count(e, cut.inner)

        def columns(j: Index, n: Index) -> None:
            bp = columns_side.start(j)

            def outer(number: Index) -> None:
                def rows(i: Index, m: Index) -> None:
                    c = self.c
                    if self.deferred:
                        line = b.add(b.mul(number, size), i)
                        c = b.gep(self.element, c, b.add(b.mul(line, self.c_row), j))
                    with at(e, cut.inner, i), at(e, self.s.reduce, 0):
                        ap = memory.address(e, self.load.buffer, self.load.index)
                    self._call(a, columns_side, (ap, bp, c), (m, n), adds)
                    if not self.deferred:
                        self._body_on_rows(i, m, j, n)

                self.panels(size, self.rows, rows)

            nest(e, cut.outer, outer)

        self.panels(self.n, self.columns, columns)

    def sizes(self, left: Side, right: Side) -> tuple[Index, ...]:
        """Sizes and strides of the micro-kernel: its sum's outermost level for the sum."""
        return self.e.range(self.s.reduce[0]).count, 0, 0, right.step, self.c_row

    def micro(self, rows: int, vectors: int, known: tuple[int | None, ...],
              adds: bool | None, masked: bool) -> Micro:  # fmt: skip
        """The micro-kernel of a piece."""
        terms = self.load.index.terms
        levels = tuple((axis.extent, coefficient(terms, axis)) for axis in self.s.reduce)
        loops = self.e.even_pieces and len(levels) > 1 and levels[-1][0] <= STRAIGHT
        return Micro(self.dtype, rows, vectors, self.lanes, known, adds, masked,
                     self._distances(rows), levels, not loops)  # fmt: skip

    def _row_sizes(self) -> list[int]:
        return piece_sizes(totals(self.e, self.cut.inner) or set(), self.rows)

    def _body_on_rows(self, i: Index, m: Index, j: Index, n: Index) -> None:
        """The body on m rows from point i of the inner axes, sums in the small scratch."""
        e, b = self.e, self.b
        first, *others = self.cut.inner
        start = b.add(e.range(first).start, b.div(i, self.cut.whole))

        def step(place: Index, _: list[str]) -> list[str]:
            def row(number: Index) -> None:
                r = b.add(b.mul(place, self.cut.whole), number)
                self._columns(j, n, b.gep(self.element, self.c, b.mul(r, self.c_row)))

            with e.bound(first, b.add(start, place)):
                nest(e, others, row)
            return []

        b.loop(0, b.div(m, self.cut.whole), 1, [], step, nonempty=True)
