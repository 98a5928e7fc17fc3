from __future__ import annotations

import llvmlite.binding as llvm
import pytest

from firth.codegen import scheduler
from firth.targets.cpu import build

TRIPLES = (
    "x86_64-unknown-linux-gnu",
    "aarch64-unknown-linux-gnu",
    "riscv64-unknown-linux-gnu",
    "arm64-apple-darwin23.0.0",
    "x86_64-pc-windows-msvc",
)


@pytest.mark.parametrize("triple", TRIPLES)
def test_text_is_valid_and_reaches_only_what_it_says(triple):
    text = scheduler.text(triple)
    module = llvm.parse_assembly(text)
    module.verify()
    build.check("scheduler", text, scheduler.SYMBOLS, scheduler.EXPORTS)


@pytest.mark.parametrize("triple", TRIPLES)
def test_every_machine_gets_an_object(triple):
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    features = "+a" if triple.startswith("riscv") else ""
    machine = llvm.Target.from_triple(triple).create_target_machine(opt=1, features=features)
    assert len(machine.emit_object(llvm.parse_assembly(scheduler.text(triple)))) > 1000


def test_workers_sleep_in_the_kernel_on_linux_only():
    assert [scheduler.sleeps(t) for t in TRIPLES] == [True, True, True, False, False]
    for triple in TRIPLES:
        assert ("@syscall" in scheduler.text(triple)) == scheduler.sleeps(triple)
