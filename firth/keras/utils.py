"""Small helpers by Keras's names."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from firth.keras.naming import clear_session as clear_session
from firth.tensor import manual_seed


def to_categorical(x: Any, num_classes: int | None = None) -> np.ndarray:
    """Class numbers (...) as rows of one 1: (..., num_classes) float32.

    >>> to_categorical([0, 2]).tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    numbers = np.asarray(x).astype(np.int64)
    if numbers.ndim > 1 and numbers.shape[-1] == 1:
        numbers = numbers[..., 0]
    return np.eye(num_classes or int(numbers.max()) + 1, dtype=np.float32)[numbers]


def normalize(x: Any, axis: int = -1, order: int = 2) -> np.ndarray:
    """An array divided by its norm along an axis."""
    x = np.asarray(x)
    norm = np.atleast_1d(np.linalg.norm(x, order, axis))
    norm[norm == 0] = 1
    return x / np.expand_dims(norm, axis)


def set_random_seed(seed: int) -> None:
    """Seeds Python, NumPy and Firth."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    manual_seed(seed)
