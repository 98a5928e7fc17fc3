"""firth.linalg has torch.linalg's names."""

from __future__ import annotations

import pytest

import firth

torch = pytest.importorskip("torch")
ABSENT = {"Tensor", "common_args", "common_notes", "torch"}


def test_names():
    theirs = {n for n in dir(torch.linalg) if not n.startswith("_")} - ABSENT
    missing = theirs - set(firth.linalg.__all__)
    assert missing <= {"ldl_factor", "ldl_factor_ex", "ldl_solve"}
    assert all(getattr(firth.linalg, name).__doc__ for name in firth.linalg.__all__)
