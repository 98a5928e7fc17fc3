"""Buffers: owned, aligned memory that programs read and write.

Memory of a dead buffer is kept for the next one of its size, up to a bound, unless somebody still
looks at it through NumPy. Fresh pages from the system cost more than most kernels.
"""

from __future__ import annotations

import ctypes
import itertools
import mmap
import os
import sys
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from firth.base.dtype import DType
from firth.base.errors import OutOfMemory, message

Shape = tuple[int, ...]

ALIGNMENT: Final = 64


def physical_bytes() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return 4 * 1024**3


class _Store:
    """Free memory by size class. Appending to and popping from a list is atomic."""

    __slots__ = ("bound", "free", "kept")

    def __init__(self, bound: int) -> None:
        self.bound = bound
        self.kept = 0  # bytes, about: two threads may count over each other until the next clear
        self.free: dict[int, list[tuple[np.ndarray, int]]] = {}  # memory, its address

    def clear(self) -> None:
        self.free = {}
        self.kept = 0


_stamps: Final = itertools.count(1)
PHYSICAL_BYTES: Final = physical_bytes()
_store: Final = _Store(max(64 * 1024**2, PHYSICAL_BYTES // 16))


def _dying() -> tuple[int, int]:
    """getrefcount of a dying buffer that nobody else refers to, and of its memory."""
    seen: list[int] = []

    class Probe:
        __slots__ = ("memory",)

        def __init__(self) -> None:
            self.memory = object()

        def __del__(self, count: Callable[[object], int] = sys.getrefcount) -> None:
            seen.append(count(self))
            look(self.memory, 0, 0)

    def look(memory: object, ptr: int, room: int) -> None:
        seen.append(sys.getrefcount(memory))

    probe = Probe()
    del probe
    buffer, memory = seen
    return buffer, memory


_ALONE, _UNSEEN = _dying()


def _recycle(
    memory: np.ndarray,
    ptr: int,
    room: int,
    store: _Store = _store,
    count: Callable[[object], int] = sys.getrefcount,
    unseen: int = _UNSEEN,
) -> None:
    """Keeps the memory of a dead buffer, if nothing else refers to it."""
    # Views hold the memory, or its base where they are views of it: the counts tell who looks.
    # Names are bound as defaults because buffers also die when the modules are already empty.
    if count(memory) > unseen or count(memory.base) > 2:
        return
    if store.kept + room > store.bound:
        store.clear()  # sizes out of use leave too
        if room > store.bound:
            return
    store.kept += room
    store.free.setdefault(room, []).append((memory, ptr))


class Buffer:
    """Bytes at a fixed address, 64-byte aligned when Firth allocated them.

    ptr: address of the first. nbytes: how many were asked for. owner: what keeps borrowed memory
    alive (None for our own). exported: other code holds a view, so the buffer is never donated.
    stamp: another number for every buffer; 0 where other code may write to it.
    """

    __slots__ = ("_memory", "_room", "exported", "nbytes", "owner", "ptr", "stamp")

    def __init__(self, array: np.ndarray, owner: Any = None) -> None:
        self._memory = array
        self._room = 0
        self.ptr: int = array.ctypes.data
        self.nbytes: int = array.nbytes
        self.owner = owner
        self.exported = owner is not None
        self.stamp = 0 if owner is not None else next(_stamps)

    def __del__(
        self,
        _recycle: Callable[[np.ndarray, int, int], None] = _recycle,
        count: Callable[[object], int] = sys.getrefcount,
        alone: int = _ALONE,
    ) -> None:
        # In a cycle that the collector found, others may still use it when this is called.
        if self._room and count(self) <= alone:
            _recycle(self._memory, self.ptr, self._room)

    @property
    def array(self) -> np.ndarray:
        """The bytes as NumPy uint8, sharing the memory."""
        return self._memory[: self.nbytes]

    def view(self, dtype: DType, shape: Shape) -> np.ndarray:
        """The contents as a contiguous NumPy array that shares the memory."""
        return np.ndarray(shape, dtype.np, self._memory)


def _size_class(nbytes: int) -> int:
    """Bytes to reserve: steps of a cache line, then of an eighth of the power of two below."""
    step = ALIGNMENT if nbytes <= 1024 else 1 << (nbytes.bit_length() - 4)
    return -(-nbytes // step) * step or ALIGNMENT


def allocate(nbytes: int) -> Buffer:
    """A new buffer of `nbytes` bytes, contents undefined."""
    room = _size_class(nbytes)
    store = _store
    try:
        memory, ptr = store.free[room].pop()
        store.kept -= room
    except (KeyError, IndexError):
        memory, ptr = _fresh(room)
    buffer = Buffer.__new__(Buffer)
    buffer._memory = memory
    buffer._room = room
    buffer.ptr = ptr
    buffer.nbytes = nbytes
    buffer.owner = None
    buffer.exported = False
    buffer.stamp = next(_stamps)
    return buffer


def _fresh(room: int) -> tuple[np.ndarray, int]:
    if room > PHYSICAL_BYTES:  # the system might promise it, and end the process later
        raise OutOfMemory(
            message("allocate", "there is not so much memory", f"{room} bytes",
                    f"at most {PHYSICAL_BYTES}", "ask for fewer elements, or work in parts")
        )  # fmt: skip
    raw = np.empty(room + ALIGNMENT, np.uint8)
    address = ctypes.addressof(ctypes.c_char.from_buffer(raw.data))  # raw.ctypes.data is slow
    start = -address % ALIGNMENT
    return raw[start : start + room], address + start


def from_array(array: np.ndarray) -> Buffer:
    """A new buffer with a copy of the array's elements in row-major order."""
    buffer = allocate(array.nbytes)
    if array.nbytes:
        np.copyto(buffer.array.view(array.dtype).reshape(array.shape), array)
    return buffer


def trim() -> None:
    """Gives memory that is kept for later back to the system."""
    _arenas.clear()  # into the store
    _store.clear()


# arenas: what a program needs only while it runs

_LEAST_ARENA: Final = 256 * 1024
_SMALL_ARENA: Final = 4 * 1024**2
_PLAIN_LOANS: Final = 3
_PAGED: Final = hasattr(mmap, "MAP_PRIVATE")  # as Linux and macOS
_arenas: Final[list[Buffer]] = []


class _Plain(Buffer):
    """A large arena of ordinary pages, for the first runs.

    NumPy asks for huge pages. They make steps faster, but the first touch of one may take
    milliseconds, where a hypervisor has to find memory for it; so the first call does without.
    """

    __slots__ = ("loans",)

    def __init__(self, nbytes: int) -> None:
        raw = mmap.mmap(-1, nbytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        super().__init__(np.frombuffer(raw, np.uint8))
        self.loans = 1


def lend(nbytes: int) -> Buffer:
    """An arena of at least `nbytes` for one call. The largest program decides how large it is.

    Small ones are rounded up: a little more for each next shape would be fresh pages every time.
    """
    try:
        arena = _arenas.pop()
        if arena.nbytes >= nbytes:
            if not isinstance(arena, _Plain) or arena.loans < _PLAIN_LOANS:
                return arena
            nbytes = arena.nbytes
            del arena  # before there is another one
            return Buffer(_fresh(nbytes)[0])  # no larger: huge pages would fill what is rounded up
    except IndexError:
        pass
    if nbytes > _SMALL_ARENA and _PAGED and nbytes <= PHYSICAL_BYTES:
        return _Plain(nbytes)
    room = min(max(1 << nbytes.bit_length(), _LEAST_ARENA), _SMALL_ARENA)
    return allocate(max(nbytes, room) if nbytes else 0)


def give_back(arena: Buffer) -> None:
    """Ends a loan."""
    if isinstance(arena, _Plain):
        arena.loans += 1
    _arenas.append(arena)
