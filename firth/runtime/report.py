"""What a program will need, told before it runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Value:
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

    def __str__(self) -> str:
        rows = [
            ("arena", self.arena_bytes),
            ("scratch of a thread", self.scratch_bytes),
            ("outputs", self.output_bytes),
            *sorted(((f"  {name}", size) for name, size in self.buffers), key=lambda r: -r[1]),
        ]
        return "\n".join(f"{name:<40} {size:>14,} bytes" for name, size in rows)
