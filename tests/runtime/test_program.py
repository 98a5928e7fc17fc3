from __future__ import annotations

import ctypes
import gc
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from firth.base import flags
from firth.base.dtype import float32
from firth.base.errors import ArgumentError, FirthError, IndexOutOfRange
from firth.runtime import layout as at
from firth.runtime.buffer import Buffer, allocate, from_array
from firth.runtime.program import HostStage, Program, Stage, View
from firth.runtime.report import Value
from firth.runtime.site import Site
from firth.targets.cpu import build, facts
from tests.runtime.native import TILE, Text, functions

TILES = 24
BYTES = TILES * TILE * 4


@pytest.fixture(params=[1, 2, 4])
def threads(request):
    flags.put("FIRTH_THREADS", str(request.param))
    yield request.param
    flags.put("FIRTH_THREADS", None)


@pytest.fixture
def two_threads():
    flags.put("FIRTH_THREADS", "2")
    yield
    flags.put("FIRTH_THREADS", None)


def numbers(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 1000, TILES * TILE).astype(np.float32)


def values(buffer: Buffer) -> np.ndarray:
    return buffer.view(float32, (TILES * TILE,))


def chain(length: int = 6, serial: bool = False) -> Program:
    """x + length, by way of two halves of the arena; the last stage writes the output."""
    add = functions()["add_one"]
    places = [("input", 0), *(("arena", i % 2 * BYTES) for i in range(length - 1)), ("output", 0)]
    stages = [Stage(add, TILES, (places[i], places[i + 1])) for i in range(length)]
    return Program(stages, 2 * BYTES, [BYTES], serial_hint=serial)


def test_chain(threads):
    x = numbers()
    (y,) = chain().run([from_array(x)])
    np.testing.assert_array_equal(values(y), x + 6)


def test_serial_hint_gives_the_same(threads):
    x = numbers()
    (y,) = chain(serial=True).run([from_array(x)])
    np.testing.assert_array_equal(values(y), x + 6)


def test_thousands_of_runs(threads):
    program = chain()
    inputs = [from_array(numbers(seed)) for seed in range(4)]
    expected = [numbers(seed) + 6 for seed in range(4)]
    for i in range(4000):
        (y,) = program.run([inputs[i % 4]])
        assert (values(y) == expected[i % 4]).all()


def test_every_tile_runs_once(threads):
    """Donated output: total += x, so a tile that ran twice would show."""
    accumulate = functions()["accumulate"]
    program = Program(
        [Stage(accumulate, TILES, (("input", 1), ("input", 0)))], 0, [None], donated=[(0, 0)]
    )
    total, x = from_array(np.zeros(TILES * TILE, np.float32)), numbers()
    for _ in range(2000):
        (result,) = program.run([total, from_array(x % 7)])
        assert result is total
    np.testing.assert_array_equal(values(total), 2000 * (x % 7))


def test_heavy_tiles_are_shared_and_right(threads):
    busy = functions()["busy"]
    program = Program([Stage(busy, TILES, (("input", 0), ("output", 0)))], 0, [BYTES])
    x = from_array(np.zeros(TILES * TILE, np.float32))
    for _ in range(5):
        (y,) = program.run([x])
        assert (values(y).reshape(TILES, TILE)[:, 0] == 20000).all()


def test_no_stages_no_tiles_no_inputs():
    add = functions()["add_one"]
    assert Program([], 0, []).run([]) == []
    (y,) = Program([], 0, [8]).run([])
    assert y.nbytes == 8
    empty = Stage(add, 0, (("input", 0), ("output", 0)))
    one = Stage(add, 1, (("input", 0), ("output", 0)))
    x = numbers()
    (y,) = Program([empty, one, empty], 0, [BYTES]).run([from_array(x)])
    np.testing.assert_array_equal(values(y)[:TILE], x[:TILE] + 1)


def test_empty_stage_between_parallel_ones(two_threads):
    add = functions()["add_one"]
    stages = [
        Stage(add, TILES, (("input", 0), ("arena", 0))),
        Stage(add, 0, (("input", 0), ("arena", 0))),
        Stage(add, TILES, (("arena", 0), ("output", 0))),
    ]
    x = numbers()
    (y,) = Program(stages, BYTES, [BYTES]).run([from_array(x)])
    np.testing.assert_array_equal(values(y), x + 2)


