"""What a program will need, told before it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Value(NamedTuple):
    """A value in the arena, in the way from a first to a last stage.

    origin: number of the recorded graph's node that it belongs to; -1: unknown.
    """

    name: str
    offset: int
    bytes: int
    first: int
    last: int
    origin: int = -1


@dataclass(frozen=True, slots=True)
class MemoryReport:
    """Bytes that one call of a program needs; `values` are those inside the arena."""

    arena_bytes: int
    scratch_bytes: int
    output_bytes: int
    values: tuple[Value, ...]

    @property
    def peak_bytes(self) -> int:
        """Everything beside the inputs, on one thread; each further thread adds its scratch."""
        return self.arena_bytes + self.scratch_bytes + self.output_bytes

    @property
    def buffers(self) -> tuple[tuple[str, int], ...]:
        """Name and bytes of each value inside the arena."""
        return tuple((v.name, v.bytes) for v in self.values)

    def live(self, stage: int) -> tuple[Value, ...]:
        """What lies in the arena while a stage runs, the largest first."""
        found = (v for v in self.values if v.first <= stage <= v.last)
        return tuple(sorted(found, key=lambda v: -v.bytes))

    @property
    def fullest(self) -> int:
        """The first stage during which most of the arena is taken."""
        change: dict[int, int] = {}
        for v in self.values:
            change[v.first] = change.get(v.first, 0) + v.bytes
            change[v.last + 1] = change.get(v.last + 1, 0) - v.bytes
        live = most = place = 0
        for stage in sorted(change):
            live += change[stage]
            if live > most:
                most, place = live, stage
        return place

    def __str__(self) -> str:
        stage = self.fullest
        then = self.live(stage)
        rows = [
            ("arena", self.arena_bytes),
            ("scratch of a thread", self.scratch_bytes),
            ("outputs", self.output_bytes),
            (f"in the arena at its fullest, step {stage}", sum(v.bytes for v in then)),
            *((f"  {v.name}", v.bytes) for v in then),
        ]
        return "\n".join(f"{name:<40} {size:>14,} bytes" for name, size in rows)
