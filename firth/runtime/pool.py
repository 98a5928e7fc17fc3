"""The threads that programs run on.

Workers are daemon threads that sit in the native scheduler, without the interpreter's lock. They
spin briefly for work and then sleep; at exit they are asleep in the kernel and end with the
process. A child made by fork has none of them and makes its own when it needs them.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from firth.base import flags
from firth.base.errors import FirthError
from firth.runtime import layout as at
from firth.runtime.buffer import Buffer, allocate

SPINS: Final = 8000  # about 160 us, the gap between two steps; longer ones the scheduler punishes
_MOST_OWNERS: Final = 16

_FASTCALL: Final = 0x80


class _Native:
    """The scheduler's functions, as Python calls them."""

    __slots__ = ("call", "keep", "sleeps", "stop", "worker")

    def __init__(self, addresses: Mapping[str, int], sleeps: bool) -> None:
        word, pointer = ctypes.c_int64, ctypes.c_void_p
        signature = ctypes.CFUNCTYPE
        self.stop = signature(None, pointer)(addresses["firth_stop"])
        self.worker = signature(word, pointer, word, word)(addresses["firth_worker"])
        self.sleeps = sleeps
        self.call, self.keep = _builtin(addresses["firth_call"])


class _MethodDefinition(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


def _builtin(address: int) -> tuple[Callable[..., int], Any]:
    """A builtin function of native code: a quarter of the cost of a call through ctypes."""
    definition = _MethodDefinition(b"call", address, _FASTCALL, None)
    make = ctypes.pythonapi.PyCFunction_NewEx
    make.restype = ctypes.py_object
    make.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
    return make(ctypes.addressof(definition), None, None), definition


class Pool:
    """Threads of one size; the caller of a program is number 0 and no thread of ours."""

    __slots__ = (
        "_condition",
        "_context",
        "_scratch",
        "_scratch_bytes",
        "_started",
        "_words",
        "address",
        "call",
        "native",
        "owners",
        "size",
        "waiting",
    )

    def __init__(self, size: int, native: _Native) -> None:
        self._context = allocate(at.CONTEXT_WORKERS + at.LINE * size)
        self._words = self._context.array.view(np.int64)
        self._words[:] = 0
        self._words[at.CONTEXT_SIZE // 8] = size
        self._words[at.CONTEXT_SPINS // 8] = SPINS
        self._words[at.CONTEXT_SLEEPS // 8] = int(native.sleeps)
        self.address = self._context.ptr
        self.native = native
        self.call = native.call if native.sleeps else self._nudge_and_call
        self.size = size
        self.owners = min(size, _MOST_OWNERS)
        self.waiting = 0
        self._condition = threading.Condition()
        self._scratch: list[Buffer] = []
        self._scratch_bytes = 0
        self._started = False

    def reserve(self, scratch_bytes: int) -> None:
        """Gives every worker at least that much scratch, and makes the workers if there are none.

        Outgrown scratch stays: a worker may be using it. Sizes double, so that is little.
        """
        if scratch_bytes > self._scratch_bytes:
            self._scratch_bytes = max(scratch_bytes, 2 * self._scratch_bytes)
            for worker in range(1, self.size):
                scratch = allocate(self._scratch_bytes)
                self._scratch.append(scratch)
                place = at.CONTEXT_WORKERS + worker * at.LINE + at.WORKER_SCRATCH
                self._words[place // 8] = scratch.ptr
        if not self._started:
            self._started = True
            for worker in range(1, self.size):
                name = f"firth-{worker}"
                threading.Thread(target=self._live, args=(worker,), name=name, daemon=True).start()

    def _live(self, worker: int) -> None:
        """A worker's life."""
        native, seen = self.native, 0
        while True:
            seen = native.worker(self.address, worker, seen)
            if seen < 0:
                return
            # Only where workers cannot sleep in the kernel. One that misses a launch misses work
            # that others do.
            with self._condition:
                if self._sequence() == seen:
                    self.waiting += 1
                    self._condition.wait()
                    self.waiting -= 1

    def _sequence(self) -> int:
        return int(self._words[at.CONTEXT_SEQUENCE // 8]) & 0xFFFFFFFF

    def _nudge_and_call(self, *words: int) -> int:
        if self.waiting:
            self._nudge()
        return self.native.call(*words)

    def _nudge(self) -> None:
        """Wakes workers that wait in Python: before a launch, they will spin until it."""
        with self._condition:
            self._condition.notify_all()

    def stop(self) -> None:
        """Lets the workers leave; runs in progress end as usual."""
        self.native.stop(self.address)
        self._nudge()

    def in_use(self, frame: int) -> bool:
        """Whether a late worker may still look at the frame at that address."""
        first = (at.CONTEXT_WORKERS + at.WORKER_FRAME) // 8
        return bool((self._words[first :: at.LINE // 8] == frame).any())


_native: _Native | None = None
_current: Pool | None = None
_lock = threading.Lock()
_late: list[tuple[Pool, Buffer]] = []  # memory of dead frames that a late worker may look at


def install(addresses: Mapping[str, int], sleeps: bool) -> None:
    """Hands the runtime the scheduler: its functions' addresses by name (see `codegen.scheduler`).

    sleeps: workers sleep in the kernel; else they wait in Python.
    """
    global _native
    if _native is None:
        _native = _Native(addresses, sleeps)


def installed() -> bool:
    """Whether a scheduler is there."""
    return _native is not None


def current() -> Pool:
    """The pool that FIRTH_THREADS asks for; a pool of another size is let go."""
    global _current
    size = flags.threads()
    with _lock:
        if _native is None:
            raise FirthError(
                "pool: there is no scheduler; got none, expected a target's; "
                "compile a graph for the cpu target first"
            )
        old = _current
        if old is None or old.size != size:
            _current = Pool(size, _native)
            if old is not None:
                old.stop()
                flags.version += 1  # programs that run on it look for the new one
        assert _current is not None
        return _current


def retire(pool: Pool, frame: Buffer) -> None:
    """Lets a frame's memory go as soon as no late worker can look at it."""
    if pool.in_use(frame.ptr):
        _late.append((pool, frame))
    # No lock: the collector calls this at any moment. Each step is atomic.
    for entry in list(_late):
        if not entry[0].in_use(entry[1].ptr):
            with contextlib.suppress(ValueError):
                _late.remove(entry)


def _after_fork_in_child() -> None:
    global _current, _lock
    _lock = threading.Lock()
    _current = None
    _late.clear()
    flags.version += 1  # programs look for their pool again


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
