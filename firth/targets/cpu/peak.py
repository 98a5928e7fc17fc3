"""What this machine can do at most: multiply-adds on registers, and bytes copied in memory.

Measured once, then kept in the cache folder.
"""

from __future__ import annotations

import functools
import json
import time
from dataclasses import dataclass

from firth.base import flags
from firth.base.facts import TargetFacts
from firth.runtime import cache
from firth.runtime.profile import peak_bytes_per_second
from firth.runtime.program import Program, Stage
from firth.targets.cpu import build, facts

_NAME = "firth_peak"
_CHAINS = 12  # independent sums: more than latency times ports of any core we know
_TURNS = 100_000
_ROUNDS = 8


@dataclass(frozen=True, slots=True)
class Peaks:
    """Per second, on all threads together, float32."""

    bytes: float
    flops: float


@dataclass(frozen=True)
class _Text:
    name: str
    text: str


def peaks() -> Peaks:
    """The peaks of the threads that programs run on."""
    return _peaks(flags.threads())


@functools.cache
def _peaks(threads: int) -> Peaks:
    folder = flags.cache_dir()
    key = build.key(f"peaks {threads} {text(facts.host())}")
    data = None if folder is None else cache.read(folder / "peaks", key)
    if data is not None:
        return Peaks(**json.loads(data))
    copies = [peak_bytes_per_second.__wrapped__(threads) for _ in range(max(1, _ROUNDS // 2))]
    found = Peaks(max(copies), _flops(threads))  # the best of many: others may be at work
    if folder is not None:
        words = json.dumps({"bytes": found.bytes, "flops": found.flops})
        cache.write(folder / "peaks", key, words.encode())
    return found


def _flops(threads: int) -> float:
    """The best of a few rounds of long tiles on every thread."""
    host = facts.host()
    functions = build.load([_Text(_NAME, text(host))])
    tiles = 4 * threads
    stage = Stage(functions[_NAME], tiles, (("output", 0),), name="peak")
    program = Program([stage], 0, [64 * tiles], code=functions)
    best = float("inf")
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        program.run([])
        best = min(best, time.perf_counter() - began)
    return 2 * host.lanes(4) * _CHAINS * _TURNS * tiles / best


def text(host: TargetFacts) -> str:
    """A kernel that keeps sums in registers and adds a product to each, many times."""
    lanes = host.lanes(4)
    v = f"<{lanes} x float>"
    suffix = f"v{lanes}f32"
    half, one = (f"{v} splat (float {x})" for x in ("5.0e-01", "1.0"))
    body = []
    for k in range(_CHAINS):
        if host.fma:
            args = f"{v} %s{k}, {half}, {one}"
            body.append(f"  %n{k} = call {v} @llvm.fma.{suffix}({args})")
        else:
            body.append(f"  %p{k} = fmul {v} %s{k}, splat (float 5.0e-01)")
            body.append(f"  %n{k} = fadd {v} %p{k}, splat (float 1.0)")
    starts = [f"  %s{k} = phi {v} [splat (float {k}.0), %0], [%n{k}, %turn]"
              for k in range(_CHAINS)]  # fmt: skip
    sums = [f"  %t{k} = fadd {v} %{'n0' if k == 1 else f't{k - 1}'}, %n{k}"
            for k in range(1, _CHAINS)]  # fmt: skip
    lines = [
        f"declare {v} @llvm.fma.{suffix}({v}, {v}, {v})",
        f"define void @{_NAME}(ptr %args, i64 %tile, ptr %scratch) nounwind {{",
        "  %word = getelementptr i64, ptr %args, i64 1",
        "  %out = load ptr, ptr %word, align 8",
        "  br label %turn",
        "turn:",
        "  %i = phi i64 [0, %0], [%next, %turn]",
        *starts,
        *body,
        "  %next = add i64 %i, 1",
        f"  %more = icmp ult i64 %next, {_TURNS}",
        "  br i1 %more, label %turn, label %end",
        "end:",
        *sums,
        f"  %first = extractelement {v} %t{_CHAINS - 1}, i64 0",
        "  %line = mul i64 %tile, 64",
        "  %at = getelementptr i8, ptr %out, i64 %line",
        "  store float %first, ptr %at, align 4",
        "  ret void",
        "}",
    ]
    return "\n".join(lines) + "\n"
