"""`python -m benchmarks [workload ...]`: measures, prints, writes JSON; --table writes the page."""

from __future__ import annotations

import argparse
import datetime
import json
from pathlib import Path

from benchmarks import harness, machine, report
from benchmarks.workloads import WORKLOADS


def main() -> None:
    """Runs the named workloads, or all."""
    options = _options()
    if options.table:
        path = options.out or report.newest()
        text = report.page(json.loads(path.read_text(encoding="utf-8")))
        report.PAGE.write_text(text, encoding="utf-8")
        print(f"written: {report.PAGE}")
        return
    today = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")
    path = options.out or report.RESULTS / f"{today}.json"
    effort = harness.QUICK if options.quick else harness.Effort()
    only = tuple(options.only.split(",")) if options.only else ("",)

    harness.pin_threads()
    facts, peaks = machine.facts(), machine.peaks()
    for name in options.names:
        workload = WORKLOADS[name]
        idle = machine.wait_until_quiet(options.quiet_s)
        found = harness.measure(
            workload,
            effort,
            lambda v, w=workload: v.startswith(only) and (options.slow or v not in w.slow),
        )
        entry = {
            "doc": workload.doc,
            "unit": workload.unit,
            "commit": facts["commit"],
            "idle_share_before": idle,
            "flops": workload.flops,
            "bytes": workload.bytes,
            "peaks": peaks,
            "variants": found,
            "goals": harness.ratios(workload, found),
        }
        print(report.table(name, entry), flush=True)
        report.save(path, {"machine": facts, "peaks": peaks, "workloads": {name: entry}})
    print(f"written: {path}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help="beginnings of workloads' names; default: all")
    parser.add_argument("--only", help="beginnings of variants, such as firth,torch")
    parser.add_argument("--quick", action="store_true", help="a fifth of the time for each")
    parser.add_argument("--slow", action="store_true", help="also variants that take long")
    parser.add_argument("--quiet-s", type=float, default=20, help="longest wait for an idle CPU")
    parser.add_argument("--out", type=Path, help="default: benchmarks/results/<date>.json")
    parser.add_argument("--table", action="store_true", help="write docs/benchmarks.md from JSON")
    options = parser.parse_args()
    for name in options.names:
        if not any(w.startswith(name) for w in WORKLOADS):
            parser.error(f"no workload begins with {name}; there are {', '.join(WORKLOADS)}")
    wanted = tuple(options.names) or ("",)
    options.names = [w for w in WORKLOADS if w.startswith(wanted)]
    return options


if __name__ == "__main__":
    main()
