"""The wasm target: the cpu's kernels as WebAssembly, tile after tile on one thread.

Slow to enter (inputs and outputs are copied, every tile is a call from Python) and meant for
checking: it is a second machine, with other registers and 32-bit addresses, on every desk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from firth.base.errors import ArgumentError, message
from firth.codegen.emit import emit
from firth.codegen.text import Text
from firth.ir.graph import Graph
from firth.passes import pipeline
from firth.passes.plan import Plan
from firth.passes.schedule import Schedule
from firth.runtime.buffer import ALIGNMENT, Buffer, allocate
from firth.runtime.program import Place
from firth.runtime.site import Site, error_of
from firth.targets.wasm import build
from firth.targets.wasm.facts import FACTS

_PAGE_BYTES = 65536
_MOST_BYTES = 1 << 32


@dataclass(frozen=True, slots=True)
class _Memory:
    """Addresses in linear memory for one run."""

    error: int
    args: int
    scratch: int
    bases: dict[Place, int]  # of inputs and outputs by place, ("arena", 0) for the arena
    end: int


class Executable:
    """A compiled graph; every run has an instance, and so a memory, of its own."""

    __slots__ = ("_engine", "_module", "_plan", "_sites", "_texts", "sizes")

    def __init__(self, graph: Graph, schedule: Schedule, plan: Plan, texts: list[Text]) -> None:
        self.sizes = [n.dtype.itemsize * int(np.prod(n.shape)) for n in graph.inputs]
        self._plan = plan
        self._texts = texts
        self._sites = [
            Site(s.op, s.kind, f"0 <= index < {s.extent}" if s.kind == "index" else "")
            for s in schedule.sites.table
        ]
        self._engine, self._module = _compiled(build.module(texts))

    def run(self, buffers: Sequence[Buffer]) -> list[Buffer]:
        """One contiguous buffer per graph input -> one per output; donated ones are reused.

        IndexOutOfRange, DivisionByZero: compiled code found an error; no input has changed then.
        """
        import wasmtime

        store = wasmtime.Store(self._engine)
        exports = wasmtime.Instance(store, self._module, []).exports(store)
        at = self._layout(exports["__heap_base"].value(store))
        memory = exports["memory"]
        if at.end > _MOST_BYTES:
            raise ArgumentError(
                message("run", "the program does not fit WebAssembly's memory", f"{at.end} bytes",
                        f"at most {_MOST_BYTES}", "use another target, or smaller batches")
            )  # fmt: skip
        memory.grow(store, max(0, -(-at.end // _PAGE_BYTES) - memory.size(store)))
        linear = np.frombuffer(memory.get_buffer_ptr(store), np.uint8)
        for i, size in enumerate(self.sizes):
            base = at.bases["input", i]
            linear[base : base + size] = buffers[i].array[:size]
        self._steps(store, exports, linear, at)
        return self._results(buffers, linear, at)

    def _layout(self, start: int) -> _Memory:
        end = start

        def take(size: int) -> int:
            nonlocal end
            place = -(-end // ALIGNMENT) * ALIGNMENT
            end = place + size
            return place

        widest = max((len(s.places) for s in self._plan.steps), default=0)
        params = max((len(t.params) for t in self._texts), default=0)
        error, args = take(16), take(8 * (1 + widest + params))
        scratch = take(max((t.scratch_bytes for t in self._texts), default=0))
        bases: dict[Place, int] = {("arena", 0): take(self._plan.arena_bytes)}
        for i, size in enumerate(self.sizes):
            bases["input", i] = take(size)
        for j, size in enumerate(self._plan.output_bytes):
            if j not in self._plan.in_place:
                bases["output", j] = take(size)
        return _Memory(error, args, scratch, bases, end)

    def _steps(self, store: Any, exports: Any, linear: np.ndarray, at: _Memory) -> None:
        """Walks the plan; raises what the kernels reported."""
        error = linear[at.error : at.error + 16].view(np.int64)
        error[:] = 0
        words = linear[at.args :][: 8 * ((len(linear) - at.args) // 8)].view(np.int64)
        for step, text in zip(self._plan.steps, self._texts, strict=True):
            if step.guarded and error[0]:
                continue
            addresses = [
                at.bases["arena", 0] + where if kind == "arena" else at.bases[kind, where]
                for kind, where in step.places
            ]
            row = (at.error, *addresses, *text.params)
            words[: len(row)] = row
            function = exports[text.name]
            for tile in range(step.kernel.tiles()):
                function(store, at.args, tile, at.scratch)
        if error[0]:
            raise error_of(self._sites[int(error[0]) - 1], int(error[1]))

    def _results(self, buffers: Sequence[Buffer], linear: np.ndarray, at: _Memory) -> list[Buffer]:
        out = []
        for j, size in enumerate(self._plan.output_bytes):
            place = self._plan.in_place.get(j)
            buffer = allocate(size) if place is None else buffers[place]
            base = at.bases["output", j] if place is None else at.bases["input", place]
            buffer.array[:size] = linear[base : base + size]
            out.append(buffer)
        return out


def compile(graph: Graph) -> Executable:
    """The graph as WebAssembly; ArgumentError where the extra `wasm` is missing."""
    return specialise(graph, False)


def specialise(graph: Graph, generic: bool) -> Executable:
    """The graph as WebAssembly, its extents constants of the code or (generic) arguments of it."""
    schedule, plan = pipeline.to_kernels(replace(graph, constants=()), FACTS, generic)
    texts = [emit(step.kernel, FACTS, generic) for step in plan.steps]
    return Executable(graph, schedule, plan, texts)


def _compiled(code: bytes) -> tuple[Any, Any]:
    """wasmtime's engine and its machine code for the module."""
    try:
        import wasmtime
    except ImportError:
        raise build.missing("wasmtime") from None
    engine = wasmtime.Engine()
    return engine, wasmtime.Module(engine, code)
