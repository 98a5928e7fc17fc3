from __future__ import annotations

from firth.runtime.report import MemoryReport


def test_the_sum_and_the_largest_buffers_first():
    report = MemoryReport(1024, 64, 400, (("small", 16), ("large", 1000)))
    assert report.peak_bytes == 1488
    names = [line.split("  ")[0].strip() or line.split()[0] for line in str(report).splitlines()]
    assert names == ["arena", "scratch of a thread", "outputs", "large", "small"]
