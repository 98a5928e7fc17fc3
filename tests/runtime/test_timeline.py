"""Traces in Chrome's format, and memory over the stages."""

from __future__ import annotations

import json

import numpy as np

from firth.runtime import timeline
from firth.runtime.collect import Run
from tests.runtime.test_summary import collector


def test_programs_stages_tiles_and_memory() -> None:
    found = collector()
    (total,) = found.totals.values()
    tiles = [
        np.array([[6_000_001_000, 6_000_005_000, 77], [6_000_001_500, 6_000_004_000, 78]]),
        np.array([[6_000_006_000, 6_000_007_000, 77]]),
    ]
    found.runs.append(Run(total, 6.0, 6.00001, tiles))
    data = json.loads(timeline.trace(found, began=5.0))
    events = data["traceEvents"]
    spans = [e for e in events if e["ph"] == "X"]
    assert [e["name"] for e in spans] == [
        "compile", "program 0", "contract", "sum_exp", "contract", "contract", "sum_exp",
    ]  # fmt: skip
    stage = spans[2]
    assert (stage["ts"], stage["dur"]) == (1000001.0, 4.0)
    assert stage["args"]["lines"] == ["net.py:3 fc1", "net.py:9"]
    assert len({e["tid"] for e in spans[4:]}) == 2
    memory = [e["args"]["arena"] for e in events if e["ph"] == "C"]
    assert memory == [3500, 4100, 0]
    names = {e["args"]["name"] for e in events if e["name"] == "thread_name"}
    assert names == {"programs", "stages", "compiling", "thread 0", "thread 1"}


def test_stages_side_by_side_have_rows_of_their_own() -> None:
    found = collector()
    (total,) = found.totals.values()
    tiles = [np.array([[6_000_000_000, 6_000_005_000, 7]]),
             np.array([[6_000_001_000, 6_000_003_000, 8]])]  # fmt: skip
    found.runs.append(Run(total, 6.0, 6.1, tiles))
    events = json.loads(timeline.trace(found, 5.0))["traceEvents"]
    rows = [e["tid"] for e in events if e["ph"] == "X" and "args" in e]
    assert len(set(rows)) == 2


def test_skipped_stages_are_left_out() -> None:
    found = collector()
    (total,) = found.totals.values()
    empty = np.zeros((0, 3), np.int64)
    found.runs.append(Run(total, 6.0, 6.1, [empty, empty]))
    spans = [e for e in json.loads(timeline.trace(found, 5.0))["traceEvents"] if e["ph"] == "X"]
    assert [e["name"] for e in spans] == ["compile", "program 0"]


def test_memory_of_each_program() -> None:
    (program,) = json.loads(timeline.memory(collector()))["programs"]
    assert [s["arena_in_use_bytes"] for s in program["stages"]] == [3500, 4100]
    first = program["values"][0]
    assert (first["first"], first["last"], first["lines"]) == (0, 1, ["net.py:3 fc1"])
    assert "lines" not in program["values"][-1]
