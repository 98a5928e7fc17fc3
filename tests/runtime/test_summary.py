"""Tables of what a collector gathered."""

from __future__ import annotations

from firth.runtime import summary
from firth.runtime.collect import Collector, Total
from firth.runtime.program import Stage
from firth.runtime.report import MemoryReport, Value
from firth.runtime.trace import Origin

ORIGINS = (Origin("net.py:3", "fc1"), Origin("net.py:3", "fc1", True), Origin("net.py:9", ""))
VALUES = (
    Value("mul float32[8]", 0, 3000, 0, 1, 0), Value("exp float32[4]", 3000, 1000, 1, 1, 2),
    Value("add float32[4]", 3000, 500, 0, 0, 2), Value("neg float32[1]", 4000, 100, 1, 1, -1),
)  # fmt: skip


def collector() -> Collector:
    stages = (
        Stage(0, 4, (), name="contract", bytes=1000, flops=5000, origins=(0, 2)),
        Stage(0, 1, (), name="sum_exp", bytes=4000, origins=(1,)),
    )
    memory = MemoryReport(4160, 0, 64, VALUES)
    total = Total(stages, memory, ORIGINS, 128, [2e-3, 1e-3], [3e-3, 1e-3], 10, 4e-3, 3e-3)
    found = Collector()
    found.totals[0, 0] = total
    found.compiling.append((5.0, 5.5))
    return found


def test_kernels_the_dearest_first() -> None:
    rows = summary.kernels(collector(), peak_bytes=1e8, peak_flops=1e8)
    assert [r.name for r in rows] == ["contract", "sum_exp"]
    assert [r.threads for r in rows] == [1.5, 1.0]
    assert [round(r.peak, 3) for r in rows] == [0.25, 0.4]  # flops of one, bytes of the other
    assert [r.where for r in rows] == ["net.py:3 fc1 +1", "net.py:3 fc1 backward"]


def test_the_table_names_all_columns_and_the_rest() -> None:
    rows = summary.kernels(collector(), 1e8, 1e8)
    lines = summary.kernel_table(rows, most=1).splitlines()
    assert lines[0].split() == [
        "share", "ms", "calls", "us/call", "MB", "MFlop", "peak", "thr", "kernel", "where",
    ]  # fmt: skip
    assert lines[1].split()[:4] == ["66.7%", "2.00", "10", "200.0"]
    assert lines[2].split() == ["33.3%", "1.00", "1", "more", "kernels"]
    assert summary.kernel_table([]) == "no program ran"


def test_layers() -> None:
    rows = summary.kernels(collector(), 1e8, 1e8)
    assert summary.layer_table(rows).splitlines()[1].split() == ["3.00", "2.00", "1.00", "fc1"]
    assert summary.layer_table([]) == ""


def test_times_add_up() -> None:
    found = summary.times(collector(), 1.0)
    assert round(found.kernels, 6) == 3e-3 and round(found.programs, 6) == 1e-3
    assert found.compiling == 0.5
    assert round(found.kernels + found.programs + found.compiling + found.rest, 9) == 1.0
    assert summary.time_table(found).splitlines()[-1].split() == ["all", "1000.0", "ms", "100.0%"]


def test_the_line_that_costs_most_when_memory_is_fullest() -> None:
    (peak,) = summary.peaks(collector())
    assert (peak.stage, peak.live_bytes, peak.arena_bytes) == ("sum_exp", 4100, 4160)
    assert [name for name, _, _ in peak.values][:2] == ["mul float32[8]", "exp float32[4]"]
    lines = summary.memory_table([peak]).splitlines()
    assert lines[1].split()[:3] == ["fullest", "at", "sum_exp,"]
    assert "net.py:3" in lines[2] and "net.py:9" in lines[3] and "unknown line" in lines[4]
