"""Facts about the machine: processor, versions, commit, its measured peaks, whether it idles."""

from __future__ import annotations

import ctypes
import os
import platform
import subprocess
import threading
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import ROOT, THREADS

PEER_PACKAGES = ("firth", "numpy", "torch", "jax", "jaxlib", "llvmlite")
COPY_BYTES = 64 * 1024**2  # a thread, far beyond the caches
FMA_TURNS = 1_000_000


def facts() -> dict[str, Any]:
    """What a reader of the numbers must know."""
    versions: dict[str, str | None] = {}
    for package in PEER_PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = None
    return {
        "system": platform.system(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": THREADS,
        "python": platform.python_version(),
        "versions": versions,
        "commit": commit(),
    }


def peaks() -> dict[str, float]:
    """Float32 flops and copied bytes (read and written) per second on THREADS threads."""
    engine, flops = _engine()
    fma = _FMA(engine.get_function_address("fma"))
    copy = _COPY(engine.get_function_address("copy"))
    sources = [np.ones(COPY_BYTES // 8) for _ in range(THREADS)]
    targets = [np.zeros_like(source) for source in sources]

    def move(i: int) -> None:
        copy(targets[i].ctypes.data, sources[i].ctypes.data, COPY_BYTES)

    return {
        "flops": THREADS * FMA_TURNS * flops / _best(lambda i: fma(FMA_TURNS, 0.5)),
        "bytes": 2 * THREADS * COPY_BYTES / _best(move),
    }


def _best(work: Callable[[int], object], rounds: int = 12) -> float:
    """The least seconds that all threads need for their work, started together."""
    best = float("inf")
    for _ in range(rounds):
        gate = threading.Barrier(THREADS)
        spans: list[tuple[float, float]] = []

        def one(i: int, gate: threading.Barrier = gate, spans: list[Any] = spans) -> None:
            gate.wait()
            start = time.perf_counter()
            work(i)
            spans.append((start, time.perf_counter()))

        threads = [threading.Thread(target=one, args=(i,)) for i in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        best = min(best, max(end for _, end in spans) - min(start for start, _ in spans))
    return best


_FMA = ctypes.CFUNCTYPE(ctypes.c_float, ctypes.c_int64, ctypes.c_float)
_COPY = ctypes.CFUNCTYPE(None, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int64)


def _engine() -> tuple[Any, float]:
    """Compiled `fma` and `copy`, and the flops of a turn of fma."""
    import llvmlite.binding as llvm

    from firth.targets.cpu.facts import host

    machine = host()
    lanes, chains = machine.lanes(4), machine.vector_registers - 4
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    options = {"cpu": machine.cpu, "features": machine.features, "opt": 1}
    target = llvm.Target.from_triple(machine.triple).create_target_machine(**options)
    text = _fma_text(lanes, chains) + _copy_text(machine.vector_bytes)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(text), target)
    engine.finalize_object()
    return engine, 2.0 * lanes * chains


def _fma_text(lanes: int, chains: int) -> str:
    """A loop of independent multiply-adds that stay in registers."""
    v, zero = f"<{lanes} x float>", "zeroinitializer"
    each = range(chains)
    phis = "\n".join(f"  %a{i} = phi {v} [{zero}, %entry], [%b{i}, %loop]" for i in each)
    fma = f"call {v} @llvm.fma.v{lanes}f32({v}"
    fmas = "\n".join(f"  %b{i} = {fma} %a{i}, {v} %m, {v} %m)" for i in each)
    sums = "\n".join(f"  %s{i + 1} = fadd {v} %b{i}, %s{i}" for i in each)
    return f"""
declare {v} @llvm.fma.v{lanes}f32({v}, {v}, {v})
define float @fma(i64 %n, float %x) {{
entry:
  %m0 = insertelement {v} poison, float %x, i32 0
  %m = shufflevector {v} %m0, {v} poison, <{lanes} x i32> zeroinitializer
  br label %loop
loop:
  %i = phi i64 [0, %entry], [%next, %loop]
{phis}
{fmas}
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %n
  br i1 %more, label %loop, label %exit
exit:
  %s0 = fadd {v} %m, %m
{sums}
  %r = extractelement {v} %s{chains}, i32 0
  ret float %r
}}"""


def _copy_text(width: int) -> str:
    """A copy that writes past the caches."""
    v = f"<{width} x i8>"
    return f"""
define void @copy(ptr %to, ptr %from, i64 %n) {{
entry:
  %skip = ptrtoint ptr %to to i64
  %low = and i64 %skip, {width - 1}
  %pad = sub i64 {width}, %low
  %end = sub i64 %n, {width}
  br label %loop
loop:
  %i = phi i64 [%pad, %entry], [%next, %loop]
  %p = getelementptr i8, ptr %from, i64 %i
  %q = getelementptr i8, ptr %to, i64 %i
  %x = load {v}, ptr %p, align 1
  store {v} %x, ptr %q, align {width}, !nontemporal !0
  %next = add i64 %i, {width}
  %more = icmp sle i64 %next, %end
  br i1 %more, label %loop, label %exit
exit:
  ret void
}}
!0 = !{{i32 1}}"""


def wait_until_quiet(limit_s: float) -> float | None:
    """Waits until other work leaves the machine alone; returns the idle share then (Linux only)."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return None
    start = time.perf_counter()
    while True:
        before = _cpu_times(stat)
        time.sleep(0.25)
        after = _cpu_times(stat)
        share = (after[1] - before[1]) / max(1, after[0] - before[0])
        if share > 0.93 or time.perf_counter() - start > limit_s:
            return round(share, 3)


def _cpu_times(stat: Path) -> tuple[int, int]:
    """(all, idle) clock ticks since boot."""
    ticks = [int(word) for word in stat.read_text().splitlines()[0].split()[1:9]]
    return sum(ticks), ticks[3] + ticks[4]


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def commit() -> str | None:
    """The commit that is measured, marked when files differ from it."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, cwd=ROOT
    )
    return done.stdout.strip() or None
