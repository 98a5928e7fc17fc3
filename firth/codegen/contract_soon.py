"""Asking early for what the body of a contraction reads beside its sums.

A piece of the result is a few rows of two cache lines each, which the machine does not foresee, and
a body of much arithmetic leaves no room to wait for several of them at once. So they are asked for
before the sum of the piece begins. A body that runs on whole rows of a tile needs none of this.
Rows of a result that a sum in blocks is added to are no different; they often share a set of the
first cache, so they come to the second.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from firth.codegen import memory
from firth.codegen.builder import Index
from firth.codegen.contract_pack import at, coefficient
from firth.codegen.types import scalar_type
from firth.ir.kernel import Expression, Load, Statement, Store
from firth.passes.expressions import arguments_of

if TYPE_CHECKING:
    from firth.codegen.contract import Tile

FIRST_CACHE, SECOND_CACHE = "3", "2"  # llvm.prefetch's words for where a line should come to


def ask_piece(t: Tile, i: Index, m: Index, j: Index) -> None:
    """Asks for what the body reads for m rows from i and a panel of columns from j."""
    loads = _loads(t)
    if not loads:
        return

    def row(r: Index, _: list[str]) -> list[str]:
        _ask(t, loads, t.b.add(i, r), j)
        return []

    t.b.loop(0, m, 1, [], row, nonempty=True)


def ask_sums(t: Tile, c: str, m: Index) -> None:
    """Asks for m rows of a panel of sums, to which a block of the sum will be added."""

    def row(r: Index, _: list[str]) -> list[str]:
        _lines(t, t.element, t.b.gep(t.element, c, t.b.mul(r, t.c_row)), SECOND_CACHE)
        return []

    t.b.loop(0, m, 1, [], row, nonempty=True)


def _ask(t: Tile, loads: Sequence[Load], i: Index, j: Index) -> None:
    with at(t.e, t.s.rows, i), at(t.e, t.s.cols, j):
        for load in loads:
            pointer = memory.address(t.e, load.buffer, load.index)
            _lines(t, scalar_type(load.dtype), pointer, FIRST_CACHE)


def _lines(t: Tile, element: str, pointer: str, cache: str) -> None:
    """Asks for the lines of a row of a panel of columns."""
    for first in range(0, t.columns, max(1, t.e.facts.line_bytes // t.size)):
        place = t.b.gep(element, pointer, first)
        read_data = [("i32", "0"), ("i32", cache), ("i32", "1")]
        t.b.intrinsic("llvm.prefetch.p0", "void", [("ptr", place), *read_data])


def _loads(t: Tile) -> list[Load]:
    """What the body reads at an element of its own for every row and column, columns side by
    side."""
    if t.e.generic or len(t.s.cols) != 1 or len(t.s.rows) != 1:
        return []
    found: dict[tuple[int, object], Load] = {}
    for x in _expressions(t.s.body):
        if isinstance(x, Load) and not x.guards and not x.dynamic:
            terms = x.index.terms
            moves = coefficient(terms, t.s.cols[0]) == 1 and coefficient(terms, t.s.rows[0]) != 0
            if moves and x.dtype is t.dtype and not t.e.kernel.buffers[x.buffer].scratch:
                found[x.buffer, x.index] = x
    return list(found.values())


def _expressions(body: Sequence[Statement]) -> Iterator[Expression]:
    stack = [s.value for s in body if isinstance(s, Store)]
    seen: set[int] = set()
    while stack:
        x = stack.pop()
        if id(x) not in seen:
            seen.add(id(x))
            yield x
            stack += arguments_of(x)
