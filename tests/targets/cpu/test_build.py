from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from firth.base import flags
from firth.base.errors import VerifyError
from firth.targets.cpu import build, facts
from tests.runtime.native import Text

_counter = iter(range(10_000))


@pytest.fixture
def cache(tmp_path):
    build.load_scheduler()
    flags.put("FIRTH_CACHE", str(tmp_path))
    yield tmp_path
    flags.put("FIRTH_CACHE", None)


def constant(value: int, name: str | None = None) -> Text:
    """A kernel that stores a number at the address in word 1."""
    name = name or f"constant_{next(_counter)}_{value}"
    return Text(
        name,
        f"""
define void @{name}(ptr %args, i64 %tile, ptr %scratch) nounwind {{
  %at = getelementptr i64, ptr %args, i64 1
  %p = load ptr, ptr %at
  store i64 {value}, ptr %p
  ret void
}}
""",
    )


def result(address: int) -> int:
    cell = ctypes.c_int64(0)
    args = (ctypes.c_int64 * 2)(0, ctypes.addressof(cell))
    ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p)(address)(
        ctypes.addressof(args), 0, None
    )
    return cell.value


def files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file())


def again(text: Text) -> int:
    """Loads a text as a new process would."""
    build._libraries.pop(text.name, None)
    return build.load([text])[text.name]


def test_load_runs_and_remembers(cache):
    texts = [constant(3), constant(4)]
    before = build.compilations
    addresses = build.load(texts)
    assert [result(addresses[t.name]) for t in texts] == [3, 4]
    assert build.compilations - before == 2
    assert build.load(texts) == addresses
    assert build.compilations - before == 2
    assert len(files(cache)) in (2, 3)  # one object each, or one and where each is


def test_objects_are_reloaded(cache):
    text = constant(5)
    build.load([text])
    before = build.compilations
    assert result(again(text)) == 5
    assert build.compilations == before


def test_assembly_is_shown_even_of_cached_objects(cache, capfd):
    text = constant(5)
    build.load([text])
    flags.put("FIRTH_DEBUG", "asm")
    try:
        assert result(again(text)) == 5
    finally:
        flags.put("FIRTH_DEBUG", None)
    assert f"{text.name}:" in capfd.readouterr().err


@pytest.mark.parametrize("damage", ["truncate", "empty", "flip", "garbage", "folder"])
def test_damaged_files_are_rebuilt(cache, damage):
    text = constant(6)
    build.load([text])
    (path,) = files(cache)
    data = path.read_bytes()
    if damage == "folder":
        path.unlink()
        path.mkdir()
    else:
        path.write_bytes(
            {
                "truncate": data[:-7],
                "empty": b"",
                "flip": data[:300] + bytes([data[300] ^ 1]) + data[301:],
                "garbage": b"\x7fELF" * 50,
            }[damage]
        )
    before = build.compilations
    assert result(again(text)) == 6
    assert build.compilations == before + 1
    if damage != "folder":
        assert path.read_bytes() == data
    assert not list(cache.rglob(".new-*"))


