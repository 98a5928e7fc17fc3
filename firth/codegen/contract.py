"""Contractions: blocked loops around a micro-kernel, in the order of BLIS.

Van Zee and van de Geijn, 'BLIS: a framework for rapidly instantiating BLAS functionality' (2015).

A tile of the result is worked through in panels of columns and, inside, panels of rows; the
micro-kernel sums one piece of them in registers. An operand is read in place where that is as fast,
else copied first into the order in which it is read, with whatever elementwise work, guards and
index maps it has. Long sums are cut into blocks. After a sum, `body` runs on it while it is hot.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from firth.base import dtype as dt
from firth.base import flags
from firth.codegen.builder import Index
from firth.codegen.contract_dots import along_sum, dot_products
from firth.codegen.contract_operands import Side, left, nothing, right, row_stride
from firth.codegen.contract_pack import (
    at,
    count,
    nest,
    only_if,
    piece_sizes,
    round_up,
    round_up_index,
    size_ranges,
    totals,
    unit,
    vectors,
)
from firth.codegen.contract_soon import ask_piece, ask_sums
from firth.codegen.contract_store import straight
from firth.codegen.microkernel import Micro, micro
from firth.codegen.state import Range, Value
from firth.codegen.types import scalar_type, widen
from firth.ir.kernel import (
    Accumulate,
    Apply,
    Axis,
    Contract,
    Loop,
    Statement,
)
from firth.ir.traced import greatest, least, through
from firth.passes import blocking

if TYPE_CHECKING:
    from firth.codegen.emit import Emitter

MICRO = (dt.float32, dt.float64, dt.int32, dt.int64)
SIDES = (("a", left), ("b", right))
Condition = bool | str  # a register where it is not known here


def emit(e: Emitter, s: Contract) -> None:
    """Emits a contraction."""
    if s.result.dtype not in MICRO or s.a.dtype is not s.b.dtype:
        e.run(plain_loops(s, e.facts.lanes(4)))
        return
    tile = Tile(e, s)
    if tile.plain():
        e.run(plain_loops(s, tile.lanes))
    else:
        tile.run()


def plain_loops(s: Contract, lanes: int) -> tuple[Statement, ...]:
    """The contraction as ordinary loops: one sum after the other, columns in vectors."""
    product = Apply("mul", (s.a, s.b), s.result.dtype)
    body: tuple[Statement, ...] = (Accumulate(s.result, product),)
    reduce = s.reduce or (Axis("once", 1),)
    for place, axis in reversed(list(enumerate(reduce))):
        body = (Loop(axis, body, carries=() if place else (s.result,)),)
    body += s.body
    for place, axis in reversed(list(enumerate((*s.rows, *s.cols)))):
        last = s.cols and place == len(s.rows) + len(s.cols) - 1
        body = (Loop(axis, body, vector=lanes if last else 0),)
    return body


class Tile:
    """The emission of one contraction: sizes that are decided once, then the loops."""

    def __init__(self, e: Emitter, s: Contract) -> None:
        self.e, self.s, self.b = e, s, e.b
        self.dtype = s.result.dtype
        self.element, self.size = scalar_type(self.dtype), self.dtype.itemsize
        self.lanes = e.facts.lanes(self.size)
        blocks = dict(e.kernel.grid)
        self.most = {
            axis: min(blocks.get(axis, axis.extent), axis.extent)
            for axis in (*s.rows, *s.cols, *s.reduce)
        }
        self.m, self.n = count(e, s.rows), count(e, s.cols)
        self.row_totals, self.col_totals = totals(e, s.rows), totals(e, s.cols)
        self.max_m, self.max_n = self._most(s.rows), self._most(s.cols)
        self.sum = self._most(s.reduce)
        shape = (self.max_m, self.max_n) if not e.generic else (1 << 20, 1 << 20)
        self.rows, self.vectors = blocking.micro_tile(*shape, self.size, e.facts)
        if e.even_pieces:
            self.rows = blocking.even_rows(self.max_m, self.rows)
        self.columns = self.vectors * self.lanes
        self.kc = self._reduce_block()
        blocked = bool(s.reduce) and (e.generic or self.kc < self.most[s.reduce[0]])
        self.blocked = blocked
        self.deferred = blocked or len(s.cols) > 1
        inner = self._most(s.reduce[1:])
        self.max_k = self.kc * inner if s.reduce else 1
        self.block_m = self._row_block()

    def _most(self, axes: tuple[Axis, ...]) -> int:
        total = 1
        for axis in axes:
            total *= self.most[axis]
        return total

    def _reduce_block(self) -> int:
        """How much of the outermost sum axis is summed at a time: all of it, or equal parts."""
        if not self.s.reduce:
            return 1
        extent = self.most[self.s.reduce[0]]
        inner = greatest(1, self._most(self.s.reduce[1:]))
        cols = self.s.cols
        if self.e.generic and not flags.strict():
            longest = greatest(1, blocking.generic_sum(self.size) // inner)
            part: int = through(blocking.sum_part, extent, longest)
            return part
        copies_a = not flags.strict() and self._panels_of_a()
        longest = max(1, blocking.reduce_block(self.size, copies_a) // inner)
        runs = self.max_n > 4 * self.columns and bool(cols) and unit(self.s.b, cols[-1])
        if self.max_m <= blocking.FEW_ROWS and runs:
            longest = blocking.FEW_ROWS_SUM  # long runs of b's rows, sums from the first cache
        return blocking.sum_part(extent, longest)

    def _panels_of_a(self) -> bool:
        """Whether rows of a are neighbours in memory, and used often enough to be copied."""
        rows, reduce = self.s.rows, self.s.reduce
        often = self.max_n > 2 * self.columns
        return often and len(rows) == len(reduce) == 1 and unit(self.s.a, rows[0])

    def _row_block(self) -> int:
        """Rows whose part of a stays in a cache while all columns pass by: all of them where a was
        copied before a loop around."""
        if len(self.s.rows) != 1 or (id(self.s), "a") in self.e.packed:
            return self.max_m
        row = row_stride(self) if self.e.generic else self.max_k
        most = blocking.rows_in_cache(row, self.size, self.rows, self.e.facts)
        parts = greatest(1, -(-self.max_m // most))
        rows: int = greatest(1, least(self.max_m, round_up(-(-self.max_m // parts), self.rows)))
        return rows

    def number(self, key: str, value: int) -> Index:
        """A size that is decided here: known, or always a parameter in a generic kernel."""
        return self.e.word((id(self.s), key), value) if self.e.generic else value

    def scratch(self, key: str, elements: int) -> str:
        """Private memory, with room for a block of whole vectors stored at its end."""
        slack = self.lanes * (round_up(max(self.columns, self.rows), self.lanes) + self.lanes)
        return self.e.scratch((elements + slack) * self.size, (id(self.s), key))

    # loops

    def run(self) -> None:
        """Emits everything."""
        if not self.by_dots():
            self._tile()
        elif self.e.generic:
            few = self.b.compare("sle", self.m, blocking.FEW_ROWS)
            only_if(self.e, few, lambda: dot_products(self))
            only_if(self.e, self.b.compare("slt", blocking.FEW_ROWS, self.m), self._tile)
        else:
            dot_products(self)

    def plain(self) -> bool:
        """Whether ordinary loops do: not where dot products are as short, nor in strict mode where
        larger ones of the same structure would cut the sum."""
        ordered = flags.strict() and self.blocked
        return self.e.plain_sums and not ordered and not self.by_dots()

    def by_dots(self) -> bool:
        """Whether it is, or may be, dot products: never where the order of summation should not
        depend on the width of a vector."""
        if flags.strict() or not along_sum(self):
            return False
        return self.e.generic or (self.max_m <= blocking.DOT_ROWS and self.sum >= self.lanes)

    def _tile(self) -> None:
        """Panels of packed or well placed operands."""
        target = straight(self)
        if target is not None:
            self.c, row, adds = target
            self.c_row: Index = row
            self.deferred = True  # no body
            if self.blocked:
                assert isinstance(adds, bool)  # `straight` gives no conditions to blocks
                self._blocks(adds)
            else:
                self._block(adds)
            return
        if not self.deferred:
            self.c = self.scratch("c", self.rows * self.columns)
            self.c_row = self.columns
            self._block(adds=False)
            return
        width = round_up(self.max_n, self.columns)
        height = round_up(self.max_m, self.rows)
        self.c = self.scratch("c", height * width)
        self.c_row = self.number("c_row", width)
        if not self.blocked:
            self._block(adds=False)
        else:
            if not self.e.range(self.s.reduce[0]).nonempty:
                self._zero(self.number("c_size", height * width))
            self._blocks(adds=False)
        self._body_on_tile()

    def _blocks(self, adds: bool) -> None:
        """One block of the sum after the other, added up where the first was stored (or added)."""
        axis = self.s.reduce[0]
        whole = self.e.range(axis)
        kc = self.number("kc", self.kc)

        def block(start: Index, _: list[str]) -> list[str]:
            counts = totals(self.e, (axis,))
            known = counts is not None and all(n % self.kc == 0 for n in counts)
            size = kc if known else self.b.min(kc, self.b.sub(whole.count, start))
            first = self.b.add(whole.start, start)
            part = Range(first, self.b.add(first, size), size, True)
            with self.e.bound(axis, first), self.e.restricted(axis, part):
                self._block(adds or not whole.nonempty or self.b.compare("slt", 0, start))
            return []

        b = self.b
        steps = b.div(b.add(whole.count, b.sub(kc, 1)), kc)
        b.loop(0, b.mul(steps, kc), kc, [], block)

    def _block(self, adds: Condition) -> None:
        """Copies what is to be copied, then all panels of the tile, a block of rows at a time."""
        self.k = count(self.e, self.s.reduce)
        b_side = self._side("b", right)
        if (self.e.generic and len(self.s.rows) == 1) or self.block_m < self.max_m:
            self._row_blocks(b_side, adds)
        else:
            self._rows(b_side, adds, 0, self.m)

    def _row_blocks(self, b_side: Side, adds: Condition) -> None:
        e, b = self.e, self.b
        axis, most = self.s.rows[0], self.block_m
        whole = e.range(axis)
        step = self.number("block_m", most)
        found = None if whole.counts is None else {x for n in whole.counts for x in _cut(n, most)}

        def block(start: Index, _: list[str]) -> list[str]:
            size = step if found == {most} else b.min(step, b.sub(whole.count, start))
            first = b.add(whole.start, start)
            counts = None if found is None else tuple(sorted(found))
            part = Range(first, b.add(first, size), size, True, counts)
            with e.bound(axis, first), e.restricted(axis, part):
                self._rows(b_side, adds, start, size)
            return []

        steps = b.div(b.add(whole.count, b.sub(step, 1)), step)
        b.loop(0, b.mul(steps, step), step, [], block)

    def _rows(self, b_side: Side, adds: Condition, above: Index, m: Index) -> None:
        """All panels of m rows, of which the first is number `above` of the tile."""
        b = self.b
        a = self._side("a", left)

        def piece(i: Index, m: Index, j: Index, n: Index) -> None:
            c = self.c
            if self.deferred:
                c = b.gep(self.element, c, b.add(b.mul(b.add(above, i), self.c_row), j))
                if self.blocked and not self.e.generic:
                    ask_sums(self, c, m)
            else:
                ask_piece(self, i, m, j)
            self._call(a, b_side, (a.start(i), b_side.start(j), c), (m, n), adds)
            if not self.deferred:
                self.body_on_piece(i, m, j, n)

        def all_columns(i: Index, m: Index) -> None:
            self.panels(self.n, self.columns, lambda j, n: piece(i, m, j, n))

        def all_rows(j: Index, n: Index) -> None:
            self.panels(m, self.rows, lambda i, m: piece(i, m, j, n))

        # Rows that are read along the sum where they lie stay in the first cache while all columns
        # pass by, and the result is written along its rows, as the machine foresees it.
        if a.prepare is nothing and a.step == 1 and b_side.prepare is not nothing:
            self.panels(m, self.rows, all_columns)
        else:
            self.panels(self.n, self.columns, all_rows)

    def _side(self, which: str, make: Callable[[Tile], Side]) -> Side:
        """An operand, ready to be read: packed here, or before a loop around."""
        found = self.e.packed.get((id(self.s), which))
        if found is None:
            found = make(self)
            found.prepare()
        return found

    def panels(self, total: Index, step: int, body: Callable[[Index, Index], None]) -> None:
        """body(first, how many) for pieces of at most `step`."""
        b = self.b

        def piece(first: Index, _: list[str]) -> list[str]:
            if isinstance(total, int) and (total % step == 0 or total < step):
                body(first, min(step, total))
            else:
                body(first, b.min(step, b.sub(total, first)))
            return []

        b.loop(0, round_up_index(b, total, step), step, [], piece)

    def _call(
        self,
        left: Side,
        right: Side,
        pointers: tuple[str, str, str],
        piece: tuple[Index, Index],
        adds: Condition,
    ) -> None:
        """The micro-kernel of the piece's size: only the sizes that can occur exist."""
        m, n = piece
        sizes = self.sizes(left, right)
        how = adds if isinstance(adds, bool) else None
        known = tuple(x if isinstance(x, int) else None for x in sizes)
        for rows, low in size_ranges(self._row_sizes(), m):
            for width, narrow in size_ranges(self._column_sizes(), n):
                # only a panel that is not whole needs a mask
                masked = right.masked and not (isinstance(n, int) and n == width)
                whole = masked and width == self.columns and not isinstance(n, int)
                kernel = self.micro(rows, -(-width // self.lanes), known, how, masked)
                fits = self.b.both(self._within(m, low, rows), self._within(n, narrow, width))
                if whole:
                    full = self.micro(rows, self.vectors, known, how, False)
                    all_there = self.b.compare("sle", width, n)
                    self._when(self.b.both(fits, all_there), full, pointers, (sizes, n, adds))
                    fits = self.b.both(fits, self.b.compare("slt", n, width))
                self._when(fits, kernel, pointers, (sizes, n, adds))

    def sizes(self, left: Side, right: Side) -> tuple[Index, ...]:
        """Sizes and strides of the micro-kernel."""
        return self.k, left.outer, left.step, right.step, self.c_row

    def micro(
        self,
        rows: int,
        vectors: int,
        known: tuple[int | None, ...],
        adds: bool | None,
        masked: bool,
    ) -> Micro:
        """The micro-kernel of a piece."""
        return Micro(self.dtype, rows, vectors, self.lanes, known, adds, masked)

    def _when(
        self,
        condition: bool | str,
        kernel: Micro,
        pointers: tuple[str, str, str],
        arguments: tuple[tuple[Index, ...], Index, Condition],
    ) -> None:
        if condition is not False:
            call = micro(self.b, kernel, self.e.facts)
            only_if(self.e, condition, lambda: call(*pointers, *arguments))

    def _within(self, value: Index, low: int, high: int) -> bool | str:
        """low < value <= high, where value is at most the largest size."""
        return self.b.both(
            self.b.compare("slt", low, value) if low else True,
            self.b.compare("sle", value, high) if high < max(self.rows, self.columns) else True,
        )

    def _row_sizes(self) -> list[int]:
        if self.e.generic:
            return [self.rows] if along_sum(self) else sorted({min(4, self.rows), self.rows})
        if self.row_totals is None:
            return sorted({min(4, self.rows), self.rows})
        return piece_sizes(self.row_totals, self.rows)

    def _column_sizes(self) -> list[int]:
        if self.col_totals is None:
            return [self.columns]
        found = piece_sizes(self.col_totals, self.columns)
        return sorted({round_up(n, self.lanes) for n in found})

    # after the sum

    def _finish(self, pointer: str, lanes: int) -> None:
        """Runs the body on `lanes` sums."""
        text = self.b.load(widen(self.element, lanes), pointer, self.size)
        self.e.assign(self.s.result, Value(text, lanes))
        self.e.run(self.s.body)

    def body_on_piece(self, i: Index, m: Index, j: Index, n: Index) -> None:
        """The body on m rows from i and n columns from j, sums in the small scratch."""
        b, s = self.b, self.s

        def row(r: Index, _: list[str]) -> list[str]:
            line = b.gep(self.element, self.c, b.mul(r, self.c_row))
            with at(self.e, s.rows, b.add(i, r)):
                self._columns(j, n, line)
            return []

        b.loop(0, m, 1, [], row, nonempty=True)

    def _columns(self, j: Index, n: Index, line: str) -> None:
        b, s = self.b, self.s
        if not s.cols:
            self._finish(line, 1)
            return
        axis = s.cols[-1]
        vectors(
            self.e, axis, b.add(self.e.range(axis).start, j), n,
            lambda offset, lanes: self._finish(b.gep(self.element, line, offset), lanes),
            self.lanes,
        )  # fmt: skip

    def _body_on_tile(self) -> None:
        """The body on the whole tile, sums in the large scratch."""
        b, s = self.b, self.s

        def row(i: Index) -> None:
            line = b.gep(self.element, self.c, b.mul(i, self.c_row))

            def segment(outer: Index) -> None:
                size = self.e.range(s.cols[-1]).count if s.cols else 1
                self._columns(0, size, b.gep(self.element, line, b.mul(outer, size)))

            nest(self.e, s.cols[:-1], segment)

        nest(self.e, s.rows, row)

    def _zero(self, elements: Index) -> None:
        b, type_ = self.b, widen(self.element, self.lanes)

        def step(index: Index, _: list[str]) -> list[str]:
            b.store(type_, "zeroinitializer", b.gep(self.element, self.c, index), self.size)
            return []

        b.loop(0, round_up_index(b, elements, self.lanes), self.lanes, [], step)


def _cut(count: int, step: int) -> set[int]:
    """The sizes of the pieces when so many points are cut in steps."""
    return {min(count, step), count % step or step} & set(range(1, count + 1))
