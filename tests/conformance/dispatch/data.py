"""The arrays of these tests, and how results are compared."""

from __future__ import annotations

from typing import Any

import numpy as np

import firth

_rng = np.random.default_rng(0)
X = _rng.normal(size=(40, 5))
Y = X @ _rng.normal(size=5) + 0.1 * _rng.normal(size=40)
LABELS = _rng.integers(0, 3, 40)
GUESSES = np.where(_rng.random(40) < 0.8, LABELS, 0)
POSITIVE = np.abs(X)


def ours(value: np.ndarray) -> firth.Tensor:
    """The same numbers as a tensor."""
    return firth.from_numpy(value)


def same(found: Any, wanted: Any, tolerance: float = 1e-8) -> None:
    """A tensor where the other is an array, with its values."""
    if isinstance(wanted, np.ndarray) and wanted.ndim:
        assert isinstance(found, firth.Tensor)
    values = found.numpy() if isinstance(found, firth.Tensor) else np.asarray(found)
    np.testing.assert_allclose(values, wanted, rtol=tolerance, atol=tolerance)
