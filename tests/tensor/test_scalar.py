"""Numbers as tensors."""

from __future__ import annotations

import firth
from firth.tensor.scalar import number_of


def test_numbers_take_the_dtype() -> None:
    for value, dtype, want in (
        (1.5, firth.float64, 1.5), (2.7, firth.int64, 2), (3, firth.bool, True),
        (0.1, firth.float64, 0.1), (float("nan"), firth.int32, 0),
    ):  # fmt: skip
        for _ in range(2):
            got = number_of(value, dtype)
            assert got.dtype is dtype and got.item() == want
