"""Graphs become programs: passes, code generation and LLVM, one after the other."""

from __future__ import annotations

from firth.codegen.emit import emit
from firth.codegen.text import Text
from firth.ir.graph import Graph
from firth.ir.node import Node
from firth.passes import pipeline
from firth.passes.plan import Plan
from firth.passes.schedule import Schedule
from firth.passes.values import Site as KernelSite
from firth.runtime.program import Program
from firth.targets.cpu import build, facts, plans
from firth.targets.cpu.stages import Stages

# One thread, operands in the cache: for the guess whether a second one pays.
_BYTES_PER_SECOND = 30e9
_FLOPS_PER_SECOND = 80e9
_WORTH_WAKING_SECONDS = 20e-6


def build_program(graph: Graph, generic: bool, fused: bool, key: str | None) -> Program:
    """A program for a recorded graph; with a key, it is kept on disk for other processes."""
    stages = Stages(graph)
    lowered = stages.lowered(lambda: pipeline.to_base(graph))
    schedule, plan = pipeline.place(lowered, facts.host(), generic, fused)
    stages.kernels(plan)
    texts = []
    for k, step in enumerate(plan.steps):
        text = emit(step.kernel, facts.host(), generic, len(schedule.sites.table) + 1 + k)
        texts.append(stages.code(k, step.kernel.name, text, build.assembly))
    functions = build.load(texts)
    fields = _fields(graph, schedule, plan, texts)
    if key is not None:
        objects = {text.name: build.key(text.text) for text in texts}
        plans.remember(key, fields, objects)
    return plans.program(fields, functions)


def _fields(graph: Graph, schedule: Schedule, plan: Plan, texts: list[Text]) -> plans.Fields:
    """Everything about the program, in words that JSON knows.

    Where a kernel or a value comes from is told by the numbers of the recorded graph's nodes.
    """
    sites = schedule.sites.table
    number = {id(n): k for k, n in enumerate(graph.nodes())}
    return {
        "stages": [
            [text.name, step.kernel.tiles(), [*step.places, *(("int", p) for p in text.params)],
             step.guarded, step.kernel.name, step.bytes, step.flops,
             [number[id(n)] for n in step.kernel.origins if id(n) in number]]
            for step, text in zip(plan.steps, texts, strict=True)
        ],
        "arena_bytes": plan.arena_bytes,
        "output_sizes": [
            None if j in plan.in_place else n for j, n in enumerate(plan.output_bytes)
        ],
        "donated": list(plan.in_place.items()),
        "scratch_bytes": max((t.scratch_bytes for t in texts), default=0),
        "sites": [*([s.op, s.kind, _detail(s)] for s in sites),
                  *([step.kernel.name, "address", ""] for step in plan.steps)],
        "serial_hint": _small(plan),
        "values": [
            [_words(v.node), v.offset, v.bytes, v.first, v.last,
             number.get(id(v.node.origin), -1)]
            for v in plan.values
        ],
    }  # fmt: skip


def _words(node: Node) -> str:
    return f"{node.op.name} {node.dtype.name}{list(node.shape)}"


def _detail(site: KernelSite) -> str:
    return f"0 <= index < {site.extent}" if site.kind == "index" else ""


def _small(plan: Plan) -> bool:
    """Whether waking a second thread would cost more than it brings (about 20 us of work)."""
    seconds = sum(s.bytes / _BYTES_PER_SECOND + s.flops / _FLOPS_PER_SECOND for s in plan.steps)
    return seconds < _WORTH_WAKING_SECONDS
