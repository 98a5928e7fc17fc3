"""What a stretch of code made itself, told from what was there before.

While somebody asks, Python's collector of cycles is off: then its youngest generation is what was
made since. Objects that hold nothing to be collected (a dictionary of numbers) it does not know.
"""

from __future__ import annotations

import gc
from typing import Any

from firth.base.garbage import of_young

_asking: list[bool] = []  # of each one under way, in any thread: whether the collector was on


class Made:
    """A context manager; afterwards `in` tells what was made within it and is still there."""

    def __enter__(self) -> Made:
        _asking.append(gc.isenabled())
        gc.disable()
        gc.collect(0)
        self._ids: frozenset[int] | None = None
        return self

    def __exit__(self, *_: object) -> None:
        was_on = _asking.pop()
        if was_on and not _asking:
            gc.enable()

    def __contains__(self, thing: Any) -> bool:
        """To be asked within, or soon after: the collector makes objects old."""
        if self._ids is None:
            self._ids = frozenset(of_young(map, id))
        return id(thing) in self._ids
