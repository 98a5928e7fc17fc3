"""Packing before a loop what the contractions in it read and no step of it changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from firth.codegen.contract import MICRO, SIDES, Tile
from firth.codegen.contract_operands import nothing
from firth.codegen.contract_pack import count
from firth.ir.kernel import Axis, Contract, Expression, Load, Loop, Sort, Statement, Store, Within
from firth.passes.expressions import arguments_of

if TYPE_CHECKING:
    from firth.codegen.emit import Emitter


@contextmanager
def packed_before(e: Emitter, s: Loop) -> Iterator[None]:
    """Inside, operands that do not change in the loop are packed already."""
    mine: list[tuple[int, str]] = []
    written = _stored(s.body)
    for c, moving, ended in _inside(s, frozenset((s.axis,)), frozenset()):
        if c.result.dtype not in MICRO or c.a.dtype is not c.b.dtype:
            continue
        t = Tile(e, c)
        if t.blocked or t.by_dots() or t.plain():
            continue
        t.k = count(e, c.reduce)
        for (which, make), x in zip(SIDES, (c.a, c.b), strict=True):
            # panels of columns may be more than a step of the loop reads
            free = ended & set(c.cols) if which == "b" and len(c.cols) == 1 else frozenset()
            changes = e.needs(x) & (moving | (ended - free))
            fixed = not changes and not {y.buffer for y in _loads(x)} & written
            if fixed and (id(c), which) not in e.packed:
                t.block_m = t.max_m
                side = make(t)
                if side.prepare is not nothing:
                    side.prepare()
                    e.packed[id(c), which] = side
                    mine.append((id(c), which))
    yield
    for key in mine:
        del e.packed[key]


def _inside(
    s: Loop | Within, moving: frozenset[Axis], ended: frozenset[Axis]
) -> Iterator[tuple[Contract, frozenset[Axis], frozenset[Axis]]]:
    """The contractions in a serial loop, with the axes that change between it and them, and those
    that only end earlier."""
    for item in s.body:
        if isinstance(item, Contract):
            yield item, moving, ended
        elif isinstance(item, Within) and not item.starts:
            yield from _inside(item, moving, ended | {item.axis})
        elif isinstance(item, Within) or isinstance(item, Loop) and item.vector < 2:
            yield from _inside(item, moving | {item.axis}, ended)


def _stored(body: Sequence[Statement]) -> set[int]:
    """The buffers that some statements write."""
    found: set[int] = set()
    for item in body:
        if isinstance(item, (Store, Sort)):
            found.add(item.buffer)
        if isinstance(item, (Loop, Within, Contract)):
            found |= _stored(item.body)
    return found


def _loads(x: Expression) -> Iterator[Load]:
    if isinstance(x, Load):
        yield x
    for child in arguments_of(x):
        yield from _loads(child)
