"""Running scripts is the same for every peer: usage, missing files, exit codes."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize("package", ["firth.compat.torch", "firth.compat.tensorflow"])
def test_usage_and_missing_files(package, tmp_path):
    run = lambda *words: subprocess.run(
        [sys.executable, "-m", package, *words], capture_output=True, text=True, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )  # fmt: skip
    usage = run()
    assert usage.returncode == 2 and f"python -m {package} script.py" in usage.stderr
    missing = run("nowhere.py")
    assert missing.returncode == 2 and missing.stderr.startswith(f"{package}: can't open file")
    (tmp_path / "leaving.py").write_text("import sys\nsys.exit(7)\n")
    assert run("leaving.py").returncode == 7
