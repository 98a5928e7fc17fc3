from __future__ import annotations

import gc
import os
import sys
import threading
import time

import numpy as np
import pytest

from firth.base import flags
from firth.base.dtype import float32
from firth.base.errors import FirthError
from firth.codegen import scheduler
from firth.runtime import pool as pools
from firth.runtime.buffer import allocate, from_array
from firth.runtime.program import Program, Stage
from firth.targets.cpu import build
from tests.runtime.native import TILE, functions

TILES = 24


@pytest.fixture
def two_threads():
    flags.put("FIRTH_THREADS", "2")
    yield
    flags.put("FIRTH_THREADS", None)


def workers() -> int:
    return sum(t.name.startswith("firth-") for t in threading.enumerate())


def busy_program(tiles: int = TILES) -> Program:
    stage = Stage(functions()["busy"], tiles, (("input", 0), ("output", 0)))
    return Program([stage], 0, [4 * TILE * tiles])


def test_without_a_scheduler(monkeypatch):
    monkeypatch.setattr(pools, "_native", None)
    assert not pools.installed()
    with pytest.raises(FirthError, match="there is no scheduler"):
        pools.current()


def test_same_pool_until_the_flag_changes(two_threads):
    functions()
    first = pools.current()
    assert first.size == 2 and pools.current() is first
    flags.put("FIRTH_THREADS", "3")
    assert pools.current().size == 3


def test_one_thread_has_no_workers():
    functions()
    flags.put("FIRTH_THREADS", "1")
    try:
        busy_program().run([from_array(np.zeros(TILES * TILE, np.float32))])
        for _ in range(1000):
            if workers() == 0:
                break
            time.sleep(0.01)
        assert workers() == 0  # those of earlier sizes have left
    finally:
        flags.put("FIRTH_THREADS", None)


def test_a_parked_worker_is_woken(two_threads):
    """Tiles that note who ran them would need another kernel; here: it works after it slept."""
    program = busy_program()
    x = from_array(np.zeros(TILES * TILE, np.float32))
    for _ in range(5):
        time.sleep(0.01)
        (y,) = program.run([x])
        assert (y.view(float32, (TILES, TILE))[:, 0] == 20000).all()
    assert workers() >= 1


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks Linux for processors")
def test_a_worker_keeps_off_the_callers_processor(two_threads):
    mine = os.sched_getaffinity(0)
    if len(mine) < 2:
        pytest.skip("one processor")
    program = busy_program()
    x = from_array(np.zeros(TILES * TILE, np.float32))
    program.run([x])
    worker = [t for t in threading.enumerate() if t.name == "firth-1" and t.native_id][-1]
    for _ in range(200):  # the launch that finds it asleep moves it
        time.sleep(0.01)
        program.run([x])
        if os.sched_getaffinity(worker.native_id) != mine:
            break
    left = os.sched_getaffinity(worker.native_id)
    assert left < mine and len(left) == len(mine) - 1


def test_waiting_in_python(monkeypatch):
    """Where workers cannot sleep in the kernel they return to Python, and are nudged."""
    functions()
    flags.put("FIRTH_THREADS", "3")
    installed = pools._native
    assert installed is not None
    build.load_scheduler()
    native = object.__new__(pools._Native)
    for name in pools._Native.__slots__:
        setattr(native, name, getattr(installed, name))
    native.sleeps = False
    monkeypatch.setattr(pools, "_native", native)
    monkeypatch.setattr(pools, "_current", None)
    flags.version += 1
    try:
        program = busy_program()
        x = from_array(np.zeros(TILES * TILE, np.float32))
        pool = pools.current()
        assert not pool.native.sleeps
        for _ in range(300):
            (y,) = program.run([x])
            assert (y.view(float32, (TILES, TILE))[:, 0] == 20000).all()
            if pool.waiting == 2:
                break
            time.sleep(0.02)
        assert pool.waiting == 2
        program.run([x])
        pool.stop()
        for _ in range(1000):
            if pool.waiting == 0:
                break
            time.sleep(0.01)
        assert pool.waiting == 0
    finally:
        flags.put("FIRTH_THREADS", None)


def test_frames_outlive_late_workers(two_threads):
    functions()
    pool = pools.current()
    frame = allocate(256)
    place = (pools.at.CONTEXT_WORKERS + pools.at.LINE + pools.at.WORKER_FRAME) // 8
    pool._words[place] = frame.ptr
    pools.retire(pool, frame)
    assert any(f is frame for _, f in pools._late)
    pool._words[place] = 0
    pools.retire(pool, allocate(256))
    assert not pools._late


def test_programs_come_and_go(two_threads):
    x = from_array(np.zeros(TILES * TILE, np.float32))
    for _ in range(300):
        busy_program(3).run([x])
    gc.collect()
    pools.retire(pools.current(), allocate(64))
    assert len(pools._late) <= 1


def test_scratch_grows(two_threads):
    functions()
    pool = pools.current()
    pool.reserve(1000)
    size = pool._scratch_bytes
    pool.reserve(10)
    assert pool._scratch_bytes == size
    pool.reserve(10 * size)
    assert pool._scratch_bytes >= 10 * size


def test_more_owners_than_tiles_and_more_threads_than_owners():
    flags.put("FIRTH_THREADS", "20")
    try:
        program = busy_program(3)
        x = from_array(np.zeros(3 * TILE, np.float32))
        assert pools.current().owners == 16
        for _ in range(5):
            (y,) = program.run([x])
            assert (y.view(float32, (3, TILE))[:, 0] == 20000).all()
    finally:
        flags.put("FIRTH_THREADS", None)


def test_scheduler_says_where_workers_sleep():
    assert scheduler.sleeps("x86_64-unknown-linux-gnu")
    assert not scheduler.sleeps("arm64-apple-darwin23")
