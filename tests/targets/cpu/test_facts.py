from __future__ import annotations

import sys

from firth.targets.cpu import facts

AVX512 = {"sse2", "avx2", "fma", "avx512f", "avx512bw", "avx512dq", "avx512vl"}


def describe(present: set[str], triple: str = "x86_64-unknown-linux-gnu"):
    return facts.describe(triple, "some-cpu", "+x", present, {})


def test_host():
    host = facts.host()
    assert host is facts.host()
    assert host.vector_bytes in (16, 32, 64) and host.vector_registers in (16, 32)
    assert 4096 <= host.l1_bytes <= host.l2_bytes
    assert host.features.startswith(("+", "-"))


def test_x86():
    wide = describe(AVX512)
    assert (wide.vector_bytes, wide.vector_registers, wide.fma, wide.masked) == (64, 32, True, True)
    assert wide.features.endswith("-prefer-256-bit,-prefer-128-bit")
    # a virtual machine that masks a part of AVX-512
    partial = describe(AVX512 - {"avx512vl"})
    assert (partial.vector_bytes, partial.vector_registers) == (32, 16)
    old = describe({"sse2"})
    assert (old.vector_bytes, old.fma, old.masked) == (16, False, False)


def test_arm():
    arm = describe({"neon"}, "arm64-apple-darwin23")
    assert (arm.vector_bytes, arm.vector_registers, arm.fma, arm.masked) == (16, 32, True, False)
    assert arm.features == "+x"


def test_cache_sizes(tmp_path):
    def entry(index, level, kind, size):
        folder = tmp_path / f"index{index}"
        folder.mkdir()
        for name, text in (("level", level), ("type", kind), ("size", size)):
            (folder / name).write_text(f"{text}\n")

    entry(0, 1, "Data", "48K")
    entry(1, 1, "Instruction", "32K")
    entry(2, 2, "Unified", "1M")
    entry(3, 3, "Unified", "nonsense")
    assert facts.cache_sizes(tmp_path) == {1: 48 * 1024, 2: 1024**2}
    if sys.platform == "linux":
        assert facts.cache_sizes(tmp_path / "none") == {}


def test_cores_are_those_that_the_process_may_use() -> None:
    assert facts.cores() >= 2
    assert facts.host().cores in (2, facts.cores())  # strict mode has two
