"""Where a kernel reads and writes: whether a result may lie over a value that it reads."""

from __future__ import annotations

import math
from collections.abc import Iterator

from firth.ir.kernel import (
    Accumulate,
    Affine,
    Contract,
    Expression,
    Kernel,
    Load,
    Loop,
    Sort,
    Statement,
    Store,
    Within,
)
from firth.passes.expressions import arguments_of


class Accesses:
    """The loads and stores of one kernel, found once."""

    def __init__(self, kernel: Kernel) -> None:
        self._loads: dict[int, set[Affine]] = {}
        self._stores: dict[int, set[Affine]] = {}
        self._scattered: set[int] = set()  # buffers at addresses that hold values
        self._operands: set[int] = set()  # read by a contraction: other tiles read them too
        # a step of a loop around a contraction may read what another wrote; a host op reads all
        self._looped = kernel.host() is not None
        self._blocks: list[tuple[set[int], set[int]]] = []  # buffers read and written, in order
        for statement in kernel.body:
            if isinstance(statement, (Loop, Within)) and _contracts(statement):
                self._looped = True
        for block in _straight(kernel.body):
            self._enter(block)

    def may_overwrite(self, read: set[int], written: set[int]) -> bool:
        """Whether what is read is read only at the very elements that are written then.

        Stores that stand in a row compute their values before the first of them writes.
        """
        if self._looped or read & self._operands or (read | written) & self._scattered:
            return False
        stores = set().union(*(self._stores.get(n, ()) for n in written))
        if not _apart(stores) or any(not self._loads.get(n, set()) <= stores for n in read):
            return False
        begun = False
        for loads, wrote in self._blocks:
            if begun and loads & read:
                return False
            begun = begun or bool(wrote & written)
        return True

    def _enter(self, block: tuple[Statement, ...]) -> None:
        read: set[int] = set()
        written: set[int] = set()
        self._blocks.append((read, written))
        for s in block:
            if isinstance(s, Store):
                written.add(s.buffer)
                self._stores.setdefault(s.buffer, set()).add(s.index)
                if s.dynamic:
                    self._scattered.add(s.buffer)
                self._values((s.value, *(v for v, _ in s.dynamic)), read)
            elif isinstance(s, Contract):
                self._values((s.a, s.b), self._operands)
                read |= self._operands
            elif isinstance(s, Sort):
                self._values((s.key,), read)
            elif isinstance(s, Accumulate):
                self._values((s.value,), read)

    def _values(self, roots: tuple[Expression, ...], read: set[int]) -> None:
        stack = list(roots)
        seen: set[int] = set()
        while stack:
            e = stack.pop()
            if id(e) in seen:
                continue
            seen.add(id(e))
            if isinstance(e, Load):
                read.add(e.buffer)
                self._loads.setdefault(e.buffer, set()).add(e.index)
                if e.dynamic:
                    self._scattered.add(e.buffer)
            stack.extend(arguments_of(e))


def _straight(body: tuple[Statement, ...]) -> Iterator[tuple[Statement, ...]]:
    """Runs of statements without loops, in order."""
    plain: list[Statement] = []
    for s in body:
        if isinstance(s, (Loop, Within)):
            yield tuple(plain)
            plain = []
            yield from _straight(s.body)
        else:
            plain.append(s)
            if isinstance(s, Contract):
                yield tuple(plain)
                plain = list(s.body)
    yield tuple(plain)


def _apart(stores: set[Affine]) -> bool:
    """Whether no two points of a loop write one element: of stores of interleaved values too."""
    if len(stores) < 2:
        return bool(stores)
    first = next(iter(stores))
    steps = math.gcd(*(step for _, step in first.terms))
    spread = max(s.const for s in stores) - min(s.const for s in stores)
    return spread < steps and all(s.terms == first.terms for s in stores)


def _contracts(statement: Loop | Within) -> bool:
    return any(
        isinstance(s, Contract) or isinstance(s, (Loop, Within)) and _contracts(s)
        for s in statement.body
    )
