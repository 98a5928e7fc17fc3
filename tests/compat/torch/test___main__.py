"""`python -m firth.compat.torch script.py`: as python would run it, with Firth as torch."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def run(tmp_path):
    def run(source, *arguments, name="script.py", cwd=tmp_path):
        (tmp_path / name).write_text(textwrap.dedent(source))
        return subprocess.run(
            [sys.executable, "-m", "firth.compat.torch", str(tmp_path / name), *arguments],
            capture_output=True, text=True, cwd=cwd,
            env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=120,
        )  # fmt: skip

    return run


def test_names_and_arguments(run, tmp_path):
    (tmp_path / "neighbour.py").write_text("import torch\nanswer = torch.ones(2).sum().item()\n")
    done = run(
        """
        import sys, __main__
        import torch, torch.nn as nn, torch.nn.functional as F
        from torch import optim
        from torch.utils.data import DataLoader
        import torch.optim.lr_scheduler
        import neighbour

        print(__name__, __main__.__dict__ is globals(), sys.argv[1:], __file__ == sys.argv[0])
        print(torch is sys.modules["torch"], torch.nn is nn, nn.functional is F)
        print(torch.optim is optim, torch.utils.data.DataLoader is DataLoader, neighbour.answer)
        """,
        "--epochs", "3", "x y", cwd=ROOT,
    )  # fmt: skip
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "__main__ True ['--epochs', '3', 'x y'] True",
        "True True True",
        "True True 2.0",
    ]


def test_classes_of_the_script_can_be_found(run):
    done = run(
        """
        import pickle
        class Mine:
            pass
        print(type(pickle.loads(pickle.dumps(Mine()))) is Mine, Mine.__module__)
        """
    )
    assert done.stdout.split() == ["True", "__main__"], done.stderr


@pytest.mark.parametrize(
    ("ending", "code"),
    [("", 0), ("raise SystemExit", 0), ("import sys; sys.exit(3)", 3), ("exit('stop')", 1)],
)
def test_exit_codes(run, ending, code):
    assert run(ending).returncode == code


def test_tracebacks_hold_the_users_lines_only(run):
    done = run(
        """
        import torch

        def forward(x):
            return x @ torch.ones(5, 7)

        print("before")
        forward(torch.ones(2, 3))
        """
    )
    assert done.returncode == 1
    assert done.stdout == "before\n"
    lines = done.stderr.splitlines()
    files = [line for line in lines if line.startswith("  File ")]
    assert [("script.py" in f, f.rpartition("in ")[2]) for f in files] == [
        (True, "<module>"),
        (True, "forward"),
    ]
    assert "return x @ torch.ones(5, 7)" in done.stderr
    assert "matmul" in done.stderr and "script.py:5" in done.stderr


def test_errors_of_python_keep_their_traceback(run):
    done = run("def f():\n    return 1 / 0\n\nf()\n")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "ZeroDivisionError: division by zero"
    assert done.stderr.count('  File "') == 2


def test_a_missing_name_of_torch(run):
    done = run("import torch\n\ntorch.nn.Linaer(2, 2)\n")
    assert done.returncode == 1
    assert "torch.nn.Linaer: Firth does not have this name of PyTorch" in done.stderr
    assert "Linear" in done.stderr
    done = run("import torch.fxx\n")
    assert "torch.fxx: Firth does not have this name of PyTorch" in done.stderr


def test_a_syntax_error(run):
    done = run("import torch\nx = (\n")
    assert done.returncode == 1
    assert "SyntaxError" in done.stderr and "script.py" in done.stderr


def test_a_file_that_is_not_there(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "firth.compat.torch", "nowhere.py"],
        capture_output=True, text=True, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 2
    assert "can't open file 'nowhere.py'" in done.stderr


def test_a_module(tmp_path):
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").write_text("")
    (tmp_path / "pack" / "job.py").write_text(
        "import sys, torch\nprint(__name__, sys.argv[1:], torch.ones(2).tolist())\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "firth.compat.torch", "-m", "pack.job", "a"],
        capture_output=True, text=True, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.stdout == "__main__ ['a'] [1.0, 1.0]\n", done.stderr
