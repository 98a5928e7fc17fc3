"""Facts that a recording rests on: what a name, cell or container held when it was read."""

from __future__ import annotations

import gc
import types
from operator import is_
from typing import Any

import numpy as np

MISSING: Any = object()
WHOLE: Any = object()  # the key of a guard on all that a container holds
BUT_OPTIONS: Any = object()  # whole, but for what optimizers read through `scalar.option`
WHOLES = (WHOLE, BUT_OPTIONS)
_OPTIONS = frozenset(("lr", "betas", "momentum"))
ELEMENTS_LIMIT = 100_000  # of containers within each other, compared at each call
_PLAIN = (int, float, bool, str, bytes, type(None), complex)


class Guard:
    """One fact: in `holder` (a dict, cell or list) the key holds the value.

    owner: the object whose attributes the holder is, else the holder; None where the collector
    does not know it.
    """

    __slots__ = ("holder", "key", "line", "owner", "value", "what")

    def __init__(
        self, holder: Any, key: Any, value: Any, what: str, line: str, owner: Any = None
    ) -> None:
        self.holder = holder
        self.owner = owner if owner is not None else holder if gc.is_tracked(holder) else None
        self.key = key
        self.value = value
        self.what = what
        self.line = line

    @property
    def is_read(self) -> bool:
        """Whether the holder is a dictionary that is asked for one key."""
        return self.key not in WHOLES and hasattr(self.holder, "get")

    @property
    def parts(self) -> list[tuple[Any, Any, tuple[Any, ...]]] | None:
        """What containers held, None when the guard is about something else."""
        if self.key in WHOLES and isinstance(self.value, list):
            return self.value
        return None

    def holds(self) -> bool:
        """Whether the value is what it was."""
        if self.key in WHOLES and isinstance(self.value, list):
            return unchanged(self.value)
        return same(self.now(), self.value)

    def now(self) -> Any:
        """The value that is there now."""
        return lookup(self.holder, self.key)


def lookup(holder: Any, key: Any) -> Any:
    """What a dictionary, cell or list has at a key; MISSING where it has nothing."""
    if type(holder) is types.CellType:
        try:
            return holder.cell_contents
        except ValueError:
            return MISSING
    if key in WHOLES:
        return snapshot(holder, key)
    if isinstance(holder, (dict, types.MappingProxyType)):
        return holder.get(key, MISSING)
    try:
        return holder[key]
    except (LookupError, TypeError):
        return MISSING


def snapshot(value: Any, whole: Any = WHOLE) -> Any:
    """What a container (nested ones too) or small array holds, in a form that can be compared.

    None where that is more than ELEMENTS_LIMIT elements.
    """
    if isinstance(value, np.ndarray):
        return (value.shape, value.dtype.str, value.tobytes())
    parts: list[tuple[Any, Any, tuple[Any, ...]]] = []
    stack = [value]
    seen: set[int] = set()
    elements = 0
    while stack and elements <= ELEMENTS_LIMIT:
        container = stack.pop()
        if id(container) in seen:
            continue
        seen.add(id(container))
        if isinstance(container, dict):
            values = tuple(container.values())
            if whole is BUT_OPTIONS and "params" in container:
                values = tuple(MISSING if k in _OPTIONS else v for k, v in container.items())
            parts.append((container, tuple(container), values))
        elif isinstance(container, (set, frozenset)):
            parts.append((container, frozenset(map(id, container)), ()))
            elements += len(container)
            continue
        else:
            values = tuple(container)
            parts.append((container, None, values))
        elements += 1 + len(values)
        stack += [v for v in values if isinstance(v, (dict, list, set))]
    return parts if elements <= ELEMENTS_LIMIT else None


def unchanged(parts: Any) -> bool:
    """Whether containers hold what they held when the snapshot was made."""
    for container, keys, values in parts:
        if isinstance(container, (set, frozenset)):
            if frozenset(map(id, container)) != keys:
                return False
            continue
        now = container.values() if keys is not None else container
        if len(container) != len(values):
            return False
        if not all(map(is_, now, values)) and not all(map(_same_part, now, values)):
            return False
        if keys is not None and tuple(container) != keys:
            return False
    return True


def _same_part(now: Any, before: Any) -> bool:
    return before is MISSING or same(now, before)


def same(a: Any, b: Any) -> bool:
    """Whether a value is what it was: identity, or equality of plain values."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, _PLAIN):
        return bool(a == b) or (a != a and b != b)
    if isinstance(a, tuple):
        return bool(a == b)
    if isinstance(a, types.MethodType):
        return a.__func__ is b.__func__ and a.__self__ is b.__self__
    return False
