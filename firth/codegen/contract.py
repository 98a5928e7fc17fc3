"""Contractions: blocked loops around a micro-kernel, in the order of BLIS (Van Zee and van de Geijn,
'BLIS: a framework for rapidly instantiating BLAS functionality', 2015).

A tile of the result is worked through in panels of columns and, inside, panels of rows; the
micro-kernel sums one piece of them in registers. An operand is read in place where that is as fast,
else copied first into the order in which it is read, with whatever elementwise work, guards and
index maps it has. Long sums are cut into blocks. After a sum, `body` runs on it while it is hot.

| operand | how it is read |
|---|---|
| a, rows and sums that each have one stride, fixed sizes | in place |
| a, neighbours along the last row axis | copied to [k][row] |
| a, neighbours along the last sum axis | transposed into panels [k][rows of a panel] |
| b, one column axis of stride 1, few rows, fixed sizes | in place |
| b, one column axis of stride 1 | copied into panels [k][columns of a panel] |
| b, neighbours along the last sum axis (x @ W.T) | transposed into such panels; few rows: in place |
| b, several column axes (windows of a convolution) | copied to [k][column] |
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from firth.base import dtype as dt
from firth.base import flags
from firth.codegen import blocking, memory
from firth.codegen.builder import Index
from firth.codegen.contract_pack import (
    at,
    coefficient,
    count,
    nest,
    only_if,
    pack_panels,
    pack_transposed,
    pack_vectors,
    plain,
    unit,
    vectors,
)
from firth.codegen.microkernel import Dots, Micro, dots, micro
from firth.codegen.state import Range, Value
from firth.codegen.types import scalar_type, widen
from firth.ir.kernel import Accumulate, Apply, Axis, Contract, Load, Loop, Statement

if TYPE_CHECKING:
    from firth.codegen.emit import Emitter

_MICRO = (dt.float32, dt.float64, dt.int32, dt.int64)


def emit(e: Emitter, s: Contract) -> None:
    """Emits a contraction."""
    if s.result.dtype not in _MICRO or s.a.dtype is not s.b.dtype:
        e.run(plain_loops(s, e.facts.lanes(4)))
        return
    _Tile(e, s).run()


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


class _Side:
    """One operand as the micro-kernel finds it: where panel i begins, and its strides."""

    __slots__ = ("masked", "outer", "prepare", "start", "step")

    def __init__(
        self,
        prepare: Callable[[], None],
        start: Callable[[Index], str],
        outer: Index,
        step: Index,
        masked: bool = False,
    ) -> None:
        self.prepare = prepare
        self.start = start
        self.outer = outer
        self.step = step
        self.masked = masked


class _Tile:
    """The emission of one contraction: sizes that are decided once, then the loops."""

    def __init__(self, e: Emitter, s: Contract) -> None:
        self.e, self.s, self.b = e, s, e.b
        self.dtype = s.result.dtype
        self.element, self.size = scalar_type(self.dtype), self.dtype.itemsize
        self.lanes = e.facts.lanes(self.size)
        blocks = dict((axis, block) for axis, block in e.kernel.grid)
        self.most = {
            axis: min(blocks.get(axis, axis.extent), axis.extent)
            for axis in (*s.rows, *s.cols, *s.reduce)
        }
        self.m, self.n = count(e, s.rows), count(e, s.cols)
        self.max_m, self.max_n = self._most(s.rows), self._most(s.cols)
        self.sum = self._most(s.reduce)
        shape = (self.max_m, self.max_n) if not e.generic else (1 << 20, 1 << 20)
        self.rows, self.vectors = blocking.micro_tile(*shape, self.size, e.facts)
        self.columns = self.vectors * self.lanes
        self.kc = self._reduce_block()
        blocked = bool(s.reduce) and (e.generic or self.kc < self.most[s.reduce[0]])
        self.blocked = blocked
        self.deferred = blocked or len(s.cols) > 1
        inner = self._most(s.reduce[1:])
        self.max_k = self.kc * inner if s.reduce else 1

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
        inner = max(1, self._most(self.s.reduce[1:]))
        longest = max(1, blocking.reduce_block(self.size) // inner)
        if self.max_m <= blocking.FEW_ROWS and self.max_n > 4 * self.columns:
            longest = blocking.FEW_ROWS_SUM  # long runs of b's rows, sums from the first cache
        if extent <= longest:
            return max(1, extent)
        parts = -(-extent // max(longest // 2, 1))
        for more in range(parts, parts + 3):
            if extent % more == 0:
                return extent // more
        return -(-extent // parts)

    def number(self, key: str, value: int) -> Index:
        """A size that is decided here: known, or always a parameter in a generic kernel."""
        return self.e.word((id(self.s), key), value) if self.e.generic else value

    def scratch(self, key: str, elements: int) -> str:
        """Private memory, with room for a block of whole vectors stored at its end."""
        slack = self.lanes * (_up(max(self.columns, self.rows), self.lanes) + self.lanes)
        return self.e.scratch((elements + slack) * self.size, (id(self.s), key))

    # loops

    def run(self) -> None:
        """Emits everything."""
        if not self._along_sum() or flags.get("FIRTH_STRICT") == "1":
            self._tile()  # one order of summation, whatever the width of a vector
        elif self.e.generic:
            few = self.b.compare("sle", self.m, blocking.FEW_ROWS)
            only_if(self.e, few, self._dots)
            only_if(self.e, self.b.compare("slt", blocking.FEW_ROWS, self.m), self._tile)
        elif self.max_m <= blocking.DOT_ROWS and self.sum >= self.lanes:
            self._dots()
        else:
            self._tile()

    def _tile(self) -> None:
        """Panels of packed or well placed operands."""
        if not self.deferred:
            self.c = self.scratch("c", self.rows * self.columns)
            self.c_row: Index = self.columns
            self._block(adds=False)
            return
        width = _up(self.max_n, self.columns)
        height = _up(self.max_m, self.rows)
        self.c = self.scratch("c", height * width)
        self.c_row = self.number("c_row", width)
        if not self.blocked:
            self._block(adds=False)
        else:
            self._zero(self.number("c_size", height * width))
            self._blocks()
        self._body_on_tile()

    def _blocks(self) -> None:
        """One block of the sum after the other, added up in scratch."""
        axis = self.s.reduce[0]
        whole = self.e.range(axis)
        kc = self.number("kc", self.kc)

        def block(start: Index, _: list[str]) -> list[str]:
            known = not self.e.generic and axis.extent % self.kc == 0
            size = kc if known else self.b.min(kc, self.b.sub(whole.count, start))
            first = self.b.add(whole.start, start)
            part = Range(first, self.b.add(first, size), size, True)
            with self.e.bound(axis, first), self.e.restricted(axis, part):
                self._block(adds=True)
            return []

        b = self.b
        steps = b.div(b.add(whole.count, b.sub(kc, 1)), kc)
        b.loop(0, b.mul(steps, kc), kc, [], block)

    def _block(self, adds: bool) -> None:
        """Packs what is to be packed, then all panels of the tile."""
        e, b, s = self.e, self.b, self.s
        self.k = count(e, s.reduce)
        left, right = self._left(), self._right()
        left.prepare()
        right.prepare()

        def columns(j: Index, n: Index) -> None:
            bp = right.start(j)

            def rows(i: Index, m: Index) -> None:
                c = self.c
                if self.deferred:
                    c = b.gep(self.element, c, b.add(b.mul(i, self.c_row), j))
                self._call(left, right, (left.start(i), bp, c), (m, n), adds)
                if not self.deferred:
                    self._body_on_piece(i, m, j, n)

            self._panels(self.m, self.rows, rows)

        self._panels(self.n, self.columns, columns)

    def _panels(self, total: Index, step: int, body: Callable[[Index, Index], None]) -> None:
        """body(first, how many) for pieces of at most `step`."""
        b = self.b

        def piece(first: Index, _: list[str]) -> list[str]:
            if isinstance(total, int) and (total % step == 0 or total < step):
                body(first, min(step, total))
            else:
                body(first, b.min(step, b.sub(total, first)))
            return []

        b.loop(0, _up_index(b, total, step), step, [], piece)

    def _call(
        self,
        left: _Side,
        right: _Side,
        pointers: tuple[str, str, str],
        piece: tuple[Index, Index],
        adds: bool,
    ) -> None:
        """The micro-kernel of the piece's size: only the sizes that can occur exist."""
        m, n = piece
        sizes = (self.k, left.outer, left.step, right.step, self.c_row)
        known = [x if isinstance(x, int) else None for x in sizes]
        for rows, low in _ranges(self._row_sizes(), m):
            for width, narrow in _ranges(self._column_sizes(), n):
                # only a panel that is not whole needs a mask
                masked = right.masked and not (isinstance(n, int) and n == width)
                whole = masked and width == self.columns and not isinstance(n, int)
                kernel = Micro(
                    self.dtype, rows, -(-width // self.lanes), self.lanes, *known,
                    adds=adds, masked=masked,
                )  # fmt: skip
                fits = self.b.both(self._within(m, low, rows), self._within(n, narrow, width))
                if whole:
                    full = Micro(
                        self.dtype, rows, self.vectors, self.lanes, *known, adds=adds
                    )  # fmt: skip
                    all_there = self.b.compare("sle", width, n)
                    self._when(self.b.both(fits, all_there), full, pointers, sizes, n)
                    fits = self.b.both(fits, self.b.compare("slt", n, width))
                self._when(fits, kernel, pointers, sizes, n)

    def _when(
        self,
        condition: bool | str,
        kernel: Micro,
        pointers: tuple[str, str, str],
        sizes: tuple[Index, ...],
        n: Index,
    ) -> None:
        if condition is not False:
            call = micro(self.b, kernel, self.e.facts)
            only_if(self.e, condition, lambda: call(*pointers, sizes, n))

    def _within(self, value: Index, low: int, high: int) -> bool | str:
        """low < value <= high, where value is at most the largest size."""
        return self.b.both(
            self.b.compare("slt", low, value) if low else True,
            self.b.compare("sle", value, high) if high < max(self.rows, self.columns) else True,
        )

    def _row_sizes(self) -> list[int]:
        if self.e.generic:
            return [self.rows] if self._along_sum() else sorted({min(4, self.rows), self.rows})
        return _remainders(self.s.rows, self.most, self.rows)

    def _column_sizes(self) -> list[int]:
        if self.e.generic:
            return [self.columns]
        found = _remainders(self.s.cols, self.most, self.columns)
        return sorted({_up(n, self.lanes) for n in found})

    # operands

    def _base(self, x: Load, axes: tuple[Axis, ...]) -> str:
        with at(self.e, axes, 0), at(self.e, self.s.reduce, 0):
            return memory.address(self.e, x.buffer, x.index)

    def _left(self) -> _Side:
        e, b, s = self.e, self.b, self.s
        x, rows, reduce = s.a, s.rows, s.reduce
        load = plain(e, x)
        if load is not None and not e.generic:
            row, step = self._linear(load, rows), self._linear(load, reduce)
            if row is not None and step is not None and not self._scattered(row, step):
                base = self._base(load, rows)
                return _Side(
                    _nothing, lambda i: b.gep(self.element, base, b.mul(i, row)), row, step
                )
        by_rows = bool(rows) and unit(x, rows[-1])
        if reduce and not by_rows and unit(x, reduce[-1]):
            width = _up(self.rows, self.lanes)
            panels = -(-self.max_m // self.rows) + 1
            packed = self.scratch("a", panels * width * self.max_k)
            return _Side(
                lambda: pack_transposed(e, x, rows, reduce, packed, (self.rows, width), self.lanes),
                lambda i: b.gep(
                    self.element, packed, b.mul(b.mul(b.div(i, self.rows), width), self.k)
                ),
                1, width,
            )  # fmt: skip
        height = _up(self.max_m, self.rows) + self.lanes
        packed = self.scratch("a", height * self.max_k)
        step = self.number("a_k", height)
        return _Side(
            lambda: pack_vectors(
                e, x, rows, reduce,
                lambda k, i: b.gep(self.element, packed, b.add(b.mul(k, step), i)), self.lanes,
            ),
            lambda i: b.gep(self.element, packed, i),
            1, step,
        )  # fmt: skip

    def _linear(self, x: Load, axes: tuple[Axis, ...]) -> int | None:
        """The stride of x from one point of the axes to the next; None where it varies."""
        stride, reach = 0, 1
        for place, axis in enumerate(reversed(axes)):
            step = coefficient(x.index.terms, axis)
            if place == 0:
                stride = step
            elif step != stride * reach:
                return None
            if place < len(axes) - 1 and self.most[axis] != axis.extent:
                return None
            reach *= axis.extent
        return stride

    def _scattered(self, row: int, step: int) -> bool:
        """Whether reading in place touches another page at every step, or only a few of the sets
        of a cache: then a copy pays, if enough columns use it."""
        row, step = abs(row) * self.size, abs(step) * self.size
        pages = row == self.size and step >= 2048
        sets = step == self.size and row % 4096 == 0 and row >= 2 * self.max_k * self.size
        return (pages or sets) and self.max_n > 2 * self.columns

    def _right(self) -> _Side:
        e, b, s = self.e, self.b, self.s
        x, cols, reduce = s.b, s.cols, s.reduce
        load = plain(e, x)
        contiguous = len(cols) == 1 and unit(x, cols[0])
        step = self._linear(load, reduce) if load is not None and not e.generic else None
        if load is not None and contiguous and step is not None:
            whole = self.max_n % self.columns == 0 and cols[0].extent % self.columns == 0
            if (whole or e.facts.masked) and self.max_m <= blocking.IN_PLACE_ROWS:
                base = self._base(load, cols)
                return _Side(
                    _nothing, lambda j: b.gep(self.element, base, j), 0, step, masked=not whole
                )
        by_sum = bool(reduce) and unit(x, reduce[-1])
        if contiguous or (cols and by_sum and not unit(x, cols[-1])):
            packed = self.scratch("b", _up(self.max_n, self.columns) * self.max_k)
            if contiguous:
                prepare = lambda: pack_panels(  # noqa: E731
                    e, x, cols[0], reduce, packed, self.columns, self.lanes
                )
            else:
                panel = (self.columns, self.columns)
                prepare = lambda: pack_transposed(  # noqa: E731
                    e, x, cols, reduce, packed, panel, self.lanes
                )
            return _Side(
                prepare, lambda j: b.gep(self.element, packed, b.mul(j, self.k)), 0, self.columns
            )
        width = _up(self.max_n, self.columns) + self.lanes
        packed = self.scratch("b", width * self.max_k)
        step = self.number("b_k", width)
        return _Side(
            lambda: pack_vectors(
                e, x, cols, reduce,
                lambda k, j: b.gep(self.element, packed, b.add(b.mul(k, step), j)), self.lanes,
            ),
            lambda j: b.gep(self.element, packed, j),
            0, step,
        )  # fmt: skip

    # after the sum

    def _finish(self, pointer: str, lanes: int) -> None:
        """Runs the body on `lanes` sums."""
        text = self.b.load(widen(self.element, lanes), pointer, self.size)
        self.e.assign(self.s.result, Value(text, lanes))
        self.e.run(self.s.body)

    def _body_on_piece(self, i: Index, m: Index, j: Index, n: Index) -> None:
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
            zero = "zeroinitializer" if self.lanes > 1 else "0"
            b.store(type_, zero, b.gep(self.element, self.c, index), self.size)
            return []

        b.loop(0, _up_index(b, elements, self.lanes), self.lanes, [], step)

    # few rows: dot products

    def _along_sum(self) -> bool:
        """Whether both operands can be read in place along the sum, a vector at a time."""
        s = self.s
        a, b = plain(self.e, s.a), plain(self.e, s.b)
        if a is None or b is None or self.lanes == 1 or len(s.reduce) != 1:
            return False
        if len(s.cols) > 1 or len(s.rows) > 1:
            return False
        return all(coefficient(x.index.terms, s.reduce[0]) == 1 for x in (a, b))

    def _stride(self, x: Load, axes: tuple[Axis, ...], key: str) -> Index:
        known = coefficient(x.index.terms, *axes) if axes else 0
        return self.number(key, known)

    def _dots(self) -> None:
        """Sums of products along the sum, for few rows."""
        s, b, e = self.s, self.b, self.e
        assert isinstance(s.a, Load) and isinstance(s.b, Load)
        rows = 1 if e.generic else min(self.max_m, 4 if e.facts.vector_registers >= 32 else 2)
        wide = 4
        columns = max(self.lanes, wide)
        a_row, b_col = self._stride(s.a, s.rows, "a_row"), self._stride(s.b, s.cols, "b_col")
        sizes = (count(e, s.reduce), a_row, b_col)
        known = [x if isinstance(x, int) else None for x in sizes]
        self.c, self.c_row = self.scratch("dots", rows * columns), columns
        left, right = self._base(s.a, s.rows), self._base(s.b, s.cols)

        def call(i: Index, m: int, j: Index, n: int, at_column: Index) -> None:
            kernel = dots(b, Dots(self.dtype, m, n, self.lanes, *known, columns), e.facts)
            kernel(
                b.gep(self.element, left, b.mul(i, a_row)),
                b.gep(self.element, right, b.mul(b.add(j, at_column), b_col)),
                b.gep(self.element, self.c, at_column),
                sizes,
            )

        def panel(j: Index, n: Index) -> None:
            def piece(i: Index, m: Index) -> None:
                for size, low in _ranges(
                    [1] if rows == 1 else _remainders(s.rows, self.most, rows), m
                ):

                    def some(size: int = size) -> None:
                        main = b.mul(b.div(n, wide), wide)

                        def step(width: int) -> Callable[[Index, list[str]], list[str]]:
                            def run(c: Index, _: list[str]) -> list[str]:
                                call(i, size, j, width, c)
                                return []

                            return run

                        b.loop(0, main, wide, [], step(wide))
                        b.loop(main, n, 1, [], step(1))

                    within = b.both(
                        b.compare("slt", low, m) if low else True,
                        b.compare("sle", m, size) if size < rows else True,
                    )
                    only_if(e, within, some)
                self._body_on_piece(i, m, j, n)

            self._panels(self.m, rows, piece)

        self._panels(self.n, columns, panel)


def _nothing() -> None:
    """An operand that is read in place needs no preparation."""


def _up(value: int, step: int) -> int:
    return -(-value // step) * step


def _up_index(b: object, value: Index, step: int) -> Index:
    if isinstance(value, int):
        return _up(value, step)
    return b.mul(b.div(b.add(value, step - 1), step), step)  # type: ignore[attr-defined]


def _ranges(sizes: list[int], value: Index) -> list[tuple[int, int]]:
    """(size, next smaller size) of those that the value may need."""
    pairs = [(size, low) for size, low in zip(sizes, [0, *sizes], strict=False)]
    if isinstance(value, int):
        return [next(p for p in pairs if p[0] >= value)]
    return pairs


def _remainders(axes: tuple[Axis, ...], most: dict[Axis, int], step: int) -> list[int]:
    """The sizes of pieces that can occur when tiles of these axes are cut in steps."""
    inner = 1
    for axis in axes[1:]:
        inner *= most[axis]
    totals = {inner}
    if axes:
        block = most[axes[0]]
        totals = {block * inner, (axes[0].extent % block) * inner} - {0}
    sizes = {t % step for t in totals} - {0}
    if any(t >= step for t in totals):
        sizes.add(step)
    return sorted(sizes)
