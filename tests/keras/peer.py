"""Keras 3 itself, on its PyTorch backend: the same layer with the same weights."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras")


def array(*shape: int, seed: int = 0, low: float = -1.5, high: float = 1.5) -> np.ndarray:
    """Uniform float32 numbers."""
    return np.random.default_rng(seed).uniform(low, high, shape).astype("float32")


def numbers(value: Any) -> Any:
    """A tensor of either library, or nested ones, as arrays."""
    if isinstance(value, (list, tuple)):
        return [numbers(v) for v in value]
    return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)


def give_weights(ours: Any, theirs: Any, seed: int = 1) -> None:
    """The same random weights for both; variances stay positive."""
    rng = np.random.default_rng(seed)
    shapes = [tuple(w.shape) for w in theirs.weights]
    assert [tuple(w.shape) for w in ours.weights] == shapes
    fresh = [rng.uniform(0.2, 1.2, s) if "variance" in w.name else rng.uniform(-1, 1, s)
             for s, w in zip(shapes, theirs.weights, strict=True)]  # fmt: skip
    fresh = [f.astype("float32") for f in fresh]
    theirs.set_weights(fresh)
    ours.set_weights(fresh)


def same(ours: Any, theirs: Any, *inputs: Any, tolerance: float = 2e-5, **call: Any) -> None:
    """Both layers, built by a call and given equal weights, give equal results."""
    first = inputs if len(inputs) == 1 else (inputs,)
    ours(*first), theirs(*first)
    give_weights(ours, theirs)
    got, expected = numbers(ours(*first, **call)), numbers(theirs(*first, **call))
    pairs = zip(got, expected, strict=True) if isinstance(expected, list) else [(got, expected)]
    for a, b in pairs:
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * max(1, np.abs(b).max()))
