"""Runs the same text on Firth and on PyTorch and compares values, shapes and dtypes."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

import firth

os.environ.setdefault("OMP_NUM_THREADS", "1")
torch = pytest.importorskip("torch")
torch.set_num_threads(1)

FLOATS = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
INTEGERS = np.arange(24).reshape(2, 3, 4)


def same(ours: Any, theirs: Any, rtol: float = 1e-4) -> None:
    """Asserts that results agree, nested tuples included."""
    if isinstance(theirs, (tuple, list)) and not isinstance(theirs, torch.Size):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            same(a, b, rtol)
    elif isinstance(theirs, torch.Tensor):
        a, b = np.asarray(ours.detach()), theirs.detach().numpy()
        assert a.shape == b.shape
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-6)
    elif isinstance(theirs, float):
        assert ours == pytest.approx(theirs, rel=rtol)
    else:
        assert ours == theirs


def names(module: Any) -> dict[str, Any]:
    """What the texts may use: x (3, 4) floats, i (2, 3, 4) integers, m the library."""
    return {
        "m": module, "x": module.from_numpy(FLOATS.copy()),
        "i": module.from_numpy(INTEGERS.copy()),
    }  # fmt: skip


def check(text: str) -> None:
    """An expression gives the same in both."""
    same(eval(text, names(firth)), eval(text, names(torch)))


def check_writes(text: str) -> None:
    """Statements leave the same in x."""
    results = []
    for module in (firth, torch):
        scope = names(module)
        exec(text.replace("; ", "\n"), scope)
        results.append(scope["x"])
    same(*results)


def check_gradient(text: str) -> None:
    """The gradient of an expression with respect to x is the same."""
    results = []
    for module in (firth, torch):
        scope = names(module)
        scope["x"].requires_grad_()
        eval(text, scope).backward()
        results.append(scope["x"].grad)
    same(*results)
