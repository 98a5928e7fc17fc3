"""FIRTH_DUMP and FIRTH_LOAD: every stage of a program as text, and edited stages taken back.

FIRTH_DUMP=folder writes, for each compiled graph, folder/<hash of the graph>/ with

    0_recorded.txt  1_lowered.txt  2_kernels.txt  3_<number>_<kernel>.ll  4_<number>_<kernel>.s
    5_plan.txt      the arena: which value lies where, from which kernel to which
    repro.py        runs the graph on random inputs and compares with the reference target

FIRTH_LOAD=folder reads the same names: an edited 1_lowered.txt or 3_*.ll is used instead of what
the compiler would have made. Files that are not there are made as usual.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from firth.base import flags
from firth.codegen.text import Text
from firth.ir.graph import Graph
from firth.ir.kernel_text import kernel_text
from firth.ir.text import from_text, to_text
from firth.passes.plan import Plan

_REPRO = '''"""Runs the graph beside this file on random inputs, on cpu and on ref, and compares."""

from pathlib import Path

import numpy as np

import firth.ops
from firth.ir.text import from_text
from firth.runtime.buffer import from_array
from firth.targets.cpu import target as cpu
from firth.targets.ref import target as ref

graph = from_text((Path(__file__).parent / "0_recorded.txt").read_text())
rng = np.random.default_rng(0)
arrays = []
for node in graph.inputs:
    real = node.dtype.kind == "f"
    draw = rng.standard_normal(node.shape) if real else rng.integers(0, 2, node.shape)
    arrays.append(np.asarray(draw).astype(node.dtype.np))
results = []
for target in (cpu, ref):
    out = target.compile(graph).run([from_array(a) for a in arrays])
    results.append([b.view(o.dtype, o.shape).copy() for b, o in zip(out, graph.outputs)])
for number, (found, wanted) in enumerate(zip(*results)):
    f, w = found.astype(float), wanted.astype(float)
    same = (f == w) | (np.isnan(f) & np.isnan(w))
    worst = np.max(np.where(same, 0.0, np.abs(f - w)), initial=0.0)
    print(f"output {number}: {wanted.dtype}{list(wanted.shape)} largest difference {worst:.3g}")
'''


class Stages:
    """The stages of one graph's compilation, written and read where the flags ask for it."""

    def __init__(self, graph: Graph) -> None:
        dump, load = flags.get("FIRTH_DUMP"), flags.get("FIRTH_LOAD")
        self._to: Path | None = None
        self._from: Path | None = None
        if not dump and not load:
            return
        text = to_text(graph)
        if dump:
            self._to = _folder(dump, text)
            self._to.mkdir(parents=True, exist_ok=True)
            self._write("0_recorded.txt", text)
            self._write("repro.py", _REPRO)
        if load:
            self._from = _folder(load, text)

    def lowered(self, make: Callable[[], Graph]) -> Graph:
        """The lowered graph, or its edited text."""
        edited = self._read("1_lowered.txt")
        graph = make() if edited is None else from_text(edited)
        if self._to:
            self._write("1_lowered.txt", to_text(graph))
        return graph

    def kernels(self, plan: Plan) -> None:
        """The kernels with their places, for reading."""
        if not self._to:
            return
        parts = []
        if plan.before is not None:
            parts.append("when a constant input has changed:\n\n" + _listing(plan.before))
            parts.append("every time:\n")
        self._write("2_kernels.txt", "\n".join([*parts, _listing(plan)]))
        whole = [plan] if plan.before is None else [plan.before, plan]
        self._write("5_plan.txt", "\n".join(map(_plan_text, whole)))

    def code(self, number: int, kernel: str, text: Text, assembly: Callable[[str], str]) -> Text:
        """The LLVM text of one kernel, or its edited form."""
        name = f"3_{number:03d}_{kernel}.ll"
        seal, _, body = (self._read(name) or "").partition("\n")
        if body and seal != _seal(body):  # untouched text may belong to another lowered graph
            fresh = "k_" + hashlib.sha256(body.encode()).hexdigest()[:24]
            body = re.sub(r"define void @k_\w+", f"define void @{fresh}", body)
            text = Text(fresh, body, text.params, text.scratch_bytes)
        if self._to:
            self._write(name, f"{_seal(text.text)}\n{text.text}")
            self._write(f"4_{number:03d}_{kernel}.s", assembly(text.text))
        return text

    def _read(self, name: str) -> str | None:
        path = self._from / name if self._from else None
        return path.read_text() if path and path.exists() else None

    def _write(self, name: str, text: str) -> None:
        assert self._to is not None
        (self._to / name).write_text(text)


def note_lines(graph: Graph, notes: Sequence[str]) -> None:
    """Puts the user's lines, one for each node in the graph's order, beside the recorded graph."""
    text, by_node = to_text(graph), dict(zip(map(id, graph.nodes()), notes, strict=True))
    inputs = {id(n) for n in graph.inputs}
    rest = [by_node[id(n)] for n in graph.nodes() if id(n) not in inputs]
    comments = [*(by_node.get(id(n), "") for n in graph.inputs), *rest]
    lines = text.splitlines()
    noted = [f"{line}  # {note}" if note else line for line, note in zip(lines, comments)]
    path = _folder(flags.get("FIRTH_DUMP"), text) / "0_recorded.txt"
    path.write_text("\n".join([*noted, *lines[len(noted) :]]) + "\n")


def _folder(root: str, text: str) -> Path:
    return Path(root) / hashlib.sha256(text.encode()).hexdigest()[:16]


def _plan_text(plan: Plan) -> str:
    """Steps with their places, then the arena's values with their lifetimes."""
    lines = [f"arena {plan.arena_bytes} bytes, outputs {sum(plan.output_bytes)} bytes", ""]
    for k, step in enumerate(plan.steps):
        lines.append(
            f"{k:4} {step.kernel.name:<32} {step.kernel.tiles():6} tiles {step.bytes:12} bytes "
            f"{step.flops:14} flops{'  guarded' if step.guarded else ''}"
        )
    lines += ["", f"{'offset':>12} {'bytes':>12} {'steps':>9}  value"]
    for v in sorted(plan.values, key=lambda v: (v.offset, v.first)):
        words = f"{v.node.op.name} {v.node.dtype.name}{list(v.node.shape)}"
        lines.append(f"{v.offset:12} {v.bytes:12} {v.first:4}-{v.last:<4}  {words}")
    return "\n".join(lines) + "\n"


def _seal(text: str) -> str:
    """A first line that tells whether the text below was edited."""
    return "; made by the compiler, sha256 " + hashlib.sha256(text.encode()).hexdigest()


def _listing(plan: Plan) -> str:
    """The kernels of a plan with their places."""
    parts = [f"arena {plan.arena_bytes} bytes\n"]
    for step in plan.steps:
        places = ", ".join(f"{kind} {number}" for kind, number in step.places)
        guarded = " guarded" if step.guarded else ""
        parts.append(f"{kernel_text(step.kernel)}  at {places}{guarded}\n")
    return "\n".join(parts)
