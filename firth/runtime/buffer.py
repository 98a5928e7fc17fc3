"""Buffers: owned, aligned memory that programs read and write."""

from __future__ import annotations

from typing import Any

import numpy as np

from firth.base.dtype import DType
Shape = tuple[int, ...]

ALIGNMENT = 64


class Buffer:
    """Bytes at a fixed address, 64-byte aligned when Firth allocated them.

    array: the bytes as NumPy uint8. ptr: address of the first. owner: what keeps borrowed memory
    alive (None for our own). exported: other code holds a view, so the buffer is never donated.
    """

    __slots__ = ("array", "exported", "nbytes", "owner", "ptr")

    def __init__(self, array: np.ndarray, owner: Any = None) -> None:
        self.array = array
        self.ptr: int = array.ctypes.data
        self.nbytes: int = array.nbytes
        self.owner = owner
        self.exported = owner is not None

    def view(self, dtype: DType, shape: Shape) -> np.ndarray:
        """The contents as a contiguous NumPy array that shares the memory."""
        count = 1
        for extent in shape:
            count *= extent
        return self.array[: count * dtype.itemsize].view(dtype.np).reshape(shape)


def allocate(nbytes: int) -> Buffer:
    """A new buffer of at least one byte, contents undefined."""
    raw = np.empty(max(nbytes, 1) + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return Buffer(raw[start : start + max(nbytes, 1)])


def from_array(array: np.ndarray) -> Buffer:
    """A new buffer with a copy of the array's elements in row-major order."""
    buffer = allocate(array.nbytes)
    if array.nbytes:
        np.copyto(buffer.array[: array.nbytes].view(array.dtype).reshape(array.shape), array)
    return buffer
