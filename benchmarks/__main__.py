"""`python -m benchmarks [workload ...]`: measures, prints, writes JSON."""

from __future__ import annotations

import argparse
import datetime
from pathlib import Path

from benchmarks import harness
from benchmarks.workloads import WORKLOADS


def main() -> None:
    """Runs the named workloads, or all."""
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of: {', '.join(WORKLOADS)}; default: all")
    parser.add_argument("--only", help="beginnings of variants, such as firth,torch")
    parser.add_argument("--rounds", type=int, help="visits a variant, instead of each workload's")
    parser.add_argument("--quiet-s", type=float, default=20, help="longest wait for an idle CPU")
    parser.add_argument("--out", type=Path, help="default: benchmarks/results/<date>.json")
    options = parser.parse_args()
    unknown = set(options.names) - set(WORKLOADS)
    if unknown:
        parser.error(f"no workload {', '.join(sorted(unknown))}; there are {', '.join(WORKLOADS)}")
    only = tuple(options.only.split(",")) if options.only else ("",)

    harness.pin_threads()
    results = {"machine": harness.machine(), "workloads": {}}
    for name in options.names or WORKLOADS:
        workload = WORKLOADS[name]
        idle = harness.wait_until_quiet(options.quiet_s)
        found = harness.measure(workload, options.rounds, lambda v: v.startswith(only))
        goals = harness.ratios(workload, found)
        results["workloads"][name] = {
            "doc": workload.doc,
            "idle_share_before": idle,
            "variants": found,
            "goals": goals,
        }
        print(harness.table(name, found, goals), flush=True)
    today = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")
    path = options.out or harness.ROOT / "benchmarks" / "results" / f"{today}.json"
    harness.save(path, results)
    print(f"written: {path}")


if __name__ == "__main__":
    main()
