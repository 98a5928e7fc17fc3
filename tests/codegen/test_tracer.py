from __future__ import annotations

import llvmlite.binding as llvm
import pytest

from firth.codegen import tracer


@pytest.mark.parametrize("name", ["x86_64", "aarch64"])
def test_it_compiles_for_other_machines(name: str) -> None:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    triple = f"{name}-unknown-linux-gnu"
    module = llvm.parse_assembly(tracer.text(1))
    module.triple = triple
    module.verify()
    machine = llvm.Target.from_triple(triple).create_target_machine(opt=1)
    assert tracer.NAME in machine.emit_assembly(module)
