from __future__ import annotations

from pathlib import Path

import pytest

from firth.base import flags
from firth.cli import main
from firth.ir.text import from_text


def test_every_stage_and_the_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = "import firth\nx = firth.full((6, 41), 2.0)\nprint((x * x).sum().item())\n"
    (tmp_path / "work.py").write_text(script)
    monkeypatch.chdir(tmp_path)
    assert main(["dump", "-o", "out", "work.py"]) == 0
    printed = capsys.readouterr().out
    assert "kernels" in printed and not flags.get("FIRTH_DUMP")
    texts = {p.parent: p.read_text() for p in (tmp_path / "out").glob("*/0_recorded.txt")}
    (program,) = (p for p, text in texts.items() if "sum(" in text)
    names = {p.name.split("_")[0] for p in program.iterdir()}
    assert names == {"0", "1", "2", "3", "4", "5", "repro.py"}
    recorded = texts[program]
    assert "# work.py:3" in recorded
    assert from_text(recorded).outputs
    assert (program / "5_plan.txt").read_text().startswith("arena ")


def test_a_program_that_is_there_already(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "work.py").write_text("print(3)")
    monkeypatch.chdir(tmp_path)
    assert main(["dump", "work.py"]) == 0
    assert "no program" in capsys.readouterr().out
