"""The guards of a recording as one function: a clause of Python text for each, compiled once.

A call of a jitted function asks it every time. Clauses compare by identity, so that what a guard
costs is one look-up in a dictionary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import chain, repeat
from operator import is_, methodcaller
from types import CellType, MappingProxyType
from typing import Any

from firth.tensor.guards import MISSING, Guard, unchanged
from firth.tensor.handle import Tensor
from firth.tensor.noted import Noted

_MANY = 16  # more elements are compared in one clause
_NESTED = 256  # more containers in each other share clauses: slower, but little text
_TEXT = """\
def make({names}):
    def holds():
        try:
            return {clauses}
        except (KeyError, ValueError):  # a key that is gone, a cell that is empty
            return False
    return holds
"""


class Checks:
    """Whether everything that a recording read is still the same object.

    holds: the answer; False also where equal values have another identity.
    """

    __slots__ = ("_clauses", "holds")

    def __init__(self, guards: Sequence[Guard]) -> None:
        self._clauses = _Clauses(guards)
        self.holds: Callable[[], bool] = self._first

    def tensors(self) -> list[Tensor]:
        """Tensors that are read from outside."""
        return self._clauses.tensors

    def _first(self) -> bool:
        self.holds = self._clauses.function()
        return self.holds()


class _Clauses:
    """objects: what the clauses name; the n-th is called `o{n}` in the text. tensors: among what
    was read."""

    def __init__(self, guards: Sequence[Guard]) -> None:
        self.objects: list[Any] = []
        self.tensors: list[Tensor] = []
        self._names: dict[int, str] = {}
        self._clauses: dict[str, None] = {}  # in order, each once
        self._known: dict[int, tuple[Sequence[Any], Sequence[Any]]] = {}
        others: list[Guard] = []
        containers: set[int] = set()
        for guard in guards:
            if guard.parts is None:
                continue
            if any(isinstance(container, (set, frozenset)) for container, *_ in guard.parts):
                others.append(guard)
                continue
            parts = [part for part in guard.parts if not self._noted(part) and self._new(part)]
            if len(parts) > _NESTED and not _has_gaps(parts):
                self._containers(parts)
                continue
            for container, keys, values in parts:
                containers.add(id(container))
                self._container(container, keys, values)
        for guard in guards:
            if guard.parts is not None:
                continue
            if guard.is_read or type(guard.holder) is CellType:
                self._read(guard.holder, guard.key, guard.value)
            elif type(guard.holder) is not list or id(guard.holder) not in containers:
                others.append(guard)
        for guard in others:
            self._clauses[f"{self._name(guard)}.holds()"] = None

    def function(self) -> Callable[[], bool]:
        """All clauses as one function without arguments."""
        clauses = " and ".join(self._clauses) or "True"
        return _maker(clauses, len(self.objects))(*self.objects)

    def _name(self, value: Any) -> str:
        name = self._names.get(id(value))
        if name is None:
            name = self._names[id(value)] = f"o{len(self.objects)}"
            self.objects.append(value)
        return name

    def _read(self, holder: Any, key: Any, value: Any) -> None:
        there = self._name(holder)
        if type(holder) is CellType:
            clause = f"{there}.cell_contents is {self._name(value)}"
        elif type(holder) not in (dict, MappingProxyType):
            clause = f"{there}.get({self._name(key)}, MISSING) is {self._name(value)}"
        elif value is MISSING:
            clause = f"{self._name(key)} not in {there}"
        else:
            clause = f"{there}[{self._name(key)}] is {self._name(value)}"
        self._clauses[clause] = None
        self._note(value)

    def _note(self, value: Any) -> None:
        if isinstance(value, Tensor):
            self.tensors.append(value)

    def _noted(self, part: tuple[Any, Any, Sequence[Any]]) -> bool:
        """Whether a container tells by itself that it has changed."""
        container, _, values = part
        if type(container) is not Noted or not unchanged([part]):
            return False
        changes = container.changes
        self._clauses[f"{self._name(changes)}.stamp is {self._name(changes.stamp)}"] = None
        self.tensors += [v for v in values if isinstance(v, Tensor)]
        return True

    def _new(self, part: tuple[Any, Any, Sequence[Any]]) -> bool:
        """Whether no line before read the same from this container."""
        container, keys, values = part
        known = self._known.setdefault(id(container), (keys or (), values))
        return known[1] is values or not all(map(_same, known, (keys or (), values)))

    def _container(self, container: Any, keys: Any, values: Sequence[Any]) -> None:
        there = self._name(container)
        self._clauses[f"len({there}) == {len(values)}"] = None
        if keys is not None and values:
            self._clauses[f"(*{there},) == {self._name(keys)}"] = None
        if len(values) > _MANY and not any(map(is_, values, repeat(MISSING))):
            now = there if keys is None else f"{there}.values()"
            self._clauses[f"all(map(is_, {now}, {self._name(values)}))"] = None
            self.tensors += [v for v in values if isinstance(v, Tensor)]
        elif keys is None:
            for i, value in enumerate(values):
                self._clauses[f"{there}[{i}] is {self._name(value)}"] = None
                self._note(value)
        else:
            for key, value in zip(keys, values, strict=True):
                if value is not MISSING:
                    self._read(container, key, value)

    def _containers(self, parts: Sequence[tuple[Any, Any, Sequence[Any]]]) -> None:
        """Many containers at once: their lengths, then their keys and elements in a row."""
        every = self._name(tuple(container for container, *_ in parts))
        lengths = self._name(tuple(len(values) for *_, values in parts))
        self._clauses[f"(*map(len, {every}),) == {lengths}"] = None
        dicts = [part for part in parts if part[1] is not None]
        lists = [part for part in parts if part[1] is None]
        keyed = self._name(tuple(container for container, *_ in dicts))
        plain = self._name(tuple(container for container, *_ in lists))
        for now, known in (
            (keyed, [keys for _, keys, _ in dicts]),
            (f"map(values, {keyed})", [values for *_, values in dicts]),
            (plain, [values for *_, values in lists]),
        ):
            row = self._name(tuple(chain.from_iterable(known)))
            self._clauses[f"all(map(is_, row({now}), {row}))"] = None
        for *_, found in parts:
            self.tensors += [v for v in found if isinstance(v, Tensor)]


def _same(a: Sequence[Any], b: Sequence[Any]) -> bool:
    return len(a) == len(b) and all(map(is_, a, b))


def _has_gaps(parts: Sequence[tuple[Any, Any, Sequence[Any]]]) -> bool:
    """Whether some element is not compared."""
    return any(value is MISSING for *_, values in parts for value in values)


@lru_cache(256)
def _maker(clauses: str, objects: int) -> Any:
    names = ", ".join(f"o{n}" for n in range(objects))
    scope: dict[str, Any] = {"MISSING": MISSING, "is_": is_}
    scope |= {"row": chain.from_iterable, "values": methodcaller("values")}
    exec(_TEXT.format(names=names, clauses=clauses), scope)
    return scope["make"]
