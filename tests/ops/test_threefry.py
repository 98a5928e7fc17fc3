"""Threefry against the published test vectors of its authors."""

from __future__ import annotations

import numpy as np

from firth import ops


def words(low: int, high: int) -> np.ndarray:
    return np.array(low | high << 32, np.uint64)


def test_published_vectors() -> None:
    ones = 0xFFFFFFFF
    rows = [
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((ones, ones), (ones, ones), (0x1CB996FC, 0xBB002BE7)),
        ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
    ]
    for key, counter, expected in rows:
        assert ops.threefry.ref(words(*key), words(*counter)) == words(*expected)
