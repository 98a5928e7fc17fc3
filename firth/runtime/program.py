"""Programs: tables of stages over one arena, and the calls that run them.

What one call needs (arguments, counters, error record) is a frame, lent to the call, so several
Python threads can run one program at once. Arenas are lent too and shared by all programs.
"""

from __future__ import annotations

import sys
import time
from array import array
from collections.abc import Callable, Mapping, Sequence
from math import prod
from operator import itemgetter
from typing import Final, NamedTuple

import numpy as np

from firth.base import flags
from firth.base.dtype import DType
from firth.base.errors import ArgumentError, FirthError, message
from firth.runtime import layout as at
from firth.runtime import pool as pools
from firth.runtime import trace
from firth.runtime.buffer import ALIGNMENT, Buffer, Shape, allocate, give_back, lend
from firth.runtime.collect import RECORD_WORDS, Tape
from firth.runtime.profile import Row, kernels, print_kernels, print_times
from firth.runtime.report import MemoryReport, Value
from firth.runtime.site import UNKNOWN, Site, error_of

# ("input", i), ("output", j), ("arena", byte offset) or ("int", value)
Place = tuple[str, int]


class Stage(NamedTuple):
    """Calls of one native function, `void f(ptr args, i64 tile, ptr scratch)`, once per tile.

    args: the argument words after word 0, which is the error record's address. guarded: skipped
    once the program's error word is set. bytes, flops: estimates, for profiles. origins: numbers of
    the recorded graph's nodes that it computes, the dearest first, for profiles too. after: it
    starts when so many of the program's first native stages have ended; None: all before it.
    """

    function: int
    tiles: int
    args: tuple[Place, ...]
    guarded: bool = False
    name: str = ""
    bytes: int = 0
    flops: int = 0
    origins: Sequence[int] = ()
    after: int | None = None


class View(NamedTuple):
    """An array at a place, as a host stage sees it."""

    place: Place
    dtype: DType
    shape: Shape


class HostStage(NamedTuple):
    """Python on NumPy views of its places, run by the caller's thread; it writes in place.

    What it raises ends the run; no stage after it has run then.
    """

    function: Callable[..., None]
    views: tuple[View, ...]
    name: str = ""
    bytes: int = 0
    flops: int = 0
    origins: Sequence[int] = ()


