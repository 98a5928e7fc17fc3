"""Threefry-2x32: where all random numbers come from."""

from __future__ import annotations

import numpy as np

from firth.base.dtype import uint64
from firth.ops.operands import elementwise, words
from firth.ops.rules import uniform

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


threefry = elementwise(
    "threefry", threefry_reference, arity=2, operands=words,
    doc="Threefry-2x32 with 20 rounds, words (low, high) of key and counter: "
    "key (...), counter (...) uint64 -> (...) uint64 (Salmon et al., 2011).",
    sample=uniform((0, 1 << 62), (0, 1 << 62), dtypes=(uint64,)),
)  # fmt: skip
