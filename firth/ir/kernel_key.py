"""What tells kernels apart: two kernels with equal keys have the same code.

Axes, accumulators and expressions are compared by identity; the key has the order in which they are
met instead, so that it holds which of them are shared but not what they are called.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from firth.base.dtype import DType
from firth.ir.kernel import Accumulator, Affine, Axis, Guard, Kernel


def kernel_key(kernel: Kernel) -> tuple[Any, ...]:
    """Everything about a kernel but names and lines, hashable."""
    key = _Key()
    grid = tuple((key.part(axis), block) for axis, block in kernel.grid)
    buffers = tuple((b.dtype, b.written, b.scratch, b.elements) for b in kernel.buffers)
    return (grid, buffers, key.part(kernel.body))


class _Key:
    def __init__(self) -> None:
        self.numbers: dict[int, int] = {}  # of what is compared by identity

    def part(self, item: Any) -> Any:
        """The key of a statement, an expression, one of their fields, or of several."""
        kind = type(item)
        if kind is tuple:
            return tuple([self.part(i) for i in item])
        if kind is int or kind is str or kind is DType:
            return item
        if kind is float or kind is bool:  # -0.0, NaN and True are not 0.0, NaN and 1
            return (kind, repr(item))
        if kind is Affine:
            return (item.const, tuple([(self.part(axis), c) for axis, c in item.terms]))
        if kind is Guard:
            return (self.part(item.index), item.extent, item.step)
        number = self.numbers.get(id(item))
        if number is not None:
            return number
        self.numbers[id(item)] = len(self.numbers)
        if kind is Axis:
            return (Axis, item.extent)
        if kind is Accumulator:
            return (item.op, item.dtype, self.part(item.init))
        return (kind, *[self.part(getattr(item, name)) for name in _names(kind)])


_fields: dict[type, tuple[str, ...]] = {}


def _names(kind: type) -> tuple[str, ...]:
    found = _fields.get(kind)
    if found is None:
        found = _fields[kind] = tuple(field.name for field in fields(kind))
    return found
