"""What the watcher of jit does not look at: files, and Firth's own work while it records.

Python calls a trace function at every call, also of what it is not to look at; recording one op
makes some fifty, and watching them took longer than the recording itself.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numpy as np

import firth.ops  # noqa: F401  (fills the table of ops)
from firth.ir.op import TABLE, Op
from firth.ops.flow import FLOWS

P = ParamSpec("P")
T = TypeVar("T")

# What users declare has rules that are users' code; so may be the bodies of control flow.
OWN: frozenset[Op] = frozenset(op for name, op in TABLE.items() if name not in FLOWS)

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_LOWER = tuple(_PACKAGE + p + os.sep for p in (
    "base", "ir", "io", "runtime", "ops", "passes", "codegen", "targets", "tensor",
    "sparse",  # its objects do not change
    "onnx",  # graphs do not change; a model notes which parameters it reads
))  # fmt: skip

UNSEEN: set[str] = set()  # files known to be unseen: most calls, and a name is found quickly


class Watching:
    """Whose trace function need not see what calls no code of users'."""

    __slots__ = ()


def unwatched(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Does work that calls no code of users', unseen by a watcher; debuggers still see it."""
    trace = sys.gettrace()
    if trace is None or not isinstance(getattr(trace, "__self__", None), Watching):
        return work(*args, **kwargs)
    sys.settrace(None)
    try:
        return work(*args, **kwargs)
    finally:
        sys.settrace(trace)


def unseen(file: str) -> bool:
    """Whether code of a file is Firth's lower floors' or Python's own."""
    library, packages = _installed()
    found = file.startswith((*_LOWER, "<frozen")) or (
        file.startswith(library) and not file.startswith(packages)
    )
    if found:
        UNSEEN.add(file)
    return found


def serves_firth(frame: Any) -> bool:
    """Whether an installed package (NumPy, say) was called by the lower floors, not by a user."""
    _, packages = _installed()
    while frame is not None and frame.f_code.co_filename.startswith(packages):
        frame = frame.f_back
        if frame is not None and frame.f_code.co_filename.startswith(_LOWER):
            return True
    return False


@functools.cache
def _installed() -> tuple[str, tuple[str, ...]]:
    """Where Python's own library lies, and where installed packages do."""
    folders = [p for p in sys.path if os.path.basename(p) in ("site-packages", "dist-packages")]
    folders.append(os.path.dirname(os.path.dirname(np.__file__)))
    return os.path.dirname(os.__file__) + os.sep, tuple(f + os.sep for f in folders)
