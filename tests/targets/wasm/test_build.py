"""Objects and linked modules."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from firth.base import flags
from firth.base.errors import ArgumentError, VerifyError
from firth.codegen.text import Text
from firth.targets.wasm import build

pytest.importorskip("ziglang", reason="needs wasm-ld, from the extra `wasm`")

ARGUMENTS = "(ptr %args, i64 %tile, ptr %scratch)"


def text(name: str, body: str, head: str = "") -> Text:
    return Text(name, f"{head}\ndefine void @{name}{ARGUMENTS} {{\n{body}\nret void\n}}\n", (), 0)


def test_a_module_is_made_once_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flags.put("FIRTH_CACHE", str(tmp_path))
    try:
        made = build.module([text("k_one", ""), text("k_two", ""), text("k_one", "")])
        assert made[:4] == b"\0asm"
        monkeypatch.setattr(build, "link", None)
        assert build.module([text("k_one", ""), text("k_two", "")]) == made
    finally:
        flags.put("FIRTH_CACHE", None)


def test_what_reaches_outside_is_refused() -> None:
    call = text("k_call", "call double @sin(double 1.0)", "declare double @sin(double)")
    with pytest.raises(VerifyError, match="undefined symbol: sin"):
        build.module([call])


def test_text_that_llvm_refuses() -> None:
    with pytest.raises(VerifyError, match="k_broken"):
        build.module([text("k_broken", "br nowhere")])


def test_memory_is_filled_without_a_library() -> None:
    head = "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)"
    body = "call void @llvm.memset.p0.i64(ptr %args, i8 1, i64 %tile, i1 false)"
    assert build.module([text("k_fill", body, head)])[:4] == b"\0asm"


def test_a_missing_linker_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ziglang", None)
    with pytest.raises(ArgumentError, match=r"pip install 'firth\[wasm\]'"):
        build.link({})
