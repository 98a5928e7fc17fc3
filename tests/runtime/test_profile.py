from __future__ import annotations

import io

from firth.base import flags
from firth.runtime.profile import (
    Row,
    kernels,
    peak_bytes_per_second,
    peak_flops_per_second,
    print_kernels,
    print_times,
    table,
)


def test_table():
    rows = [Row("matmul", 8, 1e-3, 4_000_000, 2_000_000), Row("host", 1, 5e-4, 0, 0)]
    lines = table(rows, 8e9, 10e9).splitlines()
    assert lines[0].split() == ["stage", "tiles", "us", "bytes", "GB/s", "GF/s", "peak"]
    assert lines[1].split() == ["matmul", "8", "1000.0", "4,000,000", "4.0", "2.0", "50%"]
    assert lines[2].split() == ["host", "1", "500.0"]
    assert lines[3].split()[:3] == ["all", "9", "1500.0"]


def test_the_larger_share_counts():
    row = Row("matmul", 1, 1e-3, 1_000_000, 9_000_000)
    assert table([row], 10e9, 10e9).splitlines()[1].split()[-1] == "90%"


def test_kernels_of_a_program():
    lines = kernels([Row("contract", 4, 0.0, 1200, 3_000_000)]).splitlines()
    assert [line.split() for line in lines] == [
        ["kernel", "tiles", "bytes", "flops"], ["contract", "4", "1,200", "3,000,000"],
    ]  # fmt: skip


def test_no_rows():
    assert table([], 1e9, 1e9).splitlines()[1].split()[:2] == ["all", "0"]


def test_peak_is_measured_once_and_printed():
    flags.put("FIRTH_THREADS", "1")
    try:
        assert peak_bytes_per_second(1) > 1e8
        assert peak_flops_per_second(1) > 1e8
        out = io.StringIO()
        print_times([Row("a", 1, 1e-6, 64, 0)], out)
    finally:
        flags.put("FIRTH_THREADS", None)
    assert out.getvalue().count("\n") == 3


def test_kernels_are_named_in_order():
    out = io.StringIO()
    print_kernels([("contract", 4), ("sum_div", 1)], out)
    print_kernels([], out)
    assert out.getvalue() == "ran contract x4, sum_div\nran nothing\n"
