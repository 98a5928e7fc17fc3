"""What `import firth` shows: tensors, dtypes under torch's names too, packages on demand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import firth

ROOT = Path(__file__).resolve().parent.parent


def test_every_listed_name_exists():
    assert len(firth.__all__) == len(set(firth.__all__))
    for name in firth.__all__:
        assert getattr(firth, name) is not None, name


def test_dtypes_have_torchs_other_names():
    assert firth.float is firth.float32 and firth.double is firth.float64
    assert firth.half is firth.float16 and firth.long is firth.int64
    assert firth.int is firth.int32 and firth.short is firth.int16
    assert firth.zeros(2, dtype=firth.bool).dtype is firth.bool


def test_packages_load_when_first_used():
    code = (
        "import sys, firth; before = 'firth.nn' in sys.modules; firth.nn.Linear(2, 3); "
        "print(before, 'firth.nn' in sys.modules, 'firth.compat' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.split() == ["False", "True", "False"], done.stderr


def test_a_name_that_is_not_there_says_so():
    with pytest.raises(AttributeError, match="firth has no 'tensr'"):
        firth.tensr  # noqa: B018
