"""Sums that go from registers to where the body of a contraction puts them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firth.base import flags
from firth.codegen import memory
from firth.codegen.builder import Index
from firth.codegen.contract_operands import linear_stride
from firth.codegen.contract_pack import at, coefficient
from firth.ir.kernel import Accumulator, Apply, Load, Store

if TYPE_CHECKING:
    from firth.codegen.contract import Tile


def straight(t: Tile) -> tuple[str, Index, bool | str] | None:
    """(address, elements from row to row, whether sums are added to what is there), where the body
    is one store of the sum, or of the sum and what the element holds (perhaps only from some round
    of the loops around on); else None.

    Whole vectors are written: every number of columns must be a multiple of the lanes.
    """
    e, s = t.e, t.s
    store = s.body[0] if len(s.body) == 1 else None
    if not isinstance(store, Store) or store.guards or store.dynamic or e.site:
        return None
    if t.row_totals is None or t.col_totals is None or len(s.cols) != 1:
        return None
    if (
        any(n % t.lanes for n in t.col_totals)
        or e.kernel.buffers[store.buffer].dtype is not t.dtype
    ):
        return None
    old = _added_to(store, s.result)
    adds = old is not None and not flags.strict()  # a sum that begins elsewhere
    if store.value is not s.result and not adds:
        return None
    guards = old.guards if old is not None else ()
    inside = {*s.rows, *s.cols, *s.reduce}
    if guards and (t.blocked or any(a in inside for g in guards for a, _ in g.index.terms)):
        return None
    if t.blocked and not adds and not e.range(s.reduce[0]).nonempty:
        return None
    terms, row = store.index.terms, linear_stride(t, store.index, s.rows)
    if row is None or coefficient(terms, s.cols[0]) != 1:
        return None
    if any(coefficient(terms, axis) for axis in s.reduce):
        return None
    with at(e, (*s.rows, *s.cols), 0):
        there = adds and memory.guarded(e, guards)[0]
        return memory.address(e, store.buffer, store.index), row, there


def _added_to(store: Store, result: Accumulator) -> Load | None:
    """What the sum is added to, if it is the element that is stored."""
    x = store.value
    if not isinstance(x, Apply) or x.op != "add" or result not in x.args:
        return None
    old = x.args[1] if x.args[0] is result else x.args[0]
    if not isinstance(old, Load) or old.dynamic or old.fill != 0:
        return None
    return old if old.buffer == store.buffer and old.index == store.index else None
