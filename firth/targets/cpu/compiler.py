"""Graphs become programs: passes, code generation and LLVM, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from itertools import accumulate

from firth.base import flags
from firth.codegen.emit import emit
from firth.codegen.text import Text
from firth.ir.graph import Graph
from firth.ir.kernel import Kernel
from firth.ir.kernel_key import kernel_key
from firth.ir.traced import greatest, through
from firth.passes import pipeline
from firth.passes.plan import Plan, Step
from firth.passes.schedule import Schedule
from firth.passes.values import Site as KernelSite
from firth.runtime.program import BYTES_PER_SECOND, FLOPS_PER_SECOND, Program
from firth.targets.cpu import build, facts, plans
from firth.targets.cpu.stages import Stages

_WORTH_WAKING_SECONDS = 20e-6


def build_program(graph: Graph, generic: bool, fused: bool, key: str | None) -> Program:
    """A program for a recorded graph; with a key, it is kept on disk for other processes."""
    fields, functions, texts = build_fields(graph, generic, fused)
    if key is not None:
        named = {t.name: t.text for t in texts}
        objects = {name: functions.holders.get(name) or build.key(t) for name, t in named.items()}
        plans.remember(key, fields, objects)
    return plans.program(fields, functions)


def build_fields(
    graph: Graph, generic: bool, fused: bool
) -> tuple[plans.Fields, build.Functions, list[Text]]:
    """What a program is made of: its fields, its functions and their texts."""
    stages = Stages(graph)
    lowered = stages.lowered(lambda: pipeline.to_base(graph))
    writer = _Writer(generic, stages)
    with build.Loading() as loading:

        def early(schedule: Schedule) -> None:
            for text in writer.early(schedule):
                loading.ahead(text)

        schedule, plan = pipeline.place(lowered, facts.host(), generic, fused, early)
        stages.kernels(plan)
        parts = _parts(plan)
        texts: list[Text] = []
        for text in writer.texts(schedule, parts):
            texts.append(text)
            loading.add(text)
    functions = loading.functions
    sites = _sites(schedule, parts)
    numbers = {id(n): k for k, n in enumerate(graph.nodes())}
    rest = iter(texts)
    made = [[None if s.kernel.host() else next(rest) for s in part.steps] for part in parts]
    fields = [_fields(numbers, p, mine, sites) for p, mine in zip(parts, made, strict=True)]
    if plan.before is not None:
        fields[-1].update(before=fields[0], constants=list(lowered.constants))
    return fields[-1], functions, texts


class _Writer:
    """Texts of steps; equal kernels are emitted once."""

    def __init__(self, generic: bool, stages: Stages) -> None:
        self._generic, self._stages = generic, stages
        self._checked = flags.get("FIRTH_CHECK") == "1"  # then each text knows its own place
        self._known: dict[object, Text] = {}
        self._emitted_here: dict[tuple[int, int], tuple[Kernel, Text]] = {}

    def texts(self, schedule: Schedule, parts: list[Plan]) -> Iterator[Text]:
        """The text of each step that has one."""
        for k, step in enumerate(step for part in parts for step in part.steps):
            if not step.kernel.host():
                site = len(schedule.sites.table) + 1 + k if self._checked else 0
                text = self._emitted(step.kernel, site)
                yield self._stages.code(k, step.kernel.name, text, build.assembly)

    def early(self, schedule: Schedule) -> Iterator[Text]:
        """The texts of kernels that may not be the last ones: most of them stay."""
        for call in () if self._checked else schedule.calls:
            if not call.kernel.host():
                yield self._emitted(call.kernel, 0)

    def _emitted(self, kernel: Kernel, site: int) -> Text:
        here = (id(kernel), site)
        known = self._emitted_here.get(here)
        if known is not None:
            return known[1]
        key = (kernel_key(kernel), site)
        text = self._known.get(key)
        if text is None:
            text = self._known[key] = emit(kernel, facts.host(), self._generic, site)
        self._emitted_here[here] = kernel, text  # the kernel lives, so that its id stays its own
        return text


def _parts(plan: Plan) -> list[Plan]:
    """What runs when constants have changed, if there is such a part, and what always runs."""
    return [plan] if plan.before is None else [plan.before, plan]


def _sites(schedule: Schedule, parts: list[Plan]) -> list[list[object]]:
    """Where code can find an error: what users can cause, then each kernel's addresses."""
    rows: list[list[object]] = [[s.op, s.kind, _extent(s)] for s in schedule.sites.table]
    rows += [[step.kernel.name, "address", None] for part in parts for step in part.steps]
    return rows


def _fields(
    number: dict[int, int], plan: Plan, texts: list[Text | None], sites: list[list[object]]
) -> plans.Fields:
    """Everything about the program, in words that JSON knows.

    Where a kernel or a value comes from is told by the numbers of the recorded graph's nodes.
    """
    native = [0, *accumulate(text is not None for text in texts)]  # before each step
    stages: list[object] = []
    for step, text in zip(plan.steps, texts, strict=True):
        origins = [number[id(n)] for n in step.kernel.origins if id(n) in number]
        if text is None:
            stages.append(_host_fields(step, origins))
            continue
        places = [*step.places, *(("int", p) for p in text.params)]
        stages.append([
            text.name, step.kernel.tiles(), places, step.guarded, step.kernel.name, step.bytes,
            step.flops, origins, native[step.after],
        ])  # fmt: skip
    return {
        "stages": stages,
        "arena_bytes": plan.arena_bytes,
        "output_sizes": [
            None if j in plan.in_place else n for j, n in enumerate(plan.output_bytes)
        ],
        "donated": list(plan.in_place.items()),
        "scratch_bytes": reduce(greatest, [t.scratch_bytes for t in texts if t is not None], 0),
        "sites": sites,
        "serial_hint": _small(plan),
        "values": [
            [v.node.op.name, v.node.dtype.name, list(v.node.shape), v.offset, v.bytes, v.first,
             v.last, number.get(id(v.node.origin), -1)]
            for v in plan.values
        ],
    }  # fmt: skip


def _host_fields(step: Step, origins: list[int]) -> plans.Fields:
    """What `host.stage` needs, in words that JSON knows."""
    call, buffers = step.kernel.host(), step.kernel.buffers
    assert call is not None
    parts = [*call.sources, (len(buffers) - 1, call.shape)]
    views = [[step.places[b], buffers[b].dtype.name, shape] for b, shape in parts]
    return {
        "op": call.op, "attrs": call.attrs, "views": views, "bytes": step.bytes,
        "origins": origins,
    }  # fmt: skip


def _extent(site: KernelSite) -> int | None:
    return site.extent if site.kind == "index" else None


def _small(plan: Plan) -> bool:
    """Whether waking a second thread would cost more than it brings (about 20 us of work)."""
    seconds = sum(s.bytes / BYTES_PER_SECOND + s.flops / FLOPS_PER_SECOND for s in plan.steps)
    small: bool = through(_brief, seconds)
    return small


def _brief(seconds: float) -> bool:
    return seconds < _WORTH_WAKING_SECONDS