class _Changes:
    """How often a program began to write over its inputs."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


_changes: Final = _Changes()

# One thread, operands in the cache: for guesses.
BYTES_PER_SECOND: Final = 30e9
FLOPS_PER_SECOND: Final = 80e9


class _Frame:
    """Memory of one call: header, bases, places, stages, parts, argument words, counters."""

    __slots__ = ("_memory", "_pool", "address", "words")

    def __init__(self, template: np.ndarray, pool: pools.Pool) -> None:
        self._memory = allocate(template.nbytes)
        self._pool = pool
        self.words = self._memory.array.view(np.int64)
        self.words[:] = template
        self.address = self._memory.ptr

    def __del__(self, _ending: Callable[[], bool] = sys.is_finalizing) -> None:
        if not _ending():
            pools.retire(self._pool, self._memory)


class _Setup:
    """What a program reads from flags and pool, swapped as a whole, with the frames to lend."""

    __slots__ = ("call", "frames", "plain", "pool", "template", "tracer", "version")

    def __init__(
        self, version: int, plain: bool, pool: pools.Pool, template: np.ndarray, tracer: int
    ) -> None:
        self.version = version
        self.tracer = tracer
        self.plain = plain  # one native part and nothing to measure
        self.pool = pool
        self.template = template
        self.call = pool.call
        self.frames: list[_Frame] = []

    def frame(self) -> _Frame:
        """A new frame: the template with its addresses filled in."""
        frame = _Frame(self.template, self.pool)
        words, address = frame.words, frame.address
        bases = int(words[at.FRAME_BASES // 8]) // 8
        for some in _POINTERS:
            words[some] += address
        words[bases + at.BASE_ERROR] = address + at.FRAME_ERROR
        return frame


class Program:
    """Stages in order, and the places of inputs, outputs and the arena in their arguments.

    output_sizes: bytes of each output, None where it is a donated input's buffer. donated: those
    pairs (output, input). scratch_bytes: of each thread. sites: what each error number means; 0 is
    none. serial_hint: so little work (under about 20 us) that waking threads would not pay.
    values: what lies in the arena, and when, for reports. code: whatever keeps the stages'
    functions mapped. before: a program for the same inputs, whose outputs are further inputs of
    this one; it runs again only when one of the inputs `constants` has changed.
    """

    __slots__ = (
        "_arena_bytes", "_before", "_code", "_constants", "_donated", "_inputs", "_kept", "_need",
        "_output_sizes", "_over", "_scratch_bytes", "_serial", "_setup", "_sites", "_stages",
        "_steps", "_values",
    )  # fmt: skip

    def __init__(
        self,
        stages: Sequence[Stage | HostStage],
        arena_bytes: int,
        output_sizes: Sequence[int | None],
        donated: Sequence[tuple[int, int]] = (),
        scratch_bytes: int = 0,
        sites: Mapping[int, Site] | None = None,
        serial_hint: bool = False,
        values: Sequence[Value] = (),
        code: object = None,
        before: Program | None = None,
        constants: Sequence[int] = (),
    ) -> None:
        self._code = code
        self._before = before
        self._constants = tuple(constants)
        self._kept: tuple[list[int], list[Buffer]] = ([], [])
        self._stages = tuple(stages)
        self._arena_bytes = _aligned(arena_bytes)
        self._scratch_bytes = _aligned(scratch_bytes)
        self._need = self._arena_bytes + self._scratch_bytes
        self._output_sizes = tuple(output_sizes)
        self._donated = dict(donated)
        over = [self._donated.get(j) for j in range(len(output_sizes))]
        # all outputs at once, where each is an input's buffer
        self._over = itemgetter(*over) if len(over) > 1 and None not in over else None
        self._inputs = _input_count(self._stages, self._donated)
        self._sites = dict(sites or {})
        self._serial = serial_hint
        self._values = tuple(values)
        self._steps = _steps(self._stages)
        self._setup = self._prepare()
        if flags.debug("memory"):
            print(self.memory(), file=sys.stderr)
        if flags.debug("kernels"):
            print(kernels(_row(s, getattr(s, "tiles", 1), 0.0) for s in stages), file=sys.stderr)

    def run(self, inputs: Sequence[Buffer]) -> list[Buffer]:
        """Runs every stage; returns one buffer per output, a donated input's own where agreed.

        IndexOutOfRange, DivisionByZero: compiled code found an error; guarded stages did not run.
        """
        setup = self._setup
        if setup.version != flags.version:
            setup = self._setup = self._prepare()
        if self._before is not None:
            inputs = [*inputs, *self._results_before(self._before, inputs)]
        if not setup.plain:
            return self._run_parts(setup, inputs)
        frames = setup.frames
        try:
            frame = frames.pop()
        except IndexError:
            frame = setup.frame()
        outputs = self._outputs(inputs)
        arena = lend(self._need)
        bases = [b.ptr for b in outputs]
        bases += [b.ptr for b in inputs[: self._inputs]]
        status = setup.call(frame.address, 0, arena.ptr, *bases)
        give_back(arena)
        if status:
            frame = self._after(setup, frame, status)
        frames.append(frame)
        return outputs

    @property
    def stages(self) -> tuple[Stage | HostStage, ...]:
        """The stages in order."""
        return self._stages

    def seconds(self) -> float:
        """About how long one thread takes for a run: a guess, never 0."""
        work = sum(s.bytes / BYTES_PER_SECOND + s.flops / FLOPS_PER_SECOND for s in self._stages)
        return max(work, 1e-9)

    def _results_before(self, before: Program, inputs: Sequence[Buffer]) -> list[Buffer]:
        """What `before` computes, from the last time if its inputs are the same."""
        stamps = [_changes.count, *(inputs[i].stamp for i in self._constants)]
        known, results = self._kept
        if stamps != known or 0 in stamps[1:]:
            results = before.run(inputs)
            self._kept = stamps, results
        return results

    def memory(self) -> MemoryReport:
        """Bytes that one call needs, known before anything runs."""
        outputs = sum(size for size in self._output_sizes if size is not None)
        return MemoryReport(self._arena_bytes, self._scratch_bytes, outputs, self._values)

    def _prepare(self) -> _Setup:
        """Reads the flags: another number of threads means other frames."""
        version = flags.version
        pool = pools.current()
        alone = self._serial or pool.size == 1
        if not alone:
            pool.reserve(self._scratch_bytes)
        shown = flags.debug("time") or flags.debug("kernels")
        collector = trace.collector
        plain = len(self._steps) == 1 and not shown and collector is None
        tracer = collector.tracer if collector is not None else 0
        return _Setup(version, plain, pool, _template(self, alone, pool, tracer), tracer)

    def _outputs(self, inputs: Sequence[Buffer]) -> list[Buffer]:
        if len(inputs) < self._inputs:
            raise ArgumentError(
                message(
                    "program.run", "inputs are missing", f"{len(inputs)} buffers",
                    f"{self._inputs}", "pass one buffer per input of the graph",
                )
            )  # fmt: skip
        if self._donated:
            _changes.count += 1
        if self._over is not None:
            return list(self._over(inputs))
        return [
            inputs[self._donated[j]] if size is None else allocate(size)
            for j, size in enumerate(self._output_sizes)
        ]

    def _run_parts(self, setup: _Setup, inputs: Sequence[Buffer]) -> list[Buffer]:
        """The long way: host stages between native parts, or a clock around every stage."""
        collector = trace.collector
        tape = Tape([_tiles(s) for s in self._stages]) if collector else None
        frame = setup.frame()
        outputs = self._outputs(inputs)
        arena = lend(self._need)
        bases = [b.ptr for b in (*outputs, *inputs[: self._inputs])]
        bases += [tape.ptr] if tape else [0]
        rows: list[Row] = []
        start = time.perf_counter()
        try:
            status = setup.call(frame.address, self._start_part(), arena.ptr, *bases)
            for part, step in enumerate(self._steps):
                if isinstance(step, HostStage):
                    began = time.perf_counter()
                    step.function(*(_view(v, inputs, outputs, arena) for v in step.views))
                    self._note(step, began, rows, tape)
                elif flags.debug("time") or (tape and not setup.tracer):
                    status |= self._timed(setup, frame, step, rows, None if setup.tracer else tape)
                else:
                    status |= setup.call(frame.address, part)
                if status & at.STATUS_ERROR:
                    break
        finally:
            give_back(arena)
        if collector and tape:
            size = sum(b.nbytes for b in inputs[: self._inputs])
            collector.ran(self, start, tape, size)
        if flags.debug("time"):
            print_times(rows)
        elif flags.debug("kernels"):
            print_kernels((s.name, getattr(s, "tiles", 1)) for s in self._stages)
        if status:
            self._after(setup, frame, status)
        return outputs

    def _timed(
        self, setup: _Setup, frame: _Frame, segment: range, rows: list[Row], tape: Tape | None
    ) -> int:
        status = 0
        natives = [s for s in self._stages if isinstance(s, Stage)]
        for number in segment:
            began = time.perf_counter()
            status |= setup.call(frame.address, self._start_part() + 1 + number)
            self._note(natives[number], began, rows, tape)
        return status

    def _note(
        self, stage: Stage | HostStage, began: float, rows: list[Row], tape: Tape | None
    ) -> None:
        ended = time.perf_counter()
        rows.append(_row(stage, _tiles(stage), ended - began))
        if tape:
            place = next(k for k, s in enumerate(self._stages) if s is stage)
            tape.note(place, began, ended)

    def _start_part(self) -> int:
        """The part without stages, which only fills in arguments; single stages follow it."""
        return len(self._steps)

    def _after(self, setup: _Setup, frame: _Frame, status: int) -> _Frame:
        """Ends a run that reported something; returns the frame that may be lent again."""
        site, value = (int(w) for w in frame.words[at.FRAME_ERROR // 8 :][:2])
        fit = setup.frame() if status & at.STATUS_WORN else frame
        if not status & at.STATUS_ERROR:
            return fit
        setup.frames.append(fit)
        raise error_of(self._sites.get(site, UNKNOWN), value)


def _aligned(nbytes: int) -> int:
    return -(-nbytes // ALIGNMENT) * ALIGNMENT


def _input_count(stages: Sequence[Stage | HostStage], donated: Mapping[int, int]) -> int:
    """Inputs that a call must bring: those after the last one in use don't count."""
    last = max(donated.values(), default=-1)
    for stage in stages:
        places = stage.args if isinstance(stage, Stage) else [v.place for v in stage.views]
        for kind, value in places:
            if kind == "input" and value > last:
                last = value
    return 1 + last


