"""Modules that hold modules: Sequential, ModuleList, ModuleDict, ParameterList."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self

from firth.base.errors import IndexOutOfRange, message
from firth.nn.module import Module


class _Numbered(Module):
    """Members named "0", "1", ... in order."""

    def __init__(self, members: Iterable[Any] = ()) -> None:
        self.extend(members)

    def _members(self) -> list[Any]:
        return list(self._modules.values())

    def __len__(self) -> int:
        return len(self._members())

    def __iter__(self) -> Iterator[Any]:
        return iter(self._members())

    def __getitem__(self, index: int | slice) -> Any:
        members = self._members()
        if isinstance(index, slice):
            return type(self)(members[index])
        self._check(index, len(members))
        return members[index]

    def __setitem__(self, index: int, member: Any) -> None:
        members = self._members()
        self._check(index, len(members))
        members[index] = member
        self._refill(members)

    def __delitem__(self, index: int | slice) -> None:
        members = self._members()
        del members[index]
        self._refill(members)

    def append(self, member: Any) -> Self:
        """Adds one member at the end."""
        setattr(self, str(len(self)), member)
        return self

    def extend(self, members: Iterable[Any]) -> Self:
        """Adds members at the end."""
        for member in members:
            self.append(member)
        return self

    def insert(self, index: int, member: Any) -> None:
        """Adds one member before `index`."""
        members = self._members()
        members.insert(index, member)
        self._refill(members)

    def _refill(self, members: list[Any]) -> None:
        for number in [name for name in self.__dict__ if name.isdigit()]:
            del self.__dict__[number]
        for number, member in enumerate(members):
            setattr(self, str(number), member)

    def _check(self, index: int, length: int) -> None:
        if not -length <= index < length:
            raise IndexOutOfRange(
                message(
                    type(self).__name__,
                    "no member has this index",
                    str(index),
                    f"one of {length} members",
                    "check len()",
                )  # fmt: skip
            )


class ModuleList(_Numbered):
    """A list of modules that belong to the tree."""

    def __repr__(self) -> str:
        groups: list[tuple[int, int, str]] = []  # (first, last, text) of equal neighbours
        for i, text in enumerate(map(repr, self)):
            if groups and groups[-1][2] == text:
                groups[-1] = (groups[-1][0], i, text)
            else:
                groups.append((i, i, text))
        lines = [
            f"({a}): {text}" if a == b else f"({a}-{b}): {b - a + 1} x {text}"
            for a, b, text in groups
        ]
        body = "".join("\n  " + line.replace("\n", "\n  ") for line in lines)
        return f"ModuleList({body}\n)" if lines else "ModuleList()"


class ParameterList(_Numbered):
    """A list of parameters that belong to the tree."""

    def _members(self) -> list[Any]:
        return list(self._parameters.values())


class Sequential(_Numbered):
    """Calls its modules one after the other.

    Takes modules, or one dict of named modules; indexing and slicing give modules and Sequentials.
    """

    def __init__(self, *modules: Module | Mapping[str, Module] | Iterable[Module]) -> None:
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            for name, module in modules[0].items():
                self.add_module(name, module)
        elif len(modules) == 1 and not isinstance(modules[0], Module):
            self.extend(modules[0])
        else:
            self.extend(modules)

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return Sequential(dict(list(self._modules.items())[index]))
        return super().__getitem__(index)

    def _refill(self, members: list[Any]) -> None:
        names = list(self._modules)
        if len(names) == len(members):  # a replaced member keeps its name
            for name, member in zip(names, members, strict=True):
                setattr(self, name, member)
            return
        for name in names:
            del self.__dict__[name]
        for number, member in enumerate(members):
            setattr(self, str(number), member)

    def forward(self, x: Any) -> Any:
        """The last module's result."""
        for module in self._modules.values():
            x = module(x)
        return x


class ModuleDict(Module):
    """A dict of modules that belong to the tree."""

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] = ()) -> None:
        self.update(modules)

    def __getitem__(self, name: str) -> Module:
        return self._modules[name]

    def __setitem__(self, name: str, module: Module) -> None:
        self.add_module(name, module)

    def __delitem__(self, name: str) -> None:
        delattr(self, name)

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, name: str) -> bool:
        return name in self._modules

    def keys(self) -> Iterable[str]:
        """Names, in order of entry."""
        return self._modules.keys()

    def values(self) -> Iterable[Module]:
        """Modules, in order of entry."""
        return self._modules.values()

    def items(self) -> Iterable[tuple[str, Module]]:
        """(name, module) pairs, in order of entry."""
        return self._modules.items()

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Enters each module under its name."""
        for name, module in dict(modules).items():
            self[name] = module
