"""Collectors of runs: every tile of every stage, native or timed by the caller."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest

import firth
from firth.base import flags
from firth.base.dtype import float32
from firth.runtime import collect, trace
from firth.runtime.buffer import from_array
from firth.runtime.program import HostStage, Program, View
from firth.targets.cpu import build

Work = Callable[[firth.Tensor], firth.Tensor]


@contextmanager
def collected(native: bool) -> Iterator[collect.Collector]:
    (firth.zeros(()) + 1).item()  # what other tests left pending runs before
    trace.collector = collect.Collector(build.load_tracer() if native else 0)
    flags.version += 1
    try:
        yield trace.collector
    finally:
        trace.collector = None
        flags.version += 1


@pytest.fixture(params=[True, False], ids=["native", "caller"])
def native(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def work() -> Work:
    """Jitted, and new: what was recorded before the trie was cleared would be recorded again."""
    return firth.jit(lambda x: (x @ x).tanh().sum(0))


def test_every_tile_has_its_row(native: bool, work: Work) -> None:
    x = firth.from_numpy(np.random.default_rng(0).standard_normal((300, 300)).astype(np.float32))
    wanted = work(x).numpy()
    began = time.perf_counter()
    with collected(native) as collector:
        for _ in range(3):
            np.testing.assert_array_equal(work(x).numpy(), wanted)
    ended = time.perf_counter()
    (total,) = collector.totals.values()
    assert total.calls == 3 and len(collector.runs) == 3 and total.in_bytes == 360000
    for run in collector.runs:
        assert began < run.began < run.ended < ended
        assert [len(rows) for rows in run.tiles] == [s.tiles if native else 1 for s in total.stages]
        for rows in run.tiles:
            assert (rows[:, 0] <= rows[:, 1]).all()
            assert run.began * 1e9 - 1 <= rows[:, 0].min()
            assert rows[:, 1].max() <= run.ended * 1e9 + 1
    assert 0 < total.inside <= total.whole
    assert all(b > 0 for b in total.busy)


def test_results_and_stages_after_a_collector_are_as_before(work: Work) -> None:
    x = firth.from_numpy(np.ones((300, 300), np.float32))
    wanted = work(x).numpy()
    with collected(True):
        work(x)
    np.testing.assert_array_equal(work(x).numpy(), wanted)


def test_host_stages(native: bool) -> None:
    def double(source: np.ndarray, target: np.ndarray) -> None:
        np.multiply(source, 2, out=target)

    views = (View(("input", 0), float32, (4,)), View(("output", 0), float32, (4,)))
    with collected(native) as collector:
        program = Program([HostStage(double, views, "double")], 0, [16])
        (out,) = program.run([from_array(np.ones(4, np.float32))])
    assert (out.view(float32, (4,)) == 2).all()
    (run,) = collector.runs
    assert [len(rows) for rows in run.tiles] == [1]


def test_too_many_tiles_are_counted_but_not_kept(
    monkeypatch: pytest.MonkeyPatch, work: Work
) -> None:
    monkeypatch.setattr(collect, "_MOST_RECORDS", 1)
    x = firth.from_numpy(np.ones((300, 300), np.float32))
    with collected(True) as collector:
        work(x)
        work(x)
    (total,) = collector.totals.values()
    assert total.calls == 2 and collector.dropped == 2 and not collector.runs


def test_time_in_which_stages_overlap_counts_once() -> None:
    assert collect._covered([(10, 20), (15, 30), (40, 50), (41, 42)]) == 30
    assert collect._covered([]) == 0
