"""Numbers as tensors of shape () whose value may become, or always is, a run-time input."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from firth.base.dtype import DType
from firth.base.errors import DTypeError, message
from firth.ir.op import input_node
from firth.runtime.buffer import Buffer, from_array
from firth.tensor.handle import Tensor, kind_of
from firth.tensor.record import apply, local, step


def number_of(value: complex, dtype: DType) -> Tensor:
    """A number in a dtype: -> () dtype. A number that differs the second time is no constant."""
    number: Any = value
    if isinstance(value, complex) and not dtype.is_complex:
        raise DTypeError(
            message(
                "setitem", "a complex number in a real tensor", f"{value} into {dtype.name}",
                "a real number", "cast the tensor first, e.g. x.to(firth.complex64)",
            )
        )  # fmt: skip
    if dtype.kind in "iu" and isinstance(value, float):
        number = int(value) if math.isfinite(value) else 0
    elif dtype.kind == "b":
        number = bool(value)
    return apply("add", apply("full", shape=(), value=0, dtype=dtype), number)


def the_value(value: Any) -> Any:
    """The value itself."""
    return value


class Constant:
    """A run-time input that keeps its value."""

    __slots__ = ("_buf",)

    def __init__(self, buffer: Buffer) -> None:
        self._buf = buffer


class OptionBecameTensor(Exception):
    """The recording took a number; it is to be made again."""


class Option:
    """A run-time input that is read from a dictionary before each call of a jitted function."""

    __slots__ = ("_buffer", "_value", "dtype", "group", "name", "of")

    def __init__(
        self, group: Mapping[str, Any], name: str, of: Callable[[Any], float], dtype: DType
    ) -> None:
        self.group = group
        self.name = name
        self.of = of
        self.dtype = dtype
        self._value: Any = None
        self._buffer: Any = None

    @property
    def _buf(self) -> Buffer:
        """The value that is there now; made once for each value."""
        value = self.group.get(self.name)
        if value is not self._value or self._buffer is None:
            if isinstance(value, Tensor):
                raise OptionBecameTensor
            with np.errstate(all="ignore"):
                self._buffer = from_array(np.asarray(self.of(value)).astype(self.dtype.np))
            self._value = value
        buffer: Buffer = self._buffer
        return buffer


def option(
    group: Mapping[str, Any], name: str, dtype: DType, of: Callable[[Any], float] = the_value
) -> Any:
    """of(group[name]): a number, and inside jit an input () that is read anew at each call.

    A schedule may then change it without another recording. Nothing may branch on the value.
    """
    value = group[name]
    rec = local.rec
    if rec.jit is None or isinstance(value, Tensor):
        if rec.jit is not None:
            rec.jit.read(group, name, value)
        return of(value)
    kind = kind_of((), dtype)
    made = Option(group, name, of, dtype)
    index = rec.state.inputs
    state, (out,) = step(
        rec, ("option", dtype), lambda: ([(input_node(index, (), dtype), kind)], None)
    )
    state.inputs = index + 1
    rec.inputs.append(made._buf)
    rec.jit.options[index] = made
    return out
