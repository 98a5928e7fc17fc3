"""One expression under Firth's namespace and under NumPy's, which has the standard's names too."""

from __future__ import annotations

from typing import Any

import numpy as np

from firth import Tensor
from firth import array_api as xp

A = np.random.default_rng(3).normal(size=(3, 4))
NAMES: dict[str, Any] = {
    "a": A, "b": A[::-1] * 0.5 - 0.1, "i": np.arange(12).reshape(3, 4) % 5,
    "u": (np.arange(12).reshape(3, 4) % 5).astype(np.uint8), "t": A > 0,
    "n": np.array([np.nan, -0.0, 0.0, -np.inf, np.inf, 1.5, np.nan, -1.5, 1.5]),
}  # fmt: skip


def check(text: str) -> None:
    """The expression has the same shape, dtype and values under both."""
    ours = eval(text, {"xp": xp} | {k: xp.asarray(v) for k, v in NAMES.items()})
    theirs = eval(text, {"xp": np} | NAMES)
    compare(ours, theirs)


def compare(ours: Any, theirs: Any) -> None:
    """Equal, part by part."""
    if isinstance(theirs, tuple):
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            compare(one, other)
        return
    if not isinstance(ours, Tensor):
        assert ours == theirs
        return
    theirs = np.asarray(theirs)
    assert tuple(ours.shape) == theirs.shape
    assert ours.dtype.name == theirs.dtype.name
    np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-12, atol=1e-13)
