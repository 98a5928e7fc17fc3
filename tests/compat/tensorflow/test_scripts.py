"""Unmodified TensorFlow scripts print under Firth what they print under TensorFlow.

TensorFlow made the expected texts: `python examples/tensorflow_NAME.py > expected/NAME.txt`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
NUMBER = re.compile(r"[-+]?\d+\.\d+(?:e[-+]?\d+)?")


@pytest.mark.parametrize(("name", "tolerance"), [("basics", 1e-6), ("keras", 2e-2), ("loop", 1e-3)])
def test_script(name, tolerance):
    done = subprocess.run(
        [sys.executable, "-m", "firth.compat.tensorflow", f"examples/tensorflow_{name}.py"],
        capture_output=True, text=True, cwd=ROOT, timeout=300,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    want = (HERE / "expected" / f"{name}.txt").read_text()
    assert NUMBER.sub("#", done.stdout) == NUMBER.sub("#", want)
    numbers = [[float(n) for n in NUMBER.findall(text)] for text in (done.stdout, want)]
    np.testing.assert_allclose(*numbers, rtol=tolerance, atol=1e-6)
