import subprocess
import sys

import pytest

from firth.cli import main


def test_info_names_versions_and_every_flag(capsys):
    assert main(["info"]) == 0
    text = capsys.readouterr().out
    assert "numpy" in text and "FIRTH_TARGET" in text


def test_docs_writes_three_pages(tmp_path, capsys):
    assert main(["docs", str(tmp_path)]) == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["errors.md", "flags.md", "ops.md"]
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_op_prints_one_page(capsys):
    assert main(["op", "const"]) == 0
    assert capsys.readouterr().out.startswith("### const")


def test_op_that_is_missing_names_the_nearest(capsys):
    assert main(["op", "cosnt"]) == 1
    assert "nearest: const" in capsys.readouterr().err


def test_no_command_is_a_usage_error(capsys):
    with pytest.raises(SystemExit) as stop:
        main([])
    assert stop.value.code == 2


def test_python_dash_m_firth():
    done = subprocess.run(
        [sys.executable, "-m", "firth", "op", "const"], capture_output=True, text=True
    )
    assert done.returncode == 0 and done.stdout.startswith("### const")
