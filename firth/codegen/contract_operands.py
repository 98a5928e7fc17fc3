"""How the operands of a contraction reach its micro-kernel: read in place, or copied first.

| operand | how it is read |
|---|---|
| a, rows and sums that each have one stride, fixed sizes | in place |
| a, neighbours along its only row axis | copied into panels [k][rows of a panel] |
| a, neighbours along the last sum axis | copied to [row][k] |
| a, others | copied to [k][row] |
| b, one column axis of stride 1, few rows, fixed sizes | in place |
| b, one column axis of stride 1 | copied into panels [k][columns of a panel] |
| b, neighbours along the last sum axis (x @ W.T) | transposed into such panels |
| b, several column axes | copied to [k][column] |

Rows of windows, which have several strides, are the business of `contract_windows.py`.
A copy does the elementwise work, the guards and the index maps that the operand has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from firth.base import flags
from firth.codegen import memory
from firth.codegen.builder import Index
from firth.codegen.contract_pack import (
    at,
    coefficient,
    pack_panels,
    pack_rows,
    pack_vectors,
    plain,
    round_up,
    unit,
)
from firth.codegen.contract_transpose import pack_transposed
from firth.ir.kernel import Affine, Axis, Load
from firth.passes import blocking

if TYPE_CHECKING:
    from firth.codegen.contract import Tile


class Side:
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


def nothing() -> None:
    """An operand that is read in place needs no preparation."""


def base_pointer(t: Tile, x: Load, axes: tuple[Axis, ...]) -> str:
    """The address of the first element of this tile and block of the sum."""
    with at(t.e, axes, 0), at(t.e, t.s.reduce, 0):
        return memory.address(t.e, x.buffer, x.index)


def left(t: Tile) -> Side:
    """How the operand of the rows is read."""
    e, b, s = t.e, t.b, t.s
    x, rows, reduce = s.a, s.rows, s.reduce
    load = plain(e, x)
    if load is not None and t.row_totals is not None:  # a row that is not there is never read
        row, step = linear_stride(t, load.index, rows), linear_stride(t, load.index, reduce)
        if row is not None and step is not None and not scattered(t, row, step):
            base = base_pointer(t, load, rows)
            return Side(nothing, lambda i: b.gep(t.element, base, b.mul(i, row)), row, step)
    by_rows = bool(rows) and unit(x, rows[-1])
    if by_rows and len(rows) == 1:
        width = round_up(t.rows, t.lanes)
        panels = -(-t.block_m // t.rows)
        packed = t.scratch("a", panels * width * t.max_k)
        return Side(
            lambda: pack_panels(e, x, rows[0], reduce, packed, (t.rows, width), t.lanes),
            lambda i: b.gep(t.element, packed, b.mul(b.mul(b.div(i, t.rows), width), t.k)),
            1, width,
        )  # fmt: skip
    if reduce and not by_rows and unit(x, reduce[-1]):
        stride = row_stride(t)
        rows_read = t.block_m if t.row_totals is not None else round_up(t.block_m, t.rows)
        packed = t.scratch("a", (rows_read + 1) * stride)
        return Side(
            lambda: pack_rows(e, x, rows, reduce, packed, stride, t.lanes),
            lambda i: b.gep(t.element, packed, b.mul(i, stride)),
            stride, 1,
        )  # fmt: skip
    height = round_up(t.block_m, t.rows) + t.lanes
    packed = t.scratch("a", height * t.max_k)
    a_k = t.number("a_k", height)
    return Side(
        lambda: pack_vectors(
            e, x, rows, reduce,
            lambda k, i: b.gep(t.element, packed, b.add(b.mul(k, a_k), i)), t.lanes,
        ),
        lambda i: b.gep(t.element, packed, i),
        1, a_k,
    )  # fmt: skip


def row_stride(t: Tile) -> int:
    """From one copied row to the next: room for whole vectors, and an odd number of lines, so that
    the rows of a piece lie in different sets of a cache. One for all sizes in generic kernels."""
    longest = blocking.generic_sum(t.size, flags.strict()) if t.e.generic else t.max_k
    line = max(1, 64 // t.size)
    lines = -(-(longest + t.lanes) // line)
    return (lines | 1) * line


def linear_stride(t: Tile, index: Affine, axes: tuple[Axis, ...]) -> int | None:
    """The stride of an index from one point of the axes to the next; None where it varies."""
    stride, reach = 0, 1
    for place, axis in enumerate(reversed(axes)):
        step = coefficient(index.terms, axis)
        if place == 0:
            stride = step
        elif step != stride * reach:
            return None
        if place < len(axes) - 1 and t.e.range(axis).count != axis.extent:
            return None
        reach *= axis.extent
    return stride


def scattered(t: Tile, row: int, step: int) -> bool:
    """Whether reading in place touches another page at every step or so, on a long walk: then a
    copy pays, if enough columns use it. Rows that share sets of a cache cost less than a copy."""
    row, step = abs(row) * t.size, abs(step) * t.size
    long = step >= 1024 and step * t.sum >= t.e.facts.l2_bytes // 4
    pages = row == t.size and (step >= 2048 or long)
    return pages and t.max_n > 2 * t.columns


def right(t: Tile) -> Side:
    """How the operand of the columns is read."""
    e, b, s = t.e, t.b, t.s
    x, cols, reduce = s.b, s.cols, s.reduce
    load = plain(e, x)
    contiguous = len(cols) == 1 and unit(x, cols[0])
    step = linear_stride(t, load.index, reduce) if load is not None and not e.generic else None
    if load is not None and contiguous and step is not None:
        whole = t.col_totals is not None and all(n % t.columns == 0 for n in t.col_totals)
        if (whole or e.facts.masked) and t.max_m <= blocking.IN_PLACE_ROWS:
            base = base_pointer(t, load, cols)
            return Side(nothing, lambda j: b.gep(t.element, base, j), 0, step, masked=not whole)
    by_sum = bool(reduce) and unit(x, reduce[-1])
    if contiguous or (cols and by_sum and not unit(x, cols[-1])):
        packed = t.scratch("b", round_up(t.max_n, t.columns) * t.max_k)

        def prepare() -> None:
            if contiguous:
                panel = (t.columns, t.columns)
                pack_panels(e, x, cols[0], reduce, packed, panel, t.lanes)
            else:
                pack_transposed(e, x, cols, reduce, packed, t.columns, t.lanes)

        return Side(prepare, lambda j: b.gep(t.element, packed, b.mul(j, t.k)), 0, t.columns)
    width = round_up(t.max_n, t.columns) + t.lanes
    packed = t.scratch("b", width * t.max_k)
    b_k = t.number("b_k", width)
    return Side(
        lambda: pack_vectors(
            e, x, cols, reduce,
            lambda k, j: b.gep(t.element, packed, b.add(b.mul(k, b_k), j)), t.lanes,
        ),
        lambda j: b.gep(t.element, packed, j),
        0, b_k,
    )  # fmt: skip
