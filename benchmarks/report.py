"""Results as JSON, as text, and as the Markdown page docs/benchmarks.md."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import harness
from benchmarks.harness import ROOT
from benchmarks.workloads import GROUPS, SECTIONS, WORKLOADS

PAGE = ROOT / "docs" / "benchmarks.md"
RESULTS = ROOT / "benchmarks" / "results"
_NOTE = "<!-- Made by `python -m benchmarks --table` from benchmarks/results. -->"


def save(path: Path, results: Mapping[str, Any]) -> None:
    """Writes JSON, a line for each workload; those that only the file has stay in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    old = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    workloads = {**old.get("workloads", {}), **results["workloads"]}
    lines = ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in _short(workloads).items())
    head = json.dumps({k: v for k, v in results.items() if k != "workloads"}, indent=1)
    text = f'{head[:-2]},\n "workloads": {{\n{lines}\n}}\n}}\n'
    path.write_text(text, encoding="utf-8")


def _short(value: Any) -> Any:
    """Five digits of each number."""
    if isinstance(value, dict):
        return {k: _short(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_short(v) for v in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def newest() -> Path:
    """The newest file of results."""
    return max(RESULTS.glob("*.json"))


def table(name: str, entry: Mapping[str, Any]) -> str:
    """One workload's numbers as text."""
    lines = [f"{name:<26}{'median':>12}{'best':>12}{'of peak':>9}"]
    for variant, row in entry["variants"].items():
        if "absent" in row:
            lines.append(f"  {variant:<24}  absent ({row['absent'][:60]})")
        else:
            numbers = (amount(row[key], entry["unit"]) for key in ("median", "best"))
            cells = "".join(f"{number:>12}" for number in numbers)
            lines.append(f"  {variant:<24}{cells}{share(entry, variant):>9}")
    for goal in entry["goals"]:
        of = f"x {goal['of']}" if goal["of"] else entry["unit"]
        spread = f"{min(goal['runs']):.3g} to {max(goal['runs']):.3g}"
        lines.append(
            f"  -> {goal['variant']}: {number(goal, entry)} {of} ({spread}), "
            f"must {goal['must']:g}: {'met' if goal['met'] else 'MISSED'}"
        )
    return "\n".join(lines)


def number(goal: Mapping[str, Any], entry: Mapping[str, Any]) -> str:
    """A goal's ratio, or its amount where it has no peer."""
    return f"{goal['ratio']:.2f}" if goal["of"] else amount(goal["ratio"], entry["unit"])


def amount(value: float, unit: str) -> str:
    """Seconds or bytes in a unit that fits."""
    if unit == "bytes":
        return f"{value / 2**20:.1f} MiB"
    if value < 1e-3:
        return f"{value * 1e6:.1f} us"
    return f"{value * 1e3:.2f} ms" if value < 1 else f"{value:.2f} s"


def share(entry: Mapping[str, Any], variant: str) -> str:
    """The share of the measured peak that a variant's best call reaches; flops or bytes."""
    seconds = entry["variants"][variant]["best"]
    found = [
        (entry[what] / seconds / entry["peaks"][what], what)
        for what in ("flops", "bytes")
        if entry[what] and what in entry["peaks"]
    ]
    if not found or entry["unit"] != "s":
        return ""
    part, what = max(found)
    return f"{part:.0%}{'' if what == 'flops' else ' B'}"


def page(results: Mapping[str, Any]) -> str:
    """docs/benchmarks.md."""
    machine, found = results["machine"], results["workloads"]
    versions = ", ".join(f"{k} {v}" for k, v in machine["versions"].items() if v)
    peaks = results["peaks"]
    parts = [
        f"# Benchmarks\n\n{_NOTE}\n",
        "Firth and its peers in one run, taking turns, float32, "
        f"{machine['threads']} threads. Each number is the best call; the ratio is best to best of "
        "the fastest peer, the median of five runs. *Must* is the line that a change may not "
        "cross, *aim* where the work is going. How it is measured, and how to run it: "
        "[benchmarks](../benchmarks/README.md).\n",
        f"{machine['processor']}, {machine['cores']} cores, {machine['system']}, Python "
        f"{machine['python']}; {versions}. Measured peaks: {peaks['flops'] / 1e9:.0f} GFlop/s of "
        f"multiply-adds in registers, {peaks['bytes'] / 1e9:.0f} GB/s of copying (read and "
        "written). *Of peak*: the share of the flops, or of the bytes (B), whichever is larger, "
        "counted as the least that the workload needs; Winograd convolution and data that stay in "
        "a cache can pass 100 %.\n",
        _counts(found),
    ]
    for title, prefixes in SECTIONS.items():
        names = [n for n in WORKLOADS if n in found and n.startswith(prefixes)]
        rows = [row for name in names for row in _rows(name, found[name])]
        rows += [_group_row(g, found) for g in GROUPS if g.prefix.startswith(prefixes)]
        if any(rows):
            parts.append(f"## {title}\n\n{_HEAD}" + "".join(rows))
    return "\n".join(parts)


_HEAD = (
    "| workload | Firth | of peak | fastest peer | of peak | ratio | must | aim | |\n"
    "|---|---|---|---|---|---|---|---|---|\n"
)


def _rows(name: str, entry: Mapping[str, Any]) -> list[str]:
    rows = []
    for goal in entry["goals"]:
        mine, other, by = goal["variant"], goal["of"], goal["by"]
        label = f"`{name}`: {entry['doc']}" if goal is entry["goals"][0] else f"`{mine}`"
        peer = [f"{amount(entry['variants'][other][by], entry['unit'])} ({other})",
                share(entry, other)] if other else ["", ""]  # fmt: skip
        unit = "" if other else f" {entry['unit']}"
        aim = "" if goal["aim"] is None else f"{goal['aim']:g}{unit}"
        cells = [
            label, amount(entry["variants"][mine][by], entry["unit"]), share(entry, mine), *peer,
            number(goal, entry), f"{goal['must']:g}{unit}", aim, _verdict(goal),
        ]  # fmt: skip
        rows.append(f"| {' | '.join(cells)} |\n")
    return rows


def _group_row(group: harness.Group, found: Mapping[str, Any]) -> str:
    goal = harness.group_ratio(group, dict(found))
    if goal is None:
        return ""
    label = f"geometric mean of these {goal['count']}"
    ends = f"{goal['ratio']:.2f} | {goal['must']:g} | {goal['aim']:g} | {_verdict(goal)}"
    return f"| {label} | | | | | {ends} |\n"


def _verdict(goal: Mapping[str, Any]) -> str:
    if not goal["met"]:
        return "**missed**"
    return "aim met" if goal["aim"] is not None and goal["ratio"] <= goal["aim"] else "met"


def _counts(found: Mapping[str, Any]) -> str:
    goals = [goal for entry in found.values() for goal in entry["goals"]]
    goals += [g for g in (harness.group_ratio(group, dict(found)) for group in GROUPS) if g]
    commits = ", ".join(dict.fromkeys(str(entry["commit"]) for entry in found.values()))
    met = sum(goal["met"] for goal in goals)
    return f"{met} of {len(goals)} goals are met. Measured at {commits}.\n"
