"""The cpu target: kernels through LLVM, run by the native scheduler."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from firth.base import flags
from firth.codegen.emit import emit
from firth.ir.graph import Graph
from firth.ir.kernel import Buffer as KernelBuffer
from firth.ir.kernel import Kernel
from firth.passes.pipeline import to_kernels
from firth.passes.plan import Plan
from firth.passes.schedule import Schedule
from firth.passes.values import Site as KernelSite
from firth.runtime.buffer import Buffer
from firth.runtime.program import Place, Program, Site, Stage
from firth.targets.cpu import build, facts

# Below this many tiles in all, waking a second thread costs more than it brings (about 20 us).
_SERIAL_TILES = 8
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


def specialise(graph: Graph, generic: bool) -> Executable:
    """The graph as native code, its extents constants of the code or (generic) arguments of it."""
    schedule, plan = to_kernels(graph, facts.host(), generic)
    return Executable(_program(graph, schedule, plan, generic))


def _program(graph: Graph, schedule: Schedule, plan: Plan, generic: bool) -> Program:
    host = facts.host()
    texts = [emit(step.kernel, host, generic) for step in plan.steps]
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
                _traffic(step.kernel),
            )  # fmt: skip
        )
    return Program(
        stages,
        plan.arena_bytes,
        [None if j in plan.in_place else n for j, n in enumerate(plan.output_bytes)],
        tuple(plan.in_place.items()),
        max((t.scratch_bytes for t in texts), default=0),
        {number + 1: _site(s) for number, s in enumerate(schedule.sites.table)},
        sum(s.tiles for s in stages) < _SERIAL_TILES,
        tuple(plan.sizes.items()),
    )


def _site(site: KernelSite) -> Site:
    return Site(site.op, site.kind, f"0 <= index < {site.extent}" if site.kind == "index" else "")


def _traffic(kernel: Kernel) -> int:
    """Bytes of every element of the grid read and written once: an estimate for profiles."""
    elements = 1
    for axis, _ in kernel.grid:
        elements *= axis.extent
    return sum(_bytes(b) for b in kernel.buffers) * elements


def _bytes(buffer: KernelBuffer) -> int:
    return 0 if buffer.scratch else buffer.dtype.itemsize


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
        kept = []
        for name, value in zip(node.op.attrs, node.attrs, strict=True):
            (extents if name in _EXTENTS else kept).append(value)
        extents.append(node.shape)
        src = tuple(numbers[id(s)] for s in node.src)
        ones = tuple(n == 1 for n in node.shape)
        structure.append((node.op.name, src, tuple(kept), len(node.shape), ones, node.dtype))
    structure.append(tuple(numbers[id(o)] for o in graph.outputs))
    return tuple(structure), tuple(extents)
