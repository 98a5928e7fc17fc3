"""What tells kernels apart: two kernels with equal keys have the same code.

Axes, accumulators and expressions are compared by identity; the key has the order in which they are
met instead, so that it holds which of them are shared but not what they are called.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from firth.base.dtype import DType
from firth.ir.kernel import Accumulator, Affine, Axis, Guard, Kernel
from firth.ir.traced import is_traced


def kernel_key(kernel: Kernel) -> tuple[Any, ...]:
    """Everything about a kernel but names and lines, hashable."""
    key = _Key()
    for axis, _ in kernel.grid:
        key.meet(axis)
    for statement in kernel.body:
        key.meet(statement)
    grid = tuple((key.part(axis), block) for axis, block in kernel.grid)
    buffers = tuple((b.dtype, b.written, b.scratch, b.elements) for b in kernel.buffers)
    return (grid, buffers, key.part(kernel.body), tuple(key.records))


class _Key:
    def __init__(self) -> None:
        self.numbers: dict[int, int] = {}  # of what is compared by identity
        self.records: list[tuple[Any, ...]] = []  # by number

    def meet(self, root: Any) -> None:
        """Numbers a statement, and before it all that it holds (no recursion: chains are deep)."""
        stack = [(root, False)]
        while stack:
            item, ready = stack.pop()
            if id(item) in self.numbers:
                continue
            kind = type(item)
            if kind is Axis:
                self._record(item, (Axis, item.extent))
            elif kind is Accumulator:
                self._record(item, (item.op, item.dtype, self.part(item.init)))
            elif ready:
                self._record(item, (kind, *[self.part(getattr(item, n)) for n in _names(kind)]))
            else:
                stack.append((item, True))
                place = len(stack)
                for n in _names(kind):
                    _hold(getattr(item, n), stack)
                stack[place:] = stack[: place - 1 : -1]

    def _record(self, item: Any, record: tuple[Any, ...]) -> None:
        self.numbers[id(item)] = len(self.records)
        self.records.append(record)

    def part(self, item: Any) -> Any:
        """The key of a field whose parts have their numbers."""
        kind = item.__class__  # a number of a trace says int
        if kind is tuple:
            return tuple([self.part(i) for i in item]) if item else ()
        if kind is int or kind is str or kind is DType:
            return item
        if kind is float or kind is bool:  # -0.0, NaN and True are not 0.0, NaN and 1
            return (kind, item if is_traced(item) else repr(item))
        if kind is Affine:
            return (item.const, tuple([(_Key, self.numbers[id(x)], c) for x, c in item.terms]))
        if kind is Guard:
            return (self.part(item.index), item.extent, item.step)
        return (_Key, self.numbers[id(item)])


def _hold(value: Any, found: list[tuple[Any, bool]]) -> None:
    """Appends what a field holds that is compared by identity."""
    kind = value.__class__
    if kind is tuple:
        for item in value:
            _hold(item, found)
    elif kind is Affine:
        for axis, _ in value.terms:
            found.append((axis, False))
    elif kind is Guard:
        _hold(value.index, found)
    elif kind not in _PLAIN:
        found.append((value, False))


_PLAIN = frozenset((int, str, float, bool, DType))
_fields: dict[type, tuple[str, ...]] = {}


def _names(kind: type) -> tuple[str, ...]:
    found = _fields.get(kind)
    if found is None:
        found = _fields[kind] = tuple(field.name for field in fields(kind))
    return found
