from __future__ import annotations

import dataclasses
from pathlib import Path

import llvmlite.binding as llvm
import pytest

from firth.base import flags
from firth.targets.cpu import facts, peak


def test_measured_once_and_kept_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peak, "_TURNS", 1000)
    monkeypatch.setattr(peak, "_ROUNDS", 1)
    flags.put("FIRTH_CACHE", str(tmp_path))
    try:
        peak._peaks.cache_clear()
        first = peak.peaks()
        assert first.bytes > 1e8 and first.flops > 1e8
        peak._peaks.cache_clear()
        assert peak.peaks() == first
    finally:
        flags.put("FIRTH_CACHE", None)
        peak._peaks.cache_clear()


@pytest.mark.parametrize("fma", [False, True])
def test_its_text(fma: bool) -> None:
    host = dataclasses.replace(facts.host(), fma=fma)
    text = peak.text(host)
    llvm.parse_assembly(text).verify()
    assert text.count("@llvm.fma") == (13 if fma else 1)
