"""Several texts in one module do what each does alone, and are found again whatever is lost."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from pathlib import Path

import pytest

from firth.base import flags
from firth.base.errors import VerifyError
from firth.targets.cpu import build, facts
from firth.targets.cpu.crew import Toolchain
from firth.targets.cpu.groups import Groups, Waiting, holder_of, merged
from tests.runtime.native import Text


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Path]:
    build.load_scheduler()
    flags.put("FIRTH_CACHE", str(tmp_path))
    yield tmp_path
    flags.put("FIRTH_CACHE", None)


@pytest.fixture(scope="module")
def own() -> Toolchain:
    return Toolchain(facts.host())


_made = iter(range(1000))


def helped(value: int, inner: str = "inner", outer: str = "outer") -> Text:
    """Stores a number that a helper's helper gives."""
    name = f"grouped_{next(_made)}"
    return Text(
        name,
        f"""declare i64 @llvm.smax.i64(i64, i64)
define internal i64 @{inner}(i64 %a) nounwind noinline {{
  %r = add i64 %a, {value}
  ret i64 %r
}}

define internal i64 @{outer}(i64 %a) nounwind noinline {{
  %r = call i64 @{inner}(i64 %a)
  ret i64 %r
}}

define void @{name}(ptr %args, i64 %tile, ptr %scratch) nounwind {{
  %at = getelementptr i64, ptr %args, i64 1
  %p = load ptr, ptr %at
  %v = call i64 @{outer}(i64 0)
  %m = call i64 @llvm.smax.i64(i64 %v, i64 0)
  store i64 %m, ptr %p
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


def in_one_group(texts: list[Text]) -> build.Functions:
    """Loads texts of which a single thread takes all at once."""
    flags.put("FIRTH_THREADS", "1")
    try:
        return build.load(texts)
    finally:
        flags.put("FIRTH_THREADS", None)


def forget(texts: list[Text]) -> None:
    for text in texts:
        build._libraries.pop(text.name, None)


def objects(cache: Path) -> list[Path]:
    return [p for p in cache.rglob("*") if p.is_file() and b"\x7fELF" in p.read_bytes()[:60]]


def test_helpers_of_one_name_stay_apart_and_equal_ones_are_there_once() -> None:
    texts = [helped(1), helped(1), helped(2), helped(2, inner="inner.x"), helped(3, "inne", "oute")]
    text = merged([t.text for t in texts])
    assert text.count("declare i64 @llvm.smax.i64") == 1
    assert text.count("add i64 %a, 1") == 1
    assert text.count("add i64 %a, 2") == 2
    own = Toolchain(facts.host())
    assert own.object("group", text)


def test_a_group_does_what_its_texts_do(cache: Path) -> None:
    texts = [helped(v) for v in (1, 2, 1, 7)]
    found = in_one_group(texts)
    assert [result(found[t.name]) for t in texts] == [1, 2, 1, 7]
    assert len({found.holders[t.name] for t in texts}) == 1
    if objects(cache):
        assert len(objects(cache)) == 1


def test_each_text_is_found_again_alone_and_with_others(cache: Path) -> None:
    texts = [helped(v) for v in (3, 4, 5)]
    in_one_group(texts)
    forget(texts)
    before = build.compilations
    assert result(build.load(texts[1:2])[texts[1].name]) == 4
    others = in_one_group([helped(6), texts[2], texts[0]])
    assert [result(others[t.name]) for t in (texts[2], texts[0])] == [5, 3]
    assert build.compilations == before + 1


@pytest.mark.parametrize("damaged", range(4))
def test_lost_and_damaged_files_are_made_again(cache: Path, damaged: int) -> None:
    texts = [helped(v) for v in (8, 9, 10)]
    holders = in_one_group(texts).holders
    keys = [holder_of([k]) for k in map(build.key, (t.text for t in texts))]
    key = [*keys, holders[texts[0].name]][damaged]
    (path,) = cache.rglob(key)
    if damaged % 2:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-3] + b"abc")
    forget(texts)
    before = build.compilations
    found = build.load(texts)
    assert [result(found[t.name]) for t in texts] == [8, 9, 10]
    assert build.compilations == before + (3 if damaged == 3 else 1)
    forget(texts)
    assert build.recall({t.name: found.holders[t.name] for t in texts})
    assert build.compilations == before + (3 if damaged == 3 else 1)


def test_the_refused_text_is_named_and_written_ones_stay_alone(own: Toolchain) -> None:
    done: list[list[str]] = []

    def compiled(toolchain: Toolchain, texts: list[Waiting], module: str) -> None:
        toolchain.object(texts[0].name, module)
        done.append([w.name for w in texts])

    groups = Groups(compiled, lambda name: name != "unneeded")
    odd = "@number = internal constant i64 1\ndefine void @odd() { ret void }\n"
    for name, text in (
        ("a", "define void @a() { ret void }\n"), ("unneeded", "nonsense"), ("odd", odd),
        ("b", "define void @b() { ret void }\n"),
    ):  # fmt: skip
        groups.add(Waiting(name, text, name))
    groups(own)
    assert done == [["a", "b"], ["odd"]]
    for name in ("c", "wrong"):
        groups.add(
            Waiting(name, f"define void @{name}() {{ {'ret' * (name == 'c')} void }}\n", name)
        )
    with pytest.raises(VerifyError, match="wrong is refused"):
        groups(own)
    assert done[-1] == ["c"]


def test_what_waits_is_shared_out_among_threads(own: Toolchain) -> None:
    def groups_of(threads: int) -> list[str]:
        done: list[str] = []
        groups = Groups(
            lambda _, texts, __: done.append("".join(w.name for w in texts)), bool, threads
        )
        for name in "abcd":
            body = "  fence acquire\n" * 300
            groups.add(Waiting(name, f"define void @{name}() {{\n{body}  ret void\n}}\n", name))
        for _ in "abcd":
            groups(own)
        return done

    assert groups_of(1) == ["abcd"]
    assert groups_of(2) == ["ab", "c", "d"]  # the last two may go to two threads
