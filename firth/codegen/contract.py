"""Contractions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firth.ir.kernel import Accumulate, Apply, Contract, Loop, Statement

if TYPE_CHECKING:
    from firth.codegen.emit import Emitter


def emit(e: Emitter, s: Contract) -> None:
    """Emits a contraction."""
    e.run(plain_loops(s, e.facts.lanes(s.result.dtype.itemsize)))


def plain_loops(s: Contract, lanes: int) -> tuple[Statement, ...]:
    """The contraction as ordinary loops: one sum after the other, columns in vectors."""
    product = Apply("mul", (s.a, s.b), s.result.dtype)
    body: tuple[Statement, ...] = (Accumulate(s.result, product),)
    for place, axis in reversed(list(enumerate(s.reduce))):
        body = (Loop(axis, body, carries=() if place else (s.result,)),)
    body += s.body
    for place, axis in reversed(list(enumerate((*s.rows, *s.cols)))):
        last = s.cols and place == len(s.rows) + len(s.cols) - 1
        body = (Loop(axis, body, vector=lanes if last else 0),)
    return body
