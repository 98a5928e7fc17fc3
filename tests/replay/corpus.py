"""The fixed corpus: graphs whose kernels must not change by accident, and machines for them.

Nothing here looks at the machine it runs on: graphs come from fixed seeds and fixed networks,
machines are tables of facts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks.networks import NETWORKS
from firth.base import dtype as dt
from firth.base import flags
from firth.base.facts import TargetFacts
from firth.codegen.emit import emit
from firth.ir.graph import Graph
from firth.passes import pipeline
from firth.targets import Executable
from firth.targets.null import target as null
from tests.fuzz.graphs import random_graph
from tests.table.table_tools import OPS, apply, samples

MACHINES = {
    "avx512": TargetFacts(
        "x86_64-unknown-linux-gnu", "x86-64-v4", "", 64, 32, fma=True, masked=True,
        l1_bytes=48 << 10, l2_bytes=2 << 20, l3_bytes=32 << 20,
    ),
    "avx2": TargetFacts(
        "x86_64-unknown-linux-gnu", "x86-64-v3", "", 32, 16, fma=True, masked=True,
        l1_bytes=32 << 10, l2_bytes=512 << 10, l3_bytes=16 << 20,
    ),
    "aarch64": TargetFacts(
        "aarch64-unknown-linux-gnu", "", "+neon", 16, 32, fma=True, masked=False,
        l1_bytes=64 << 10, l2_bytes=1 << 20, l3_bytes=16 << 20,
    ),
}  # fmt: skip
SEEDS = 60
DTYPES = (dt.float32, dt.int64)

Case = tuple[str, list[tuple[Graph, bool]]]  # name, graphs and whether they are generic


def cases() -> Iterator[Case]:
    """Every entry of the corpus: training steps and inference, random graphs, samples of ops."""
    for name, network in NETWORKS.items():
        yield f"{name}/step", [(g, False) for g in recorded(network.firth_step(jit=True))]
        yield f"{name}/infer", [(g, False) for g in recorded(network.firth_infer(jit=True))]
    for seed in range(SEEDS):
        graph, _ = random_graph(seed, dt.float32)
        yield f"fuzz/{seed}", [(graph, False), (graph, True)]
    for op in OPS:
        if op.family == "host":  # has no kernels
            continue
        drawn = [(apply(op, case.args, case.attrs), False) for _, case in samples(op, DTYPES)]
        if drawn:
            yield f"op/{op.name}", drawn


def recorded(step: Any) -> list[Graph]:
    """The graphs that a call compiles; nothing runs."""
    found: list[Graph] = []

    def spy(graph: Graph, compile: Any = null.compile) -> Executable:
        found.append(graph)
        executable: Executable = compile(graph)
        return executable

    flags.put("FIRTH_TARGET", "null")
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(null, "compile", spy)
            step()
    finally:
        flags.put("FIRTH_TARGET", None)
    return found


def texts(graphs: list[tuple[Graph, bool]], facts: TargetFacts) -> Iterator[str]:
    """All that a program for these facts consists of: kernels as LLVM text, tiles, places."""
    for graph, generic in graphs:
        schedule, plan = pipeline.to_kernels(graph, facts, generic)
        sites = len(schedule.sites.table)
        for part in [plan] if plan.before is None else [plan.before, plan]:
            yield f"; arena {part.arena_bytes}, donated {sorted(part.in_place.items())}\n"
            for k, step in enumerate(part.steps):
                host = step.kernel.host()
                if host is not None:
                    yield f"; host {host.op}, {step.places}\n"
                    continue
                text = emit(step.kernel, facts, generic, sites + 1 + k)
                head = step.kernel.name, step.kernel.tiles(), step.places, step.guarded, text.params
                yield f"; {head}\n{text.text}\n"


def digest(graphs: list[tuple[Graph, bool]], facts: TargetFacts) -> str:
    """A short hash of the texts."""
    found = hashlib.sha256()
    for text in texts(graphs, facts):
        found.update(text.encode())
    return found.hexdigest()[:10]
