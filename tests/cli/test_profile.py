from __future__ import annotations

import json
from pathlib import Path

import pytest

from firth.cli import main

SCRIPT = """
import sys
import firth

x = firth.ones(40, 40)
for _ in range(int(sys.argv[1])):
    (x @ x).sum().item()  # here
print("done")
if len(sys.argv) > 2:
    raise SystemExit(4)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "work.py").write_text(SCRIPT)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_tables_and_files(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", "-o", "out", "--top", "5", "work.py", "3"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("done\n")
    assert "contract" in text and "work.py:7" in text and "outside" in text
    assert json.loads((folder / "out" / "trace.json").read_text())["traceEvents"]


def test_a_script_that_exits_is_told_about_too(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["profile", "-o", "out", "work.py", "1", "-o"]) == 4
    assert "contract" in capsys.readouterr().out


def test_a_missing_script(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", "nowhere.py"]) == 1
    assert "there is no such script" in capsys.readouterr().err
    assert not (folder / "profile").exists()
