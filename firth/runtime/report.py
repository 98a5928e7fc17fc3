"""What a program will need, told before it runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MemoryReport:
    """Bytes that one call of a program needs; `buffers` are those inside the arena, by name."""

    arena_bytes: int
    scratch_bytes: int
    output_bytes: int
    buffers: tuple[tuple[str, int], ...]

    @property
    def peak_bytes(self) -> int:
        """Everything beside the inputs, on one thread; each further thread adds its scratch."""
        return self.arena_bytes + self.scratch_bytes + self.output_bytes

    def __str__(self) -> str:
        rows = [
            ("arena", self.arena_bytes),
            ("scratch of a thread", self.scratch_bytes),
            ("outputs", self.output_bytes),
            *sorted(((f"  {name}", size) for name, size in self.buffers), key=lambda r: -r[1]),
        ]
        return "\n".join(f"{name:<40} {size:>14,} bytes" for name, size in rows)
