"""The cpu target: kernels through LLVM, run by the native scheduler."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from firth.base import flags
from firth.codegen.emit import emit
from firth.codegen.text import Text
from firth.ir.graph import Graph
from firth.passes import pipeline
from firth.passes.plan import Plan
from firth.passes.schedule import Schedule
from firth.passes.values import Site as KernelSite
from firth.runtime.buffer import Buffer
from firth.runtime.program import Place, Program, Site, Stage
from firth.targets.cpu import build, facts
from firth.targets.cpu.stages import Stages

# One thread of a slow machine, for the guess whether a second one pays.
_BYTES_PER_SECOND = 10e9
_FLOPS_PER_SECOND = 40e9
_WORTH_WAKING_SECONDS = 20e-6
_EXTENTS = frozenset(("shape", "sizes", "starts", "low", "high", "extent", "stop", "start"))
_seen: OrderedDict[tuple[object, ...], tuple[object, ...]] = OrderedDict()
_SEEN_LIMIT = 4096


class Executable:
    """A compiled graph."""

    __slots__ = ("program",)

    def __init__(self, program: Program) -> None:
        self.program = program

    def run(self, buffers: Sequence[Buffer]) -> list[Buffer]:
        """One contiguous buffer per graph input -> one per output; donated ones are reused."""
        return self.program.run(buffers)


def compile(graph: Graph) -> Executable:
    """The graph as native code; the second extents of a known structure make it generic."""
    return specialise(graph, _known_with_other_extents(graph))


def specialise(graph: Graph, generic: bool = False, fused: bool = True) -> Executable:
    """The graph as native code, its extents constants of the code or (generic) arguments of it."""
    stages = Stages(graph)
    lowered = stages.lowered(lambda: pipeline.to_base(graph))
    schedule, plan = pipeline.place(lowered, facts.host(), generic, fused)
    stages.kernels(plan)
    texts = []
    for k, step in enumerate(plan.steps):
        text = emit(step.kernel, facts.host(), generic)
        texts.append(stages.code(k, step.kernel.name, text, build.assembly))
    return Executable(_program(schedule, plan, texts))


def _program(schedule: Schedule, plan: Plan, texts: list[Text]) -> Program:
    functions = build.load(texts)
    stages = []
    for step, text in zip(plan.steps, texts, strict=True):
        words: tuple[Place, ...] = (*step.places, *(("int", p) for p in text.params))
        stages.append(
            Stage(
                functions[text.name],
                step.kernel.tiles(),
                words,
                step.guarded,
                step.kernel.name,
                step.bytes,
                step.flops,
            )
        )
    return Program(
        stages,
        plan.arena_bytes,
        [None if j in plan.in_place else n for j, n in enumerate(plan.output_bytes)],
        tuple(plan.in_place.items()),
        max((t.scratch_bytes for t in texts), default=0),
        {number + 1: _site(s) for number, s in enumerate(schedule.sites.table)},
        _small(plan),
        tuple(plan.sizes.items()),
    )


def _site(site: KernelSite) -> Site:
    return Site(site.op, site.kind, f"0 <= index < {site.extent}" if site.kind == "index" else "")


def _small(plan: Plan) -> bool:
    """Whether waking a second thread would cost more than it brings (about 20 us of work)."""
    seconds = sum(s.bytes / _BYTES_PER_SECOND + s.flops / _FLOPS_PER_SECOND for s in plan.steps)
    return seconds < _WORTH_WAKING_SECONDS


def _known_with_other_extents(graph: Graph) -> bool:
    """Whether a graph of this structure was compiled before with other extents."""
    structure, extents = _signature(graph)
    first = _seen.get(structure)
    if first is None:
        _seen[structure] = extents
        if len(_seen) > _SEEN_LIMIT:
            _seen.popitem(last=False)
        return False
    return first != extents


def _signature(graph: Graph) -> tuple[tuple[object, ...], tuple[object, ...]]:
    """The structure of a graph, and apart from it every extent in it."""
    numbers: dict[int, int] = {}
    structure: list[object] = [flags.code_key(), graph.donated]
    extents: list[object] = []
    for k, node in enumerate(graph.nodes()):
        numbers[id(node)] = k
        kept: list[object] = []
        for name, value in zip(node.op.attrs, node.attrs, strict=True):
            (extents if name in _EXTENTS else kept).append(value)
        extents.append(node.shape)
        src = tuple(numbers[id(s)] for s in node.src)
        ones = tuple(n == 1 for n in node.shape)
        structure.append((node.op.name, src, tuple(kept), len(node.shape), ones, node.dtype))
    structure.append(tuple(numbers[id(o)] for o in graph.outputs))
    return tuple(structure), tuple(extents)
