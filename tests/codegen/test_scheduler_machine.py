from __future__ import annotations

import llvmlite.binding as llvm
import pytest

from firth.codegen import scheduler_machine


@pytest.mark.parametrize(
    ("triple", "words"),
    [
        ("x86_64-unknown-linux-gnu", ("llvm.x86.sse2.pause", "i64 202", "ldmxcsr", "sched_yield")),
        ("aarch64-unknown-linux-gnu", ("llvm.aarch64.hint", "i64 98", "set.fpcr", "sched_yield")),
        ("arm64-apple-darwin23.0.0", ("llvm.aarch64.hint", "set.fpcr", "sched_yield")),
        ("x86_64-pc-windows-msvc", ("llvm.x86.sse2.pause", "ldmxcsr", "SwitchToThread")),
        ("powerpc64le-unknown-linux-gnu", ("sched_yield",)),
    ],
)
def test_machines(triple, words):
    text = scheduler_machine.text(triple)
    for word in words:
        assert word in text
    llvm.parse_assembly(text).verify()


def test_futex():
    assert scheduler_machine.futex("x86_64-unknown-linux-gnu") == 202
    assert scheduler_machine.futex("x86_64-pc-windows-msvc") is None
    assert scheduler_machine.futex("powerpc64le-unknown-linux-gnu") is None
