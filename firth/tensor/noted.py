"""Dictionaries that note when they change, so that guards compare one stamp and not what they hold.

An optimizer's state is a dictionary of many: comparing every tensor in them took longer than
anything else that Python does in a step of Adam.
"""

from __future__ import annotations

from typing import Any


class Changes:
    """stamp: another object after every change of the dictionaries that share this."""

    __slots__ = ("stamp",)

    def __init__(self) -> None:
        self.stamp = object()


class Noted(dict[Any, Any]):
    """A dictionary whose changes are noted, in what it may share with others."""

    __slots__ = ("changes",)

    def __init__(self, changes: Changes, *values: Any) -> None:
        super().__init__(*values)
        self.changes = changes

    def __reduce_ex__(self, protocol: Any) -> Any:
        return Noted, (self.changes,), None, None, iter(self.items())

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, value)
        self.changes.stamp = object()

    def __delitem__(self, key: Any) -> None:
        super().__delitem__(key)
        self.changes.stamp = object()

    def __ior__(self, other: Any) -> Noted:  # type: ignore[override, misc]
        self.update(other)
        return self

    def clear(self) -> None:
        """As a dictionary's."""
        super().clear()
        self.changes.stamp = object()

    def pop(self, *arguments: Any) -> Any:
        """As a dictionary's."""
        found = super().pop(*arguments)
        self.changes.stamp = object()
        return found

    def popitem(self) -> tuple[Any, Any]:
        """As a dictionary's."""
        found = super().popitem()
        self.changes.stamp = object()
        return found

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """As a dictionary's."""
        found = super().setdefault(key, default)
        self.changes.stamp = object()
        return found

    def update(self, *arguments: Any, **values: Any) -> None:
        """As a dictionary's."""
        try:
            super().update(*arguments, **values)
        finally:
            self.changes.stamp = object()
