"""Scripts run inside this process: arguments, exit statuses, errors."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from firth.base.errors import ArgumentError
from firth.cli import script


def written(folder: Path, text: str) -> str:
    path = folder / "work.py"
    path.write_text(text)
    return str(path)


def test_arguments_name_and_neighbours(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "neighbour_of_work.py").write_text("word = 'hello'")
    text = "import sys, neighbour_of_work as n\nprint(__name__, sys.argv[1:], n.word)"
    before, path = sys.argv, list(sys.path)
    assert script.run("profile", written(tmp_path, text), ["-o", "x"]) == 0
    assert capsys.readouterr().out == "__main__ ['-o', 'x'] hello\n"
    assert sys.argv is before and sys.path == path


@pytest.mark.parametrize(
    ("text", "status", "printed"),
    [
        ("import sys; sys.exit(3)", 3, ""),
        ("import sys; sys.exit()", 0, ""),
        ("raise SystemExit('enough')", 1, "enough"),
        ("raise KeyboardInterrupt", 130, "interrupted"),
        ("def f(): raise ValueError('boom')\nf()", 1, "ValueError: boom"),
        ("this is no python", 1, "SyntaxError"),
        ("import firth\nfirth.ones(2) + firth.ones(3)", 1, "ShapeError"),
    ],
)
def test_how_scripts_end(
    text: str, status: int, printed: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert script.run("profile", written(tmp_path, text), []) == status
    error = capsys.readouterr().err
    assert printed in error
    assert "runpy" not in error and "cli/script.py" not in error


def test_functions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "module_of_work.py").write_text("def main():\n    print('ran')\nnumber = 3\n")
    monkeypatch.chdir(tmp_path)
    assert script.run("dump", "module_of_work:main", []) == 0
    assert capsys.readouterr().out == "ran\n"
    for target, words in (
        ("module_of_work:number", "no function of that name"),
        ("no_module_of_that_name:main", "no such module"),
    ):
        with pytest.raises(ArgumentError, match=words):
            script.run("dump", target, [])


def test_a_missing_script() -> None:
    with pytest.raises(ArgumentError, match="no such script; got 'nowhere"):
        script.check("profile", "nowhere.py")
