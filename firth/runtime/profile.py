"""FIRTH_DEBUG=kernels and time: what ran, and where its time goes of what the machine can do."""

from __future__ import annotations

import functools
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TextIO

import numpy as np

from firth.base import flags

_COPY_BYTES = 32 * 1024**2  # per thread
_SQUARE = 64  # rows and columns of a matmul that BLAS leaves on one thread


@dataclass(frozen=True, slots=True)
class Row:
    """One stage of one run. bytes, flops: estimates, 0 where nobody made one."""

    name: str
    tiles: int
    seconds: float
    bytes: int
    flops: int


@functools.cache
def peak_bytes_per_second(threads: int) -> float:
    """What the memory gives: the best of a few copies on all threads, read and write counted."""
    sources = [np.ones(_COPY_BYTES // 8) for _ in range(threads)]
    targets = [np.zeros_like(source) for source in sources]
    best = float("inf")
    for _ in range(4):
        workers = [
            threading.Thread(target=np.copyto, args=pair)
            for pair in zip(targets[1:], sources[1:], strict=True)
        ]
        began = time.perf_counter()
        for worker in workers:
            worker.start()
        np.copyto(targets[0], sources[0])
        for worker in workers:
            worker.join()
        best = min(best, time.perf_counter() - began)
    return 2 * threads * _COPY_BYTES / best


@functools.cache
def peak_flops_per_second(threads: int) -> float:
    """What NumPy's float32 matmul reaches on one core, small enough to stay there, x threads."""
    a = np.ones((_SQUARE, _SQUARE), np.float32)
    out = np.empty_like(a)
    best = float("inf")
    for _ in range(100):
        began = time.perf_counter()
        np.matmul(a, a, out=out)
        best = min(best, time.perf_counter() - began)
    return threads * 2 * _SQUARE**3 / best


def table(rows: Sequence[Row], peak_bytes: float, peak_flops: float) -> str:
    """Stages in order, then their sum.

    peak: the share of what the machine can do, in bytes or in flops, whichever is larger; above
    100 % where the data stay in a cache.
    """
    head = (
        f"{'stage':<40} {'tiles':>7} {'us':>10} {'bytes':>13} {'GB/s':>7} {'GF/s':>7} {'peak':>5}"
    )
    whole = Row(
        "all",
        sum(r.tiles for r in rows),
        sum(r.seconds for r in rows),
        sum(r.bytes for r in rows),
        sum(r.flops for r in rows),
    )
    return "\n".join([head, *(_line(row, peak_bytes, peak_flops) for row in (*rows, whole))])


def _line(row: Row, peak_bytes: float, peak_flops: float) -> str:
    seconds = max(row.seconds, 1e-9)
    rate, speed = row.bytes / seconds, row.flops / seconds
    share = f"{max(rate / peak_bytes, speed / peak_flops):5.0%}" if rate or speed else ""
    bandwidth = f"{rate / 1e9:7.1f}" if row.bytes else f"{'':>7}"
    flops = f"{speed / 1e9:7.1f}" if row.flops else f"{'':>7}"
    size = f"{row.bytes:13,}" if row.bytes else f"{'':>13}"
    name = f"{row.name[:40]:<40} {row.tiles:7} {row.seconds * 1e6:10.1f}"
    return f"{name} {size} {bandwidth} {flops} {share}".rstrip()


def print_times(rows: Sequence[Row], file: TextIO | None = None) -> None:
    """Prints the table to stderr (or a file)."""
    threads = flags.threads()
    peaks = peak_bytes_per_second(threads), peak_flops_per_second(threads)
    print(table(rows, *peaks), file=file or sys.stderr)


def kernels(rows: Iterable[Row]) -> str:
    """Name, tiles, bytes and flops of the stages of a program; nothing has run yet."""
    head = f"{'kernel':<40} {'tiles':>7} {'bytes':>13} {'flops':>15}"
    lines = [f"{r.name[:40]:<40} {r.tiles:7} {r.bytes:13,} {r.flops:15,}" for r in rows]
    return "\n".join([head, *lines])


def print_kernels(stages: Iterable[tuple[str, int]], file: TextIO | None = None) -> None:
    """Prints names and tiles, one run of a program on one line, to stderr (or a file)."""
    text = ", ".join(name if tiles == 1 else f"{name} x{tiles}" for name, tiles in stages)
    print(f"ran {text or 'nothing'}", file=file or sys.stderr)