def test_scratch_is_each_threads_own(threads):
    through = functions()["through_scratch"]
    program = Program(
        [Stage(through, TILES, (("input", 0), ("output", 0)))], 0, [BYTES], scratch_bytes=4 * TILE
    )
    x = numbers()
    for _ in range(200):
        (y,) = program.run([from_array(x)])
        np.testing.assert_array_equal(values(y), x)


def failing(guarded: bool = True) -> Program:
    f = functions()
    stages = [
        Stage(f["fail"], TILES, (("input", 0), ("input", 0))),
        Stage(f["add_one"], TILES, (("input", 0), ("input", 0)), guarded=guarded),
    ]
    sites = {7: Site("gather", "index", "0 <= index < 10")}
    return Program(stages, 0, [None], donated=[(0, 0)], sites=sites)


def test_error_stops_guarded_stages(threads):
    x = numbers()
    buffer = from_array(x)
    program = failing()
    for _ in range(50):
        with pytest.raises(IndexOutOfRange, match=r"gather: index -5 is out of range"):
            program.run([buffer])
    np.testing.assert_array_equal(values(buffer), x)
    with pytest.raises(IndexError):
        failing(guarded=False).run([buffer])
    np.testing.assert_array_equal(values(buffer), x + 1)


def test_error_word_is_cleared(two_threads):
    f = functions()
    fail_tiles = Stage(f["fail"], 4, (("input", 0), ("input", 0)))
    fine = Program(
        [Stage(f["add_one"], 4, (("input", 0), ("output", 0)), guarded=True)], 0, [BYTES]
    )
    bad = Program([fail_tiles], 0, [])
    x = from_array(numbers())
    for _ in range(3):
        with pytest.raises(IndexOutOfRange):
            bad.run([x])
        fine.run([x])


def test_unknown_place_and_missing_inputs():
    add = functions()["add_one"]
    with pytest.raises(FirthError, match="unknown kind of place"):
        Program([Stage(add, 1, (("nowhere", 0), ("input", 0)))], 0, [])
    with pytest.raises(ArgumentError, match="inputs are missing"):
        chain().run([])


def test_too_many_tiles():
    with pytest.raises(FirthError, match="too many tiles"):
        Program([Stage(functions()["add_one"], 2**32, (("input", 0), ("input", 0)))], 0, [])


def test_inputs_that_no_stage_uses():
    x = numbers()
    (y,) = chain().run([from_array(x), from_array(x), from_array(x)])
    np.testing.assert_array_equal(values(y), x + 6)


def host_program(function) -> Program:
    add = functions()["add_one"]
    shape = (TILES, TILE)
    views = tuple(View(p, float32, shape) for p in (("input", 0), ("arena", 0), ("arena", BYTES)))
    stages = [
        Stage(add, TILES, (("input", 0), ("arena", 0)), name="before"),
        HostStage(function, views, name="host"),
        Stage(add, TILES, (("arena", BYTES), ("output", 0)), name="after"),
    ]
    return Program(stages, 2 * BYTES, [BYTES])


def test_host_stage(threads):
    def multiply(x, before, result):
        np.multiply(before, 2, out=result)

    program, x = host_program(multiply), numbers()
    for _ in range(50):
        (y,) = program.run([from_array(x)])
        np.testing.assert_array_equal(values(y), (x + 1) * 2 + 1)


def test_host_stage_that_raises_leaves_the_program_usable(two_threads):
    broken = True

    def multiply(x, before, result):
        if broken:
            raise ZeroDivisionError("host")
        np.multiply(before, 2, out=result)

    program, x = host_program(multiply), numbers()
    with pytest.raises(ZeroDivisionError, match="host"):
        program.run([from_array(x)])
    broken = False
    (y,) = program.run([from_array(x)])
    np.testing.assert_array_equal(values(y), (x + 1) * 2 + 1)


def test_host_stage_only():
    def fill(y):
        y[...] = 3

    program = Program([HostStage(fill, (View(("output", 0), float32, (4,)),))], 0, [16])
    (y,) = program.run([])
    assert y.view(float32, (4,)).tolist() == [3, 3, 3, 3]


