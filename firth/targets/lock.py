"""One lock around what a fork must not cut in two: late imports, and LLVM, which has its own.

A child that inherits a lock whose holder is gone waits for ever, and Python keeps one for every
module that is just being imported. So a fork waits for this lock, and the child has it free.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
from typing import Any, Final

lock: Final = threading.RLock()

_loaded: dict[str, Any] = {}  # whole modules: sys.modules holds those under way too
_held: list[Any] = []


def imported(name: str) -> Any:
    """A module that `import firth` does not need, imported when first asked for.

    >>> imported("json").dumps([1])
    '[1]'
    """
    found = _loaded.get(name)
    if found is None:
        with lock:
            found = _loaded[name] = importlib.import_module(name)
    return found


def _llvm_lock() -> Any:
    """llvmlite's own lock, where it has been loaded."""
    ffi = sys.modules.get("llvmlite.binding.ffi")
    return None if ffi is None else getattr(getattr(ffi.lib, "_lock", None), "_lock", None)


def _before_fork() -> None:
    lock.acquire()
    other = _llvm_lock()
    if other is not None:
        other.acquire()
        _held.append(other)


def _after_fork() -> None:
    while _held:
        _held.pop().release()
    lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork
    )
