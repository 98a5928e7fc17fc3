"""The demo as a user runs it: it learns, saves, reads again in a new process, and draws."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("sklearn")
pytest.importorskip("matplotlib")
safetensors = pytest.importorskip("safetensors.numpy")

ROOT = Path(__file__).resolve().parent.parent


def test_digits(tmp_path):
    done = subprocess.run(
        [sys.executable, "examples/digits.py", "--out", str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "a new process predicts the same" in done.stdout
    assert "samples/s" in done.stdout and "s left" in done.stdout
    weights = safetensors.load_file(tmp_path / "digits.safetensors")
    assert weights["features.0.weight"].shape == (16, 1, 3, 3)
    assert (tmp_path / "digits.png").read_bytes().startswith(b"\x89PNG")