def test_times_are_printed(two_threads, capfd):
    program, x = host_program(lambda x, a, b: np.copyto(b, a)), numbers()
    flags.put("FIRTH_DEBUG", "time")
    try:
        (y,) = program.run([from_array(x)])
    finally:
        flags.put("FIRTH_DEBUG", None)
    np.testing.assert_array_equal(values(y), x + 2)
    printed = capfd.readouterr().err
    assert [line.split()[0] for line in printed.splitlines()] == [
        "stage", "before", "host", "after", "all",
    ]  # fmt: skip


def test_several_python_threads_run_one_program(threads):
    program = chain()
    wrong: list[int] = []

    def loop(seed: int) -> None:
        x = numbers(seed)
        buffer = from_array(x)
        for _ in range(500):
            (y,) = program.run([buffer])
            if not (values(y) == x + 6).all():
                wrong.append(seed)

    others = [threading.Thread(target=loop, args=(seed,)) for seed in range(4)]
    for other in others:
        other.start()
    for other in others:
        other.join()
    assert not wrong


def test_number_of_threads_changes_while_others_run():
    program = chain()
    x = numbers()
    done = threading.Event()
    wrong: list[int] = []

    def loop() -> None:
        while not done.is_set():
            (y,) = program.run([from_array(x)])
            if not (values(y) == x + 6).all():
                wrong.append(1)

    other = threading.Thread(target=loop)
    other.start()
    try:
        for i in range(40):
            flags.put("FIRTH_THREADS", str(1 + i % 4))
            (y,) = program.run([from_array(x)])
            assert (values(y) == x + 6).all()
    finally:
        done.set()
        other.join()
        flags.put("FIRTH_THREADS", None)
    assert not wrong


def test_worn_frames_are_replaced(two_threads):
    program, x = chain(), numbers()
    program.run([from_array(x)])
    (frame,) = program._setup.frames
    frame.words[at.FRAME_RUN // 8] = (at.LAST_EPOCH - 1) << 32
    for _ in range(3):
        (y,) = program.run([from_array(x)])
        np.testing.assert_array_equal(values(y), x + 6)
    assert program._setup.frames[0] is not frame


def test_frames_of_collected_programs_outlive_late_workers(two_threads):
    program, x = chain(), numbers()
    program.run([from_array(x)])
    (frame,) = program._setup.frames
    pool, address, size = program._setup.pool, frame.address, frame.words.nbytes
    program._sites[0] = program  # only the collector finds it
    place = (at.CONTEXT_WORKERS + at.LINE + at.WORKER_FRAME) // 8
    pool._words[place] = address  # a worker that was slow to leave
    del program, frame
    gc.collect()
    fresh = [allocate(size) for _ in range(4)]
    assert all(abs(b.ptr - address) >= size for b in fresh)
    pool._words[place] = 0


def test_programs_share_one_arena():
    from firth.runtime import buffer

    buffer.trim()
    x = from_array(numbers())
    for _ in range(20):
        chain().run([x])
    assert len(buffer._arenas) == 1


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs Linux's proc")
def test_memory_stays_flat(two_threads):
    def resident() -> int:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    program, x = chain(2), from_array(numbers())
    for _ in range(2000):
        program.run([x])
    for _ in range(20):
        chain(3).run([x])
    gc.collect()
    before = resident()
    for _ in range(100_000):
        program.run([x])
    for _ in range(200):
        chain(3).run([x])
    assert resident() - before < 8 * 1024**2


def test_denormals_are_kept(threads):
    program = Program(
        [Stage(functions()["denormal"], TILES, (("input", 0), ("output", 0)))], 0, [BYTES]
    )
    tiny = np.full(TILES * TILE, 1.5e-38, np.float32)
    (y,) = program.run([from_array(tiny)])
    assert (values(y)[::TILE] == np.float32(7.5e-39)).all()


@pytest.mark.skipif(not facts.host().triple.startswith("x86_64"), reason="reads x86's mode word")
def test_the_callers_floating_point_mode_comes_back(threads):
    """A caller that flushes denormals gets denormals from programs, and its own mode afterwards."""
    name = "swap_mode"
    text = f"""
declare void @llvm.x86.sse.stmxcsr(ptr)
declare void @llvm.x86.sse.ldmxcsr(ptr)
define void @{name}(ptr %args, i64 %tile, ptr %scratch) nounwind {{
  %next = getelementptr i32, ptr %args, i64 1
  call void @llvm.x86.sse.stmxcsr(ptr %args)
  call void @llvm.x86.sse.ldmxcsr(ptr %next)
  ret void
}}
"""
    mode = build.load([Text(name, text)])  # its code is mapped as long as this exists
    swap = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p)(mode[name])
    words = np.array([0, 0x9FC0], np.uint32)  # old mode, flush to zero
    program = Program(
        [Stage(functions()["denormal"], TILES, (("input", 0), ("output", 0)))], 0, [BYTES]
    )
    tiny = from_array(np.full(TILES * TILE, 1.5e-38, np.float32))
    swap(words.ctypes.data, 0, None)
    old = words[0]
    try:
        (y,) = program.run([tiny])
    finally:
        words[1] = old
        swap(words.ctypes.data, 0, None)
    assert int(words[0]) & 0xFFC0 == 0x9FC0  # below are sticky flags
    assert (values(y)[::TILE] > 0).all()


