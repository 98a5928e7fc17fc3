"""Steps on one thread, on two, and on two while another process keeps one of the cores busy."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

from benchmarks.harness import THREADS, Goal, Workload, number_of
from benchmarks.networks import NETWORKS

_CODE = """
import statistics, time
from benchmarks.networks import NETWORKS
call = NETWORKS["{name}"].{maker}
for _ in range(3):
    call()
times, end = [], time.perf_counter() + 1
while len(times) < 7 or time.perf_counter() < end:
    start = time.perf_counter()
    call()
    times.append(time.perf_counter() - start)
print({which}(times))
"""
FIRTH, TORCH = "firth_step(jit=True)", "torch_step(compiled=False)"


def _steps(name: str, maker: str, threads: int, which: str) -> float:
    code = _CODE.format(name=name, maker=maker, which=which)
    return number_of(code, {"FIRTH_THREADS": str(threads)})


def _busy(work: Callable[[], float]) -> Callable[[], float]:
    """The same while another process burns a core."""

    def run() -> float:
        burner = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        try:
            return work()
        finally:
            burner.kill()
            burner.wait()

    return run


def _workloads(name: str) -> tuple[Workload, ...]:
    def steps(maker: str, threads: int, which: str) -> Callable[[], float]:
        return lambda: _steps(name, maker, threads, which)

    busy = Workload(
        f"busy_{name}",
        f"median of the {name}'s training step while another process keeps a core busy, beside "
        "its own median on one thread without",
        commands={
            "firth_one_thread": steps(FIRTH, 1, "statistics.median"),
            "firth_busy": _busy(steps(FIRTH, THREADS, "statistics.median")),
            "torch_busy": _busy(steps(TORCH, THREADS, "statistics.median")),
        },
        goals=(Goal("firth_busy", 1.1, "firth_one_thread"),),
    )
    speedup = Workload(
        f"two_threads_{name}",
        f"the {name}'s training step on two threads, beside one",
        commands={
            "firth_two_threads": steps(FIRTH, THREADS, "min"),
            "firth_one_thread": steps(FIRTH, 1, "min"),
        },
        goals=(Goal("firth_two_threads", round(1 / 1.8, 3), "firth_one_thread"),),
    )
    return (busy, speedup) if name != "mlp" else (busy,)


WORKLOADS = tuple(w for name in NETWORKS for w in _workloads(name))
