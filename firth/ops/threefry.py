"""Threefry-2x32 in NumPy: the reference of the `threefry` op."""

from __future__ import annotations

import numpy as np

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = np.uint32(0x1BD11BDA)


def threefry_reference(key: np.ndarray, counter: np.ndarray) -> np.ndarray:
    """20 rounds over uint64 words: key (...), counter (...) -> (...), broadcasting."""
    key, counter = np.broadcast_arrays(np.asarray(key, np.uint64), np.asarray(counter, np.uint64))
    k0, k1 = _halves(key)
    x0, x1 = _halves(counter)
    keys = (k0, k1, k0 ^ k1 ^ _PARITY)
    x0, x1 = x0 + keys[0], x1 + keys[1]
    for group in range(5):
        for r in _ROTATIONS[group % 2]:
            x0 = x0 + x1
            x1 = ((x1 << np.uint32(r)) | (x1 >> np.uint32(32 - r))) ^ x0
        x0 = x0 + keys[(group + 1) % 3]
        x1 = x1 + keys[(group + 2) % 3] + np.uint32(group + 1)
    return np.asarray(x0.astype(np.uint64) | (x1.astype(np.uint64) << np.uint64(32)))


def _halves(words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    low = (words & np.uint64(0xFFFFFFFF)).astype(np.uint32)
    return low, (words >> np.uint64(32)).astype(np.uint32)
