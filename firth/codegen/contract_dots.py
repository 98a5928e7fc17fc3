"""Contractions with few rows as dot products: both operands read in place along the sum."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from firth.codegen.builder import Index
from firth.codegen.contract_operands import base_pointer
from firth.codegen.contract_pack import coefficient, count, only_if, piece_sizes, plain, size_ranges
from firth.codegen.microkernel import Dots, dots
from firth.ir.kernel import Axis, Load

if TYPE_CHECKING:
    from firth.codegen.contract import Tile


def along_sum(t: Tile) -> bool:
    """Whether both operands can be read in place along the sum, a vector at a time."""
    s = t.s
    a, b = plain(t.e, s.a), plain(t.e, s.b)
    if a is None or b is None or t.lanes == 1 or len(s.reduce) != 1:
        return False
    if len(s.cols) > 1 or len(s.rows) > 1:
        return False
    return all(coefficient(x.index.terms, s.reduce[0]) == 1 for x in (a, b))


def stride_of(t: Tile, x: Load, axes: tuple[Axis, ...], key: str) -> Index:
    """How far x moves from one row or column to the next."""
    known = coefficient(x.index.terms, *axes) if axes else 0
    return t.number(key, known)


def dot_products(t: Tile) -> None:
    """Sums of products along the sum, for few rows."""
    s, b, e = t.s, t.b, t.e
    assert isinstance(s.a, Load) and isinstance(s.b, Load)
    rows = max(1, min(t.max_m, 4 if e.facts.vector_registers >= 32 else 2))
    rows = 1 if e.generic else rows
    wide = 4
    columns = max(t.lanes, wide)
    a_row, b_col = stride_of(t, s.a, s.rows, "a_row"), stride_of(t, s.b, s.cols, "b_col")
    sizes = (count(e, s.reduce), a_row, b_col)
    known = tuple(x if isinstance(x, int) else None for x in sizes)
    t.c, t.c_row = t.scratch("dots", rows * columns), columns
    left, right = base_pointer(t, s.a, s.rows), base_pointer(t, s.b, s.cols)

    def call(i: Index, m: int, j: Index, n: int, at_column: Index) -> None:
        kernel = dots(b, Dots(t.dtype, m, n, t.lanes, known, columns), e.facts)
        kernel(
            b.gep(t.element, left, b.mul(i, a_row)),
            b.gep(t.element, right, b.mul(b.add(j, at_column), b_col)),
            b.gep(t.element, t.c, at_column),
            sizes,
        )

    def panel(j: Index, n: Index) -> None:
        def piece(i: Index, m: Index) -> None:
            for size, low in size_ranges(
                [1] if rows == 1 else piece_sizes(t.row_totals or set(range(1, rows + 1)), rows), m
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
            t.body_on_piece(i, m, j, n)

        t.panels(t.m, rows, piece)

    t.panels(t.n, columns, panel)
