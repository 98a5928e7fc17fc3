"""profile(): what ran, how long, of what the machine can do, and from which line."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from firth.base import flags
from firth.base.errors import ArgumentError, message
from firth.runtime import trace
from firth.targets.lock import imported
from firth.tensor import layers
from firth.tensor.cut import cut

if TYPE_CHECKING:
    from firth.runtime import collect, summary


class Profile:
    """What the programs of a `with firth.profile()` block did. Made by `profile`.

    Read it after the block: `print(p)`, `p.kernels()`, `p.save("folder")`.
    """

    def __init__(self) -> None:
        self._collector: collect.Collector | None = None
        self._began = self._ended = 0.0

    def __enter__(self) -> Self:
        if flags.get("FIRTH_TARGET") != "cpu":
            raise ArgumentError(
                message("profile", "only programs of the cpu target are timed",
                        f"FIRTH_TARGET={flags.get('FIRTH_TARGET')}", "cpu", "unset the flag")
            )  # fmt: skip
        if trace.collector is not None:
            raise ArgumentError(
                message("profile", "a profile is being made already", "a block inside another",
                        "one at a time", "leave the outer block first")
            )  # fmt: skip
        cut()  # what was recorded before is not ours
        tracer = imported("firth.targets.cpu.build").load_tracer()
        imported("firth.targets.cpu.peak").peaks()
        made: Any = imported("firth.runtime.collect").Collector(tracer)
        self._collector = trace.collector = made
        flags.version += 1  # programs prepare anew
        layers.want(1)
        self._began = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            cut()
        finally:
            self._ended = time.perf_counter()
            layers.want(-1)
            trace.collector = None
            flags.version += 1

    def kernels(self) -> list[summary.Kernel]:
        """Every kernel of every program with its calls, seconds, bytes, flops, share of the
        machine's peak, lines and layers; the dearest first."""
        peaks: Any = imported("firth.targets.cpu.peak").peaks()
        tables: Any = imported("firth.runtime.summary")
        found: list[summary.Kernel] = tables.kernels(self._done(), peaks.bytes, peaks.flops)
        return found

    def times(self) -> summary.Times:
        """Seconds in kernels, in programs beside them, compiling, and outside."""
        tables: Any = imported("firth.runtime.summary")
        found: summary.Times = tables.times(self._done(), self._ended - self._began)
        return found

    def memory(self) -> list[summary.Peak]:
        """For each program the moment when its arena is fullest, and what lies there."""
        found: list[summary.Peak] = imported("firth.runtime.summary").peaks(self._done())
        return found

    def text(self, most: int = 30) -> str:
        """The tables: `most` kernels, layers, memory, where the time went."""
        rows = self.kernels()
        peaks: Any = imported("firth.targets.cpu.peak").peaks()
        tables: Any = imported("firth.runtime.summary")
        parts = [
            tables.kernel_table(rows, most),
            tables.layer_table(rows),
            tables.memory_table(self.memory()),
            tables.time_table(self.times()),
            f"the machine's peak on {flags.threads()} threads: {peaks.flops / 1e9:.0f} GFlop/s, "
            f"{peaks.bytes / 1e9:.1f} GB/s",
        ]
        return "\n\n".join(part for part in parts if part)

    def __str__(self) -> str:
        return self.text()

    def save(self, folder: str | Path) -> list[Path]:
        """Writes trace.json (for https://ui.perfetto.dev), memory.json and kernels.txt."""
        collector, target = self._done(), Path(folder)
        timeline: Any = imported("firth.runtime.timeline")
        target.mkdir(parents=True, exist_ok=True)
        contents = {
            "trace.json": timeline.trace(collector, self._began),
            "memory.json": timeline.memory(collector),
            "kernels.txt": self.text(most=10_000) + "\n",
        }
        for name, content in contents.items():
            (target / name).write_text(content, encoding="utf-8")
        return [target / name for name in contents]

    def _done(self) -> collect.Collector:
        if self._collector is None or trace.collector is self._collector:
            raise ArgumentError(
                message("profile", "there is nothing to tell yet", "a block that has not ended",
                        "one that has", "read it after the with block")
            )  # fmt: skip
        return self._collector


def profile() -> Profile:
    """A context manager that times every kernel of every program that runs inside.

    Raises ArgumentError inside another one, and for targets other than cpu.

    >>> import firth
    >>> with firth.profile() as p:
    ...     (firth.ones(64, 64) @ firth.ones(64, 64)).sum().item()
    262144.0
    >>> [k.calls for k in p.kernels() if k.flops]
    [1]
    """
    return Profile()
