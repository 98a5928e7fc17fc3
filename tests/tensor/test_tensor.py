"""The public names of the package."""

from __future__ import annotations

import subprocess
import sys

import firth


def test_the_names_are_there() -> None:
    for name in firth.__all__:
        assert getattr(firth, name) is not None


def test_import_is_light() -> None:
    code = (
        "import sys, firth; bad = {'llvmlite', 'torch', 'safetensors', 'jax', 'firth.nn'}"
        " & set(sys.modules); assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
