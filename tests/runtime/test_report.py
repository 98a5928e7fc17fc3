from __future__ import annotations

from firth.runtime.report import MemoryReport, Value


def test_the_sum_and_the_largest_buffers_first():
    values = (Value("small", 1000, 16, 0, 1), Value("large", 0, 1000, 1, 2))
    report = MemoryReport(1024, 64, 400, values)
    assert report.peak_bytes == 1488
    names = [line.split("  ")[0].strip() or line.split()[0] for line in str(report).splitlines()]
    full = "in the arena at its fullest, step 1"
    assert names == ["arena", "scratch of a thread", "outputs", full, "large", "small"]
    assert [[v.name for v in report.live(k)] for k in range(4)] == [
        ["small"], ["large", "small"], ["large"], [],
    ]  # fmt: skip
