"""What a jitted function may not read: clocks, files and random numbers of other libraries."""

from __future__ import annotations

import types
from typing import Any

import numpy as np

from firth.base.errors import RecordingError, message
from firth.targets.lock import imported
from firth.tensor.handle import Tensor

_CLOCKS = {"time", "datetime", "secrets", "uuid", "random", "numpy.random", "socket", "subprocess"}
_FILES = {"open", "input"}
_HARMLESS = {bool, int, float, str, bytes, type(None), tuple, list, dict, set, type, Tensor}


def check_builtin(name: str, line: str) -> None:
    """Refuses builtins that read from outside; RecordingError with the line."""
    if name in _FILES:
        raise RecordingError(
            message(
                "jit", f"{name}() reads from outside", f"a call of {name}",
                "values that are passed in", "read before the call and pass it as an argument",
            )
        ).at(line)  # fmt: skip


def check_source(value: Any, what: str, line: str) -> None:
    """Refuses clocks, files and foreign random numbers."""
    kind = type(value)
    if kind in _HARMLESS or kind is types.FunctionType and value.__module__ not in _CLOCKS:
        return
    module = value.__name__ if isinstance(value, types.ModuleType) else (
        getattr(value, "__module__", None)
    )  # fmt: skip
    owner = getattr(value, "__self__", None)
    python: Any = imported("random").Random
    foreign = isinstance(value, types.ModuleType) and module in ("numpy.random",)
    called = callable(value) and not isinstance(value, (type, types.ModuleType)) and (
        module in _CLOCKS or isinstance(owner, python)
    )  # fmt: skip
    kinds = (python, np.random.Generator, np.random.RandomState)
    if foreign or called or isinstance(value, kinds) or isinstance(owner, kinds):
        raise RecordingError(
            message(
                "jit", f"{what} gives another value each time", what,
                "values that depend on arguments and watched variables only",
                "call it outside and pass the value as an argument; "
                "for random numbers use firth.rand(...)",
            )
        ).at(line)  # fmt: skip


def random_states() -> Any:
    """The states of Python's and NumPy's global random numbers, in a form that can be compared."""
    state = np.random.get_state()
    numpys = (state[0], bytes(np.asarray(state[1]).tobytes()), *state[2:])
    return (imported("random").getstate(), numpys)
