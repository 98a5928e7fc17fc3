"""Measuring: alternated blocks in one process, new processes, facts about the machine, results."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
THREADS = 2
# Thread pools of the peers and of NumPy keep spinning after a call; a pause lets them park.
PAUSE_S = 0.012
PEER_PACKAGES = ("firth", "numpy", "torch", "jax", "jaxlib", "llvmlite")

Call = Callable[[], object]


@dataclass(frozen=True)
class Goal:
    """`variant` takes at most `ratio` times what `other` takes, or `ratio` seconds if other is ''.

    other: a variant's name, or "peers" for the fastest one that is not Firth's.
    """

    variant: str
    ratio: float
    other: str


@dataclass(frozen=True)
class Workload:
    """One thing to measure, as every variant does it.

    makers: variant -> a function that imports its framework, prepares and returns the call to time;
    ImportError and NotImplementedError leave the variant out.
    commands: variant -> a function that runs a new process once and returns its seconds.
    block: timed calls a visit. rounds: visits.
    """

    name: str
    doc: str
    makers: Mapping[str, Callable[[], Call]] = field(default_factory=dict)
    commands: Mapping[str, Callable[[], float]] = field(default_factory=dict)
    goals: tuple[Goal, ...] = ()
    block: int = 10
    rounds: int = 40


def pin_threads() -> None:
    """Holds this process and its children to THREADS cores; call before any framework loads."""
    for name in ("OMP", "MKL", "OPENBLAS", "FIRTH"):
        os.environ[f"{name}_NUM_THREADS" if name != "FIRTH" else "FIRTH_THREADS"] = str(THREADS)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])


def measure(
    workload: Workload, rounds: int | None, wanted: Callable[[str], bool]
) -> dict[str, Any]:
    """Runs one workload: {variant: {"median_s", "best_s", "samples"} or {"absent": why}}."""
    found: dict[str, Any] = {}
    calls: dict[str, Call] = {}
    for variant, make in workload.makers.items():
        if not wanted(variant):
            continue
        try:
            calls[variant] = make()
            for _ in range(3):
                calls[variant]()
        except (ImportError, AttributeError, NotImplementedError) as error:
            calls.pop(variant, None)
            found[variant] = {"absent": f"{type(error).__name__}: {error}".splitlines()[0]}
    samples = alternate(calls, rounds or workload.rounds, workload.block)
    commands = {v: c for v, c in workload.commands.items() if wanted(v)}
    for variant, times in {**samples, **_processes(commands, rounds or workload.rounds)}.items():
        found[variant] = summary(times) if times else {"absent": "the process failed"}
    return found


def alternate(calls: Mapping[str, Call], rounds: int, block: int) -> dict[str, list[float]]:
    """Seconds of single calls: each round visits every variant for one block after a pause."""
    times: dict[str, list[float]] = {variant: [] for variant in calls}
    clock = time.perf_counter
    for _ in range(rounds):
        for variant, call in calls.items():
            time.sleep(PAUSE_S)
            call()
            call()
            for _ in range(block):
                start = clock()
                call()
                times[variant].append(clock() - start)
    return times


def _processes(commands: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {variant: [] for variant in commands}
    broken = set()
    for visit in range(rounds + 1):  # the first one fills caches of bytecode and of files
        for variant, command in commands.items():
            if variant in broken:
                continue
            try:
                seconds = command()
                times[variant] += [seconds] if visit else []
            except subprocess.CalledProcessError as error:
                broken.add(variant)
                print(f"{variant}: {error.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
    return times


def seconds_of(code: str, env: Mapping[str, str] | None = None) -> float:
    """Runs Python code in a new process; it prints its own seconds as its last line.

    Bytecode is cached, as it is for installed packages, so a first run should be thrown away.
    """
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "", **(env or {})},
    )
    return float(done.stdout.split()[-1])


def summary(times: list[float]) -> dict[str, float | int]:
    """Median, best and number of samples."""
    return {"median_s": statistics.median(times), "best_s": min(times), "samples": len(times)}


def ratios(workload: Workload, found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each goal of the workload with what was measured, for medians and bests."""
    rows = []
    for goal in workload.goals:
        mine = found.get(goal.variant, {})
        if goal.other == "peers":
            others = [v for v in found if not v.startswith("firth") and "median_s" in found[v]]
        else:
            others = [goal.other] if "median_s" in found.get(goal.other, {}) else []
        if "median_s" not in mine or (goal.other and not others):
            continue
        row: dict[str, Any] = {"variant": goal.variant, "of": goal.other, "goal": goal.ratio}
        for key in ("median_s", "best_s"):
            base = min(found[v][key] for v in others) if goal.other else 1.0
            row[key.replace("_s", "")] = mine[key] / base
        row["met"] = row["median"] <= goal.ratio
        rows.append(row)
    return rows


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


def machine() -> dict[str, Any]:
    """What a reader of the numbers must know: processor, cores, versions, commit."""
    versions = {}
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
        "commit": _commit(),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _commit() -> str | None:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, cwd=ROOT
    )
    return done.stdout.strip() or None


def table(name: str, found: Mapping[str, Any], goals: list[dict[str, Any]]) -> str:
    """One workload's numbers as text."""
    lines = [f"{name:<24}{'median':>12}{'best':>12}"]
    for variant, row in found.items():
        if "absent" in row:
            lines.append(f"  {variant:<22}  absent ({row['absent'][:60]})")
        else:
            lines.append(f"  {variant:<22}{_time(row['median_s']):>12}{_time(row['best_s']):>12}")
    for goal in goals:
        of = f"x {goal['of']}" if goal["of"] else "s"
        lines.append(
            f"  -> {goal['variant']}: {goal['median']:.2f} {of} (best {goal['best']:.2f}), "
            f"goal {goal['goal']:g}: {'met' if goal['met'] else 'MISSED'}"
        )
    return "\n".join(lines)


def _time(seconds: float) -> str:
    if seconds < 1e-3:
        return f"{seconds * 1e6:.1f} us"
    return f"{seconds * 1e3:.2f} ms" if seconds < 1 else f"{seconds:.2f} s"


def save(path: Path, results: Mapping[str, Any]) -> None:
    """Writes the results as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
