"""What a collector of runs gathered, along time: a trace for Chrome or Perfetto, and memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from firth.runtime.collect import Collector, Run, Total
from firth.runtime.summary import live_bytes
from firth.runtime.trace import words

Event = dict[str, Any]

# rows of the picture
_PROGRAMS: Final = 0
_COMPILING: Final = 1
_STAGES: Final = 2  # as many as stages overlap
_FIRST_THREAD: Final = 20


def trace(collector: Collector, began: float) -> str:
    """JSON in Chrome's trace format: programs with their stages, every tile on its thread, memory.

    Times are in microseconds since `began`. Open it at https://ui.perfetto.dev or chrome://tracing.
    """
    threads: dict[int, int] = {}
    events: list[Event] = []
    for span in collector.compiling:
        events.append(_span("compile", _COMPILING, *span, began))
    numbers = {id(total): k for k, total in enumerate(collector.totals.values())}
    live = {id(total): live_bytes(total) for total in collector.totals.values()}
    for run in collector.runs:
        number = numbers[id(run.total)]
        events.append(_span(f"program {number}", _PROGRAMS, run.began, run.ended, began))
        events += _stages(run, live[id(run.total)], began)
        events += _tiles(run, threads, began)
    names = {_PROGRAMS: "programs", _COMPILING: "compiling"}
    names |= {e["tid"]: "stages" for e in events if _STAGES <= e.get("tid", 0) < _FIRST_THREAD}
    names |= {_FIRST_THREAD + k: f"thread {k}" for k in threads.values()}
    for tid, name in names.items():
        events.append(_named("thread_name", tid, name=name))
        events.append(_named("thread_sort_index", tid, sort_index=tid))
    events.append(_named("process_name", 0, name="firth"))
    note = {"runs without tiles": collector.dropped} if collector.dropped else {}
    return json.dumps({"traceEvents": events, "displayTimeUnit": "ms", "otherData": note})


def _named(what: str, tid: int, **args: Any) -> Event:
    return {"ph": "M", "pid": 0, "tid": tid, "name": what, "args": args}


def _span(
    name: str, tid: int, begin: float, end: float, began: float, args: dict[str, Any] | None = None
) -> Event:
    event: Event = {
        "ph": "X", "pid": 0, "tid": tid, "name": name,
        "ts": round((begin - began) * 1e6, 3), "dur": round((end - begin) * 1e6, 3),
    }  # fmt: skip
    if args:
        event["args"] = args
    return event


def _stages(run: Run, live: list[int], began: float) -> Iterator[Event]:
    total = run.total
    until = [0.0] * (_FIRST_THREAD - _STAGES)  # when each row is free again
    for k, (stage, rows) in enumerate(zip(total.stages, run.tiles, strict=True)):
        if not len(rows):
            continue
        begin, end = float(rows[:, 0].min()) * 1e-9, float(rows[:, 1].max()) * 1e-9
        about = _about(total, getattr(stage, "origins", ()))
        args = {"tiles": len(rows), "bytes": stage.bytes, "flops": stage.flops, **about}
        row = next((r for r, free in enumerate(until) if free <= begin), len(until) - 1)
        until[row] = end
        yield _span(stage.name or "stage", _STAGES + row, begin, end, began, args)
        yield _memory(begin, began, live[k], total)
    yield _memory(run.ended, began, 0, total)


def _memory(at: float, began: float, live: int, total: Total) -> Event:
    sizes = {"arena": live, "outputs": total.memory.output_bytes, "inputs": total.in_bytes}
    ts = round((at - began) * 1e6, 3)
    return {"ph": "C", "pid": 0, "name": "memory (bytes)", "ts": ts, "args": sizes}


def _tiles(run: Run, threads: dict[int, int], began: float) -> Iterator[Event]:
    for stage, rows in zip(run.total.stages, run.tiles, strict=True):
        for begin, end, thread in rows.tolist():
            tid = _FIRST_THREAD + threads.setdefault(thread, len(threads))
            yield _span(stage.name or "stage", tid, begin * 1e-9, end * 1e-9, began)


def _about(total: Total, numbers: tuple[int, ...]) -> dict[str, Any]:
    known = [total.origins[n] for n in numbers if 0 <= n < len(total.origins)]
    found = dict.fromkeys(words(o) for o in known if o.line)
    return {"lines": list(found)} if found else {}


def memory(collector: Collector) -> str:
    """JSON: for each program bytes over its stages, and its values with lifetimes and lines."""
    programs = []
    for number, total in enumerate(collector.totals.values()):
        live, report = live_bytes(total), total.memory
        programs.append({
            "program": number,
            "runs": total.calls,
            "input_bytes": total.in_bytes,
            "output_bytes": report.output_bytes,
            "arena_bytes": report.arena_bytes,
            "scratch_bytes": report.scratch_bytes,
            "stages": [
                {"name": s.name, "arena_in_use_bytes": n}
                for s, n in zip(total.stages, live, strict=True)
            ],
            "values": [
                {"name": v.name, "offset": v.offset, "bytes": v.bytes, "first": v.first,
                 "last": v.last, **_about(total, (v.origin,))}
                for v in report.values
            ],
        })  # fmt: skip
    return json.dumps({"programs": programs}, indent=1)
