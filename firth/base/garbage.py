"""What Python's collector of cycles is asked for: to wait, and what was made a moment ago.

While something large is made, nothing of it is garbage yet.

A full collection looks at every object there is, 10 to 30 ms in a process that has imported
Firth, and Python begins one whenever a quarter more has been made.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterable
from itertools import chain
from types import TracebackType
from typing import Any, Final

_NEVER: Final = 1 << 30

_lock = threading.Lock()
_held: list[Postponed] = []
_usual: tuple[int, int, int] = gc.get_threshold()


class Postponed:
    """with Postponed(): no full collection. young: objects made between small ones, at least."""

    __slots__ = ("_young",)

    def __init__(self, young: int = 0) -> None:
        self._young = young

    def __enter__(self) -> None:
        global _usual
        with _lock:
            if not _held:
                _usual = gc.get_threshold()
            _held.append(self)
            _set()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        with _lock:
            _held.remove(self)
            _set()


def _set() -> None:
    """Thresholds for those that are held; a collector that is off stays off."""
    young, middle, _ = _usual
    if not _held:
        gc.set_threshold(*_usual)
    elif young:
        gc.set_threshold(max(young, *(p._young for p in _held)), middle, _NEVER)


def of_young(walk: Callable[..., Iterable[Any]], function: Callable[[Any], Any]) -> list[Any]:
    """`walk`, map or filter, of a function written in C over the objects made a moment ago.

    Among them are tuples that are being made, here or in another thread, and Python gives up making
    one that somebody else holds. So they are only seen within one call, in which nothing else runs.
    """
    return list(walk(function, chain.from_iterable(map(gc.get_objects, (0,)))))
