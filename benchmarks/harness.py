"""Measuring: alternated blocks in one process, new processes, ratios to the fastest peer."""

from __future__ import annotations

import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
THREADS = 2
RUNS = 5
# Thread pools of the peers and of NumPy keep spinning after a call; a pause lets them park.
PAUSE_S = 0.012
LONG_S = 0.05  # a call as long as this needs no others before it

Call = Callable[[], object]
Found = dict[str, Any]


@dataclass(frozen=True)
class Goal:
    """`variant` takes at most `must` times what `other` takes, or `must` units if other is ''.

    variant, other: a variant's name, or the fastest of several: "firth" of those whose names begin
    so, "peers" of all others. by: "best" or "median" of each run; the median of the runs' ratios
    decides.
    """

    variant: str
    must: float
    other: str
    aim: float | None = None
    by: str = "best"


@dataclass(frozen=True)
class Group:
    """The geometric mean of the first goals of workloads whose names begin with `prefix`."""

    prefix: str
    must: float
    aim: float


@dataclass(frozen=True)
class Workload:
    """One thing to measure, as every variant does it.

    makers: variant -> a function that imports its framework, prepares and returns the call to time;
    ImportError and NotImplementedError leave the variant out.
    commands: variant -> a function that runs a new process once and returns its number.
    slow: variants that run only with --slow. unit: "s", or "bytes".
    flops, bytes: what one call must compute and move at least, for its share of the peak.
    """

    name: str
    doc: str
    makers: Mapping[str, Callable[[], Call]] = field(default_factory=dict)
    commands: Mapping[str, Callable[[], float]] = field(default_factory=dict)
    goals: tuple[Goal, ...] = ()
    slow: tuple[str, ...] = ()
    unit: str = "s"
    flops: float = 0.0
    bytes: float = 0.0


@dataclass(frozen=True)
class Effort:
    """How long to measure: runs, and for each variant of a run its seconds, visits, least calls.

    processes: runs of what needs new processes.
    """

    runs: int = RUNS
    processes: int = RUNS
    seconds: float = 0.3
    visits: int = 4
    least: int = 3

    def calls(self, estimate_s: float) -> tuple[int, int]:
        """(visits, calls a visit) of a variant in one run, for a call of about `estimate_s`."""
        least = self.least if estimate_s < 0.5 else 1
        calls = min(400, max(least, round(self.seconds / max(estimate_s, 1e-7))))
        visits = min(self.visits, calls)
        return visits, math.ceil(calls / visits)


QUICK = Effort(processes=2, seconds=0.06, visits=2, least=2)


def pin_threads() -> None:
    """Holds this process and its children to THREADS cores; call before any framework loads."""
    for name in ("OMP", "MKL", "OPENBLAS", "FIRTH"):
        os.environ[f"{name}_NUM_THREADS" if name != "FIRTH" else "FIRTH_THREADS"] = str(THREADS)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])


def measure(workload: Workload, effort: Effort, wanted: Callable[[str], bool]) -> Found:
    """Runs one workload: {variant: summary or {"absent": why}}."""
    found: Found = {}
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
    commands = {v: c for v, c in workload.commands.items() if wanted(v)}
    new = processes(commands, range(-1, effort.processes))
    times = {**alternate(calls, effort), **new}
    for variant, runs in times.items():
        found[variant] = summary(runs) if runs else {"absent": "the process failed"}
    return found


def alternate(calls: Mapping[str, Call], effort: Effort) -> dict[str, list[list[float]]]:
    """Seconds of single calls by run: variants take turns, one block a visit, after a pause."""
    estimates = {variant: min(_spans(call, 3)) for variant, call in calls.items()}
    plan = {variant: (*effort.calls(s), s < LONG_S) for variant, s in estimates.items()}
    times: dict[str, list[list[float]]] = {variant: [] for variant in calls}
    for _ in range(effort.runs):
        for visit in range(effort.visits):
            for variant, call in calls.items():
                visits, block, settle = plan[variant]
                if not visit:
                    times[variant].append([])
                if visit >= visits:
                    continue
                time.sleep(PAUSE_S)
                for _ in range(2 * settle):
                    call()
                times[variant][-1] += _spans(call, block)
    return times


def _spans(call: Call, count: int) -> list[float]:
    """Seconds of single calls, one after the other."""
    clock, spans = time.perf_counter, []
    for _ in range(count):
        start = clock()
        call()
        spans.append(clock() - start)
    return spans


def processes(
    commands: Mapping[str, Callable[[], float]], runs: Iterable[int]
) -> dict[str, list[list[float]]]:
    """Numbers of new processes, one a run; a run -1 fills caches of bytecode and of files."""
    times: dict[str, list[list[float]]] = {variant: [] for variant in commands}
    broken = set()
    for run in runs:
        for variant, command in commands.items():
            if variant in broken:
                continue
            try:
                number = command()
                times[variant] += [[number]] if run >= 0 else []
            except subprocess.CalledProcessError as error:
                broken.add(variant)
                print(f"{variant}: {error.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
    return times


def number_of(code: str, env: Mapping[str, str] | None = None) -> float:
    """Runs Python code in a new process; it prints its number as its last word.

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


def summary(runs: Sequence[Sequence[float]]) -> Found:
    """Median and best of all samples, and of each run."""
    samples = [sample for run in runs for sample in run]
    return {
        "median": statistics.median(samples),
        "best": min(samples),
        "samples": len(samples),
        "runs": {
            "median": [statistics.median(run) for run in runs],
            "best": [min(run) for run in runs],
        },
    }


def ratios(workload: Workload, found: Found) -> list[Found]:
    """Each goal of the workload with what was measured."""
    rows = []
    for goal in workload.goals:
        mine, others = _named(goal.variant, found), _named(goal.other, found)
        if not mine or (goal.other and not others):
            continue
        runs = [
            _least(found, mine, goal.by, run)
            / (_least(found, others, goal.by, run) if goal.other else 1.0)
            for run in range(min(len(found[v]["runs"]["best"]) for v in mine + others))
        ]
        fastest = [min(v, key=lambda n: found[n][goal.by], default="") for v in (mine, others)]
        ratio = statistics.median(runs)
        rows.append({
            "variant": fastest[0], "of": fastest[1], "by": goal.by, "ratio": ratio,
            "runs": runs, "must": goal.must, "aim": goal.aim, "met": ratio <= goal.must,
        })  # fmt: skip
    return rows


def _named(name: str, found: Found) -> list[str]:
    """The measured variants that a goal's word stands for."""
    present = [v for v in found if "runs" in found[v]]
    if name == "peers":
        return [v for v in present if not v.startswith("firth")]
    return [v for v in present if v == name or (name == "firth" and v.startswith("firth"))]


def _least(found: Found, variants: Sequence[str], by: str, run: int) -> float:
    return min(float(found[v]["runs"][by][run]) for v in variants)


def group_ratio(group: Group, workloads: Found) -> Found | None:
    """The group's goal from the measured workloads; None while fewer than two are there."""
    rows = [
        w["goals"][0] for n, w in workloads.items() if n.startswith(group.prefix) and w["goals"]
    ]
    if len(rows) < 2:
        return None
    ratio = math.exp(statistics.fmean(math.log(row["ratio"]) for row in rows))
    return {"ratio": ratio, "must": group.must, "aim": group.aim, "met": ratio <= group.must,
            "count": len(rows)}  # fmt: skip
