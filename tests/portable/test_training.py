"""The demo's training step on other machines: it compiles there, and WebAssembly agrees."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from pathlib import Path

import llvmlite.binding as llvm
import numpy as np
import pytest

from firth.base.facts import TargetFacts
from firth.codegen.emit import emit
from firth.codegen.text import Text
from firth.ir.graph import Graph
from firth.passes import pipeline
from firth.targets.cpu.build import undefined
from firth.targets.wasm import build
from firth.targets.wasm.facts import FACTS
from tests.codegen.test_portable import MACHINES
from tests.portable import training

ROOT = Path(__file__).resolve().parent.parent.parent

llvm.initialize_all_targets()
llvm.initialize_all_asmprinters()


@functools.cache
def graphs() -> list[Graph]:
    found = training.graphs()
    assert max(len(g.nodes()) for g in found) > 300, "the step is not one graph"
    return found


def texts(facts: TargetFacts, generic: bool) -> list[Text]:
    """Every kernel of the step for a machine, each once."""
    found: dict[str, Text] = {}
    for graph in graphs():
        _, plan = pipeline.to_kernels(graph, facts, generic)
        for step in plan.steps:
            text = emit(step.kernel, facts, generic)
            found[text.name] = text
    return list(found.values())


@pytest.mark.parametrize("generic", [False, True])
@pytest.mark.parametrize("name", ["aarch64", "nvptx64"])
def test_every_kernel_compiles_and_calls_nothing(name: str, generic: bool) -> None:
    facts = MACHINES[name]
    machine = llvm.Target.from_triple(facts.triple).create_target_machine(
        cpu=facts.cpu, features=facts.features, opt=1
    )
    for text in texts(facts, generic):
        module = llvm.parse_assembly(text.text)
        module.triple, module.data_layout = facts.triple, str(machine.target_data)
        module.verify()
        if name == "nvptx64":
            ptx = machine.emit_assembly(module)
            assert f".visible .func {text.name}" in ptx and ".extern" not in ptx, ptx[:2000]
        else:
            code = machine.emit_object(module)
            assert code[:4] == b"\x7fELF" and undefined(code) == set(), text.text


@pytest.mark.parametrize("generic", [False, True])
def test_every_kernel_links_as_webassembly(generic: bool) -> None:
    pytest.importorskip("ziglang", reason="needs wasm-ld, from the extra `wasm`")
    assert build.module(texts(FACTS, generic))[:4] == b"\0asm"


# Adam's first steps divide by |gradient| + eps: a small eps makes steps of float32's rounding.
@pytest.mark.parametrize(("dtype", "eps"), [("float64", 1e-8), ("float32", 1e-2)])
def test_webassembly_finds_what_the_cpu_finds(dtype: str, eps: float) -> None:
    pytest.importorskip("ziglang", reason="needs wasm-ld, from the extra `wasm`")
    pytest.importorskip("wasmtime", reason="needs wasmtime, from the extra `wasm`")
    wanted = training.train("cpu", dtype, eps, 2)
    found = training.train("wasm", dtype, eps, 2)
    exact = training.train("cpu", "float64", eps, 2)
    assert found.keys() == wanted.keys()
    for name, want in wanted.items():
        # Sums of another order: a bias before batch norm moves by what rounding leaves of them.
        bound = 3e-6 * np.max(np.abs(want), initial=0.0)
        if name.startswith("mean gradient"):
            # Terms cancel, to nothing for a bias before batch norm: what is left may be rounding.
            own = np.max(np.abs(want - exact[name]), initial=0.0)
            bound = max(bound, 4 * own, 1e-15)
        wrong = np.max(np.abs(found[name] - want), initial=0.0)
        assert wrong <= bound, f"{name}: {wrong:.3g}, allowed {bound:.3g}"


STRICT = """
from tests.portable.training import train

wanted, found = (train(name, "float32", 1e-8, 2) for name in ("cpu", "wasm"))
print(len(wanted), [n for n in wanted if found[n].tobytes() != wanted[n].tobytes()])
"""


def test_strict_mode_gives_the_same_bits() -> None:
    pytest.importorskip("ziglang", reason="needs wasm-ld, from the extra `wasm`")
    pytest.importorskip("wasmtime", reason="needs wasmtime, from the extra `wasm`")
    environment = {**os.environ, "FIRTH_STRICT": "1"}  # a process is strict from its start
    done = subprocess.run(
        [sys.executable, "-c", STRICT], capture_output=True, text=True, env=environment, cwd=ROOT
    )
    assert not done.returncode, done.stderr
    count, differ = done.stdout.strip().split(" ", 1)
    assert int(count) > 30 and differ == "[]", differ
