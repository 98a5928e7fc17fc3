"""What code generation may know of the machine this process runs on."""

from __future__ import annotations

import functools
import os
import platform
from pathlib import Path

from firth.base import flags
from firth.base.facts import TargetFacts
from firth.targets.lock import imported

_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
_UNITS = {"K": 1024, "M": 1024**2, "G": 1024**3}


def host() -> TargetFacts:
    """The facts of this machine; in strict mode, those that every machine has."""
    found = _host()
    return found.strict() if flags.strict() else found


@functools.cache
def _host() -> TargetFacts:
    llvm = imported("llvmlite.binding")
    triple = llvm.get_process_triple()
    present = {name for name, has in llvm.get_host_cpu_features().items() if has}
    features = llvm.get_host_cpu_features().flatten()
    return describe(triple, llvm.get_host_cpu_name(), features, present, cache_sizes(), cores())


def describe(
    triple: str,
    cpu: str,
    features: str,
    present: set[str],
    caches: dict[int, int],
    cores: int = 2,
) -> TargetFacts:
    """TargetFacts from LLVM's words; `caches` maps a level to bytes, missing levels get defaults.

    The CPU's name promises features that a virtual machine may mask, so `features` is complete.
    """
    arch = triple.split("-")[0]
    vector_bytes, registers, fma, masked = 16, 32, True, False
    if arch in ("x86_64", "i686"):
        wide = {"avx512f", "avx512bw", "avx512dq", "avx512vl"} <= present
        vector_bytes = 64 if wide else 32 if "avx2" in present else 16
        registers = 32 if wide else 16
        fma = "fma" in present
        masked = vector_bytes >= 32
        features += ",-prefer-256-bit,-prefer-128-bit"  # else some CPUs split wide vectors
    sizes = {1: 32 * 1024, 2: 512 * 1024, 3: 8 * 1024**2} | caches
    return TargetFacts(
        triple=triple,
        cpu=cpu,
        features=features,
        vector_bytes=vector_bytes,
        vector_registers=registers,
        fma=fma,
        masked=masked,
        l1_bytes=sizes[1],
        l2_bytes=sizes[2],
        l3_bytes=sizes[3],
        ldexp=vector_bytes == 64,
        cores=cores,
    )


def cores() -> int:
    """Processors that this process may use, at least the two that every program is made for."""
    found = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(2, found or 2)


def cache_sizes(folder: Path = _CACHES) -> dict[int, int]:
    """Bytes of the data caches by level, as far as Linux (or macOS) tells."""
    sizes: dict[int, int] = {}
    for entry in sorted(folder.glob("index*")):
        try:
            if (entry / "type").read_text().strip() == "Instruction":
                continue
            level = int((entry / "level").read_text())
            size = (entry / "size").read_text().strip()
            scale = _UNITS.get(size[-1:], 1)
            sizes[level] = int(size.rstrip("KMG")) * scale
        except (OSError, ValueError):
            continue
    if not sizes and platform.system() == "Darwin":
        sizes = {1: 64 * 1024, 2: 4 * 1024**2}  # the smallest of Apple's performance cores
    return {level: size for level, size in sizes.items() if size > 0}