def test_no_cache_and_unwritable_cache(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    for folder in ("0", str(blocked)):
        flags.put("FIRTH_CACHE", folder)
        try:
            text = constant(7)
            assert result(build.load([text])[text.name]) == 7
        finally:
            flags.put("FIRTH_CACHE", None)
    assert files(tmp_path) == [blocked]


def test_flags_that_change_code_are_in_the_key(cache):
    key = build.key("text")
    flags.put("FIRTH_STRICT", "1")
    try:
        assert build.key("text") != key
    finally:
        flags.put("FIRTH_STRICT", None)
    assert build.key("text") == key != build.key("text ")


@pytest.mark.parametrize(
    ("extra", "call", "words"),
    [
        ("declare i64 @getpid()", "call i64 @getpid()", "getpid is not on the list"),
        ("declare double @sin(double)", "call double @sin(double 1.0)", "sin is not on the list"),
        (
            "declare double @llvm.sin.f64(double)",
            "call double @llvm.sin.f64(double 1.0)",
            "llvm.sin.f64 is not on the list",
        ),
        ('declare void @"a b"()', 'call void @"a b"()', "a b is not on the list"),
        ("@g = external global i64", "load i64, ptr @g", "external global"),
        ("", 'call i64 asm "mov $$1, $0", "=r"()', "inline assembly"),
        ("define void @second() { ret void }", "call i64 @x()", "it defines"),
    ],
)
def test_what_reaches_outside_is_refused(cache, extra, call, words):
    text = constant(8)
    result_of = "" if call.startswith("call void") else "%r = "
    body = text.text.replace("  ret void", f"  {result_of}{call}\n  ret void", 1)
    with pytest.raises(VerifyError, match=words):
        build.load([Text(text.name, f"{extra}\n{body}")])
    assert files(cache) == []


def test_library_calls_of_the_back_end_are_refused(cache):
    """A remainder of floats becomes a call of fmod, which no declaration shows."""
    name = "hidden_call"
    text = f"""
define void @{name}(ptr %args, i64 %tile, ptr %scratch) nounwind {{
  %x = load double, ptr %args
  %y = frem double %x, 3.0
  store double %y, ptr %args
  ret void
}}
"""
    with pytest.raises(VerifyError, match="its code needs fmod"):
        build.load([Text(name, text)])


def test_memset_is_allowed(cache):
    name = "zeros"
    text = f"""
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
define void @{name}(ptr %args, i64 %tile, ptr %scratch) nounwind {{
  %at = getelementptr i64, ptr %args, i64 1
  %p = load ptr, ptr %at
  %n = add i64 %tile, 8
  call void @llvm.memset.p0.i64(ptr %p, i8 1, i64 %n, i1 false)
  ret void
}}
"""
    assert result(build.load([Text(name, text)])[name]) == 0x0101010101010101


@pytest.mark.parametrize("text", ["define void @broken( {", "define void @broken() { ret i64 0 }"])
def test_text_that_llvm_refuses(cache, text):
    with pytest.raises(VerifyError, match="broken is refused"):
        build.load([Text("broken", text)])


def test_wide_vectors_stay_wide():
    """One instruction per vector of the width that code generation is told."""
    host = facts.host()
    lanes = host.lanes(4)
    text = f"""
define void @wide(ptr %p) nounwind {{
  %x = load <{lanes} x float>, ptr %p, align 4
  %y = fmul <{lanes} x float> %x, %x
  store <{lanes} x float> %y, ptr %p, align 4
  ret void
}}
"""
    lines = build.assembly(text).splitlines()
    products = [line for line in lines if "mul" in line]
    assert len(products) == 1
    if host.triple.startswith("x86_64"):
        register = {64: "zmm", 32: "ymm", 16: "xmm"}[host.vector_bytes]
        assert register in products[0]


def test_threads_load_at_once(cache):
    texts = [constant(i) for i in range(12)]
    found: list[dict[str, int]] = []
    before = build.compilations
    threads = [
        threading.Thread(target=lambda: found.append(build.load(texts[::-1]))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(f == found[0] for f in found) and len(found) == 4
    assert [result(found[0][t.name]) for t in texts] == list(range(12))
    assert build.compilations - before == 12


def test_what_was_compiled_ahead_and_never_added_is_no_function(cache):
    texts = [constant(i) for i in range(6)]
    with build.Loading() as loading:
        for text in texts:
            loading.ahead(text)
        for text in texts[::2]:
            loading.add(text)
    wanted = [t.name for t in texts[::2]]
    assert sorted(loading.functions) == sorted(wanted)
    assert [result(loading.functions[name]) for name in wanted] == [0, 2, 4]
    assert result(build.load([texts[1]])[texts[1].name]) == 1


def test_an_error_while_texts_are_made_leaves_nothing_locked(cache):
    with pytest.raises(KeyError), build.Loading() as loading:
        loading.add(constant(1))
        raise KeyError
    found: list[dict[str, int]] = []
    other = threading.Thread(target=lambda: found.append(build.load([constant(2)])))
    other.start()
    other.join()
    assert len(found) == 1


def exit_code(child: int, seconds: float = 60) -> int | None:
    """The exit code of a child; a child that hangs is killed and gives None."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_fork_while_another_thread_compiles(cache):
    done = threading.Event()

    def compile_for_ever() -> None:
        while not done.is_set():
            build.load([constant(1)])

    other = threading.Thread(target=compile_for_ever)
    other.start()
    try:
        for _ in range(20):
            child = os.fork()
            if child == 0:
                text = constant(9, "after_fork")
                os._exit(0 if result(build.load([text])[text.name]) == 9 else 1)
            assert exit_code(child) == 0
    finally:
        done.set()
        other.join()


def test_second_process_compiles_nothing(cache):
    code = """
from tests.runtime.native import functions
from firth.targets.cpu import build
functions()
print(build.compilations)
"""
    environment = {**os.environ, "FIRTH_CACHE": str(cache)}
    counts = [
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            env=environment,
            check=True,
        ).stdout.strip()
        for _ in range(2)
    ]
    assert int(counts[0]) > 1 and counts[1] == "0"