def test_memory_report():
    program = Program(
        [], 100, [10, None], donated=[(1, 0)], scratch_bytes=5, values=[Value("h", 0, 90, 0, 0)]
    )
    report = program.memory()
    assert (report.arena_bytes, report.scratch_bytes, report.output_bytes) == (128, 64, 10)
    assert "h" in str(report) and "90 bytes" in str(report)


def test_memory_report_is_printed(capfd):
    flags.put("FIRTH_DEBUG", "graph,memory")
    try:
        Program([], 640, [])
    finally:
        flags.put("FIRTH_DEBUG", None)
    assert capfd.readouterr().err.splitlines()[0].split() == ["arena", "640", "bytes"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_child_runs_programs_after_fork(two_threads):
    program, x = chain(), numbers()
    buffer = from_array(x)
    done = threading.Event()

    def loop() -> None:
        while not done.is_set():
            program.run([buffer])

    other = threading.Thread(target=loop)
    other.start()
    try:
        for _ in range(10):
            program.run([buffer])
            child = os.fork()
            if child == 0:
                good = all((values(program.run([buffer])[0]) == x + 6).all() for _ in range(20))
                os._exit(0 if good else 1)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        done.set()
        other.join()


@pytest.mark.parametrize("ending", ["", "import os; os._exit(0)", "raise SystemExit(0)"])
def test_exit_is_clean(ending):
    code = f"""
import threading
from firth.base import flags
flags.put("FIRTH_THREADS", "3")
from tests.runtime.test_program import chain, from_array, numbers
program, x = chain(), from_array(numbers())
for _ in range(100):
    program.run([x])
def loop():
    while True:
        program.run([x])
threading.Thread(target=loop, daemon=True).start()
{ending}
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and not done.stderr, done.stderr


def test_allocate_is_what_outputs_use():
    (y,) = Program([], 0, [0]).run([])
    assert y.nbytes == 0 and y.ptr % 64 == 0
    assert allocate(1).ptr % 64 == 0


def test_stages_that_await_only_what_they_need(two_threads):
    """Two chains of stages between each other, over and over: each is right."""
    add = functions()["add_one"]
    first, second = ("arena", 0), ("arena", BYTES)
    stages = [
        Stage(add, TILES, (("input", 0), first), after=0),
        Stage(add, 1, (("input", 1), second), after=0),
        Stage(add, TILES, (first, ("output", 0)), after=1),
        Stage(add, 0, (first, ("output", 0)), after=2),
        Stage(add, 1, (second, ("output", 1)), after=2),
    ]
    program = Program(stages, 2 * BYTES, [BYTES, BYTES])
    for seed in range(500):
        x, y = numbers(seed), numbers(seed + 1)
        a, b = program.run([from_array(x), from_array(y)])
        np.testing.assert_array_equal(values(a), x + 2)
        np.testing.assert_array_equal(values(b)[:TILE], y[:TILE] + 2)