def _steps(stages: Sequence[Stage | HostStage]) -> tuple[range | HostStage, ...]:
    """Host stages, and between them ranges of native ones (numbered without the host's)."""
    steps: list[range | HostStage] = []
    number = 0
    for stage in stages:
        if isinstance(stage, HostStage):
            steps.append(stage)
            continue
        number += 1
        if steps and isinstance(steps[-1], range):
            steps[-1] = range(steps[-1].start, number)
        else:
            steps.append(range(number - 1, number))
    if all(isinstance(step, HostStage) for step in steps):
        steps.append(range(0))
    return tuple(steps)


def _view(view: View, inputs: Sequence[Buffer], outputs: Sequence[Buffer], arena: Buffer) -> object:
    kind, where = view.place
    if kind == "arena":
        count = prod(view.shape) * view.dtype.itemsize
        return arena.array[where : where + count].view(view.dtype.np).reshape(view.shape)
    return (inputs if kind == "input" else outputs)[where].view(view.dtype, view.shape)


def _tiles(stage: Stage | HostStage) -> int:
    return stage.tiles if isinstance(stage, Stage) else 1


def _row(stage: Stage | HostStage, tiles: int, elapsed: float) -> Row:
    return Row(stage.name or "stage", tiles, elapsed, stage.bytes, stage.flops)


