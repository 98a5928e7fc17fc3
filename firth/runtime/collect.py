"""What programs did and when, gathered while a profile wants it: every tile of every stage.

The native scheduler calls a small function in place of each kernel, which reads the clock, calls
the kernel, reads the clock again and writes (begin, end, thread) to a place of the tile's own. So
programs run as always, on all their threads.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np

from firth.runtime.buffer import Buffer, allocate
from firth.runtime.report import MemoryReport
from firth.runtime.trace import Origin, about

RECORD_WORDS: Final = 3  # of a tile: begin and end in nanoseconds, thread
_MOST_RECORDS: Final = 300_000  # tiles that are kept one by one


class Traced(Protocol):
    """A program, as far as a collector needs it."""

    @property
    def stages(self) -> Sequence[Any]: ...
    def memory(self) -> MemoryReport: ...


@dataclass(slots=True)
class Total:
    """All runs of one program from the same lines.

    seconds: of each stage, from its first tile's begin to its last one's end (stages may overlap);
    busy: the sum over its tiles. inside: seconds in which any stage was at work; whole: of the
    runs. in_bytes: of the inputs of one run.
    """

    stages: Sequence[Any]
    memory: MemoryReport
    origins: tuple[Origin, ...]
    in_bytes: int
    seconds: list[float]
    busy: list[float]
    calls: int = 0
    whole: float = 0.0
    inside: float = 0.0


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a program. tiles: of each stage in order, a row (begin, end, thread) for each."""

    total: Total
    began: float
    ended: float
    tiles: list[np.ndarray]


class Tape:
    """The places that the tiles of one run write to."""

    __slots__ = ("_buffer", "_starts", "_tiles", "_words", "ptr")

    def __init__(self, tiles: Sequence[int]) -> None:
        self._tiles = tiles
        count = sum(tiles)
        self._buffer: Buffer = allocate(8 * RECORD_WORDS * count)
        self._words = self._buffer.array.view(np.int64).reshape(count, RECORD_WORDS)
        self._words[:] = 0
        self.ptr = self._buffer.ptr

    def note(self, stage: int, began: float, ended: float) -> None:
        """Enters a stage as a whole, by the caller's thread."""
        first = sum(self._tiles[:stage])
        self._words[first] = int(began * 1e9), int(ended * 1e9), threading.get_ident()

    def rows(self) -> list[np.ndarray]:
        """The rows of each stage; none where it was skipped."""
        out, first = [], 0
        for count in self._tiles:
            rows = self._words[first : first + count]
            out.append(rows[rows[:, 0] != 0].copy())
            first += count
        return out


@dataclass(slots=True)
class Collector:
    """Gathers runs, and the spans (begin, end) spent compiling.

    tracer: address of the function that calls kernels between two looks at the clock; 0: stages
    are timed one by one, by the caller. dropped: runs whose tiles were too many to keep.
    """

    tracer: int = 0
    runs: list[Run] = field(default_factory=list)
    totals: dict[tuple[int, int], Total] = field(default_factory=dict)
    compiling: list[tuple[float, float]] = field(default_factory=list)
    dropped: int = 0
    _records: int = 0
    _keep: list[object] = field(default_factory=list)  # ids in keys stay valid
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ran(self, program: Traced, began: float, tape: Tape, in_bytes: int) -> None:
        """Enters one run that has just ended."""
        ended = time.perf_counter()
        tiles = tape.rows()
        origins = about.origins
        with self._lock:
            key = id(program), id(origins)
            total = self.totals.get(key)
            if total is None:
                zeros = [0.0] * len(program.stages)
                total = Total(
                    program.stages, program.memory(), origins, in_bytes, zeros, zeros.copy()
                )
                self.totals[key] = total
                self._keep += [program, origins]
            total.calls += 1
            total.whole += ended - began
            spans = []
            for k, rows in enumerate(tiles):
                if len(rows):
                    begin, end = int(rows[:, 0].min()), int(rows[:, 1].max())
                    spans.append((begin, end))
                    total.seconds[k] += (end - begin) * 1e-9
                    total.busy[k] += float((rows[:, 1] - rows[:, 0]).sum()) * 1e-9
            total.inside += _covered(spans) * 1e-9
            count = sum(len(rows) for rows in tiles)
            if self._records + count > _MOST_RECORDS:
                self.dropped += 1
            else:
                self._records += count
                self.runs.append(Run(total, began, ended, tiles))


def _covered(spans: list[tuple[int, int]]) -> int:
    """The length of the union."""
    covered, until = 0, 0
    for begin, end in sorted(spans):
        covered += max(0, end - max(begin, until))
        until = max(until, end)
    return covered
