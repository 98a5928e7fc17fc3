"""Unmodified PyTorch scripts print under Firth what they print under PyTorch.

PyTorch made the expected texts: `python tests/compat/torch/test_scripts.py` makes them anew.
Words must be equal; numbers may differ as far as float32 sums in another order let them.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from firth.io import safetensors

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
# script -> arguments, relative tolerance of its numbers
SCRIPTS = {
    "branch": ([], 1e-4),
    "classic_loop": ([], 1e-3),
    "gpt": (["--max-iters", "31", "--tokens", "24"], 2e-2),
    "mnist": (
        [
            "--epochs",
            "4",
            "--samples",
            "640",
            "--dropout",
            "0",
            "--no-shuffle",
            "--log-interval",
            "5",
        ],
        2e-2,
    ),
    "idioms": ([], 1e-4),
    "gan": ([], 1e-3),
    "reinforce": ([], 1e-3),
    "vae": ([], 1e-3),
    "transformer": ([], 5e-3),
    "char_model": ([], 5e-3),
}
NUMBER = re.compile(r"[-+]?\d+\.\d+(?:e[-+]?\d+)?")


def start_weights() -> dict[str, np.ndarray]:
    """Where the convolutional script starts from."""
    rng = np.random.default_rng(0)
    shapes = {
        "conv1": (8, 1, 3, 3),
        "conv2": (16, 8, 3, 3),
        "fc1": (32, 144),
        "fc2": (10, 32),
    }
    out = {}
    for name, shape in shapes.items():
        bound = 1 / np.sqrt(np.prod(shape[1:]))
        out[f"{name}.weight"] = rng.uniform(-bound, bound, shape).astype(np.float32)
        out[f"{name}.bias"] = rng.uniform(-bound, bound, shape[:1]).astype(np.float32)
    return out


def run(name: str, arguments: list[str], launcher: list[str]) -> str:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, *launcher, str(ROOT / "examples" / f"torch_{name}.py"), *arguments],
        capture_output=True, text=True, env=environment, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def assert_alike(got: str, want: str, tolerance: float) -> None:
    """Equal words, line by line; decimal numbers within the tolerance."""
    # Firth's own names of sizes and dtypes
    want = re.sub(r"torch\.(Size|float|int)", r"\1", want)
    got = re.sub(r"firth\.(float|int)", r"\1", got)
    assert NUMBER.sub("#", got) == NUMBER.sub("#", want)
    numbers = [[float(n) for n in NUMBER.findall(text)] for text in (got, want)]
    np.testing.assert_allclose(*numbers, rtol=tolerance, atol=2e-4)


@pytest.mark.parametrize("name", SCRIPTS)
def test_script(name, tmp_path):
    arguments, tolerance = SCRIPTS[name]
    if name == "mnist":
        safetensors.save_file(start_weights(), tmp_path / "start.pt")
        saved = tmp_path / "end.pt"
        extra = ["--load-model", str(tmp_path / "start.pt"), "--save-model", str(saved)]
        arguments = [*arguments, *extra]
    got = run(name, arguments, ["-m", "firth.compat.torch"])
    assert_alike(got, (HERE / "expected" / f"{name}.txt").read_text(), tolerance)
    if name == "mnist":
        assert safetensors.load_file(saved).keys() == start_weights().keys()


def main() -> None:
    """Runs every script under PyTorch and writes what it prints."""
    import torch

    start = HERE / "start.pt"
    torch.save({k: torch.from_numpy(v) for k, v in start_weights().items()}, start)
    for name, (arguments, _) in SCRIPTS.items():
        extra = ["--load-model", str(start)] if name == "mnist" else []
        text = run(name, [*arguments, *extra], [])
        (HERE / "expected" / f"{name}.txt").write_text(text)
    start.unlink()


if __name__ == "__main__":
    main()