# the template of a frame

_MOST_TILES: Final = 2**32 - 1  # claims and tiles done are counted in 32 bits

# words that are offsets from the frame's own address
_POINTERS: Final = (
    slice(at.FRAME_STAGES // 8, at.FRAME_PLACES // 8 + 1),
    slice(at.FRAME_ARGS // 8, at.FRAME_COUNTERS // 8 + 1),
)


def _template(program: Program, alone: bool, pool: pools.Pool, tracer: int) -> np.ndarray:
    """A frame's words; pointers are offsets that a frame adds its own address to.

    tracer: a function to call in place of each kernel (see `trace`), or 0.
    """
    natives = [s for s in program._stages if isinstance(s, Stage)]
    outputs = len(program._output_sizes)
    places: list[int] = []
    stages: list[int] = []
    bases = [0] * (at.BASE_FIRST + outputs + program._inputs + 1)  # the last one: a tape
    recorded = 0
    for stage in program._stages:
        if isinstance(stage, HostStage):
            recorded += 1
            continue
        if stage.tiles > _MOST_TILES:
            raise FirthError(
                message(
                    "program",
                    f"stage {stage.name} has too many tiles",
                    str(stage.tiles),
                    f"at most {_MOST_TILES}",
                    "make its tiles larger",
                )
            )
        function = tracer or stage.function
        number = len(stages) // (at.STAGE_BYTES // 8)
        after = number if stage.after is None else stage.after
        stages += [function, len(places) // 2 * 8, stage.tiles, int(stage.guarded), after]
        if tracer:
            record = 8 * RECORD_WORDS * recorded
            places += [at.BASE_ZERO, stage.function, len(bases) - 1, record]
        recorded += stage.tiles
        places += (at.BASE_ERROR, 0)
        for kind, value in stage.args:
            if kind == "int":
                places += (at.BASE_ZERO, value)
            elif kind == "arena":
                places += (at.BASE_ARENA, value)
            else:
                places += (_base(kind, outputs) + value, 0)
    parts: list[int] = []
    tiles = [s.tiles for s in natives]
    for step in program._steps:
        first, end = (step.start, step.stop) if isinstance(step, range) else (0, 0)
        most = max(tiles[first:end], default=0)
        parts += (first, end, *_helpers(most, alone, pool.size))
    parts += (0, 0, *_helpers(0, alone, pool.size))
    for number, most in enumerate(tiles):
        parts += (number, number + 1, *_helpers(most, alone, pool.size))
    words = len(places) // 2
    stride = 0 if alone else at.COUNTER_CLAIMS + at.LINE * pool.owners
    blocks = {
        at.FRAME_BASES: bases,
        at.FRAME_PLACES: places,
        at.FRAME_STAGES: stages,
        at.FRAME_PARTS: parts,
        at.FRAME_ARGS: [0] * words,
        at.FRAME_COUNTERS: [0] * (stride // 8 * len(natives)),
    }
    table: list[int] = [0] * (at.FRAME_HEADER // 8)
    for field, block in blocks.items():
        table += [0] * (-len(table) % (at.LINE // 8))
        table[field // 8] = len(table) * 8
        table += block
    table[at.FRAME_CONTEXT // 8] = pool.address
    table[at.FRAME_WORDS // 8] = words
    table[at.FRAME_OWNERS // 8] = pool.owners
    table[at.FRAME_STRIDE // 8] = stride
    table[at.FRAME_SCRATCH // 8] = program._arena_bytes
    return np.frombuffer(array("q", table), np.int64)


def _base(kind: str, outputs: int) -> int:
    """The first base of outputs or inputs."""
    if kind == "output":
        return at.BASE_FIRST
    if kind == "input":
        return at.BASE_FIRST + outputs
    raise FirthError(
        message(
            "program",
            "unknown kind of place",
            repr(kind),
            "input, output, arena or int",
            "correct the stage's args",
        )
    )


def _helpers(most: int, alone: bool, size: int) -> tuple[int, int]:
    """Threads to wake for stages of at most so many tiles, and whether the caller runs alone."""
    return min(most, size) - 1 if most > 1 else 0, int(alone or most < 2)
