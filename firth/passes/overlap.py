"""Which kernels must be done before another one may start.

Kernels run in order, but a thread that finds no tile left in one goes on to the next, unless that
one touches memory that the first writes, or writes memory that the first reads: small kernels run
beside each other, and nobody waits for the last tile of a large one without need. The error word
counts as memory, so that the first error is the one reported, and guarded kernels know of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

Place = tuple[str, int]  # ("input", i), ("output", j), ("arena", byte offset)
ERROR: Place = ("error", 0)


@dataclass
class Touched:
    """Memory that one kernel reads and writes: whole places, and bytes [start, end) of the arena.

    A buffer at a place of its own is a place; what lies in the arena may overlap anything there.
    """

    places: tuple[set[Place], set[Place]] = field(default_factory=lambda: (set(), set()))
    spans: tuple[list[tuple[int, int]], list[tuple[int, int]]] = field(
        default_factory=lambda: ([], [])
    )

    def add(self, place: Place, size_bytes: int, written: bool) -> None:
        """Enters a buffer."""
        kind, offset = place
        if kind == "arena":
            self.spans[written].append((offset, offset + size_bytes))
        else:
            self.places[written].add(place)

    def hinders(self, later: Touched) -> bool:
        """Whether a later kernel must wait for this one."""
        for mine, theirs in ((1, 0), (1, 1), (0, 1)):
            if not self.places[mine].isdisjoint(later.places[theirs]):
                return True
            if _meet(self.spans[mine], later.spans[theirs]):
                return True
        return False


def _meet(a: Iterable[tuple[int, int]], b: Sequence[tuple[int, int]]) -> bool:
    return any(x < end and start < y for x, y in a for start, end in b)


def awaited(kernels: Sequence[Touched]) -> int:
    """How many of the first kernels must be done when the last one starts."""
    last = len(kernels) - 1
    found = (k + 1 for k in range(last - 1, -1, -1) if kernels[k].hinders(kernels[last]))
    return next(found, 0)
