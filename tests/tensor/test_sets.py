"""Distinct elements and places in sorted rows, against NumPy and PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

import firth
from tests.tensor.parity import check


@pytest.mark.parametrize("text", [
    "m.unique(i%3)",
    "m.searchsorted(x.sort(1).values,x*1.5)",
    "m.searchsorted(x[0].sort().values,x,right=True)",
    "m.searchsorted(x[0],x,sorter=x[0].argsort())",
    "m.isin(i%3,m.tensor([1,5]))",
    "m.isin(i,m.tensor(1),invert=True)",
])  # fmt: skip
def test_as_pytorch(text: str) -> None:
    check(text)


def test_places_among_many() -> None:
    rng = np.random.default_rng(0)
    for n in (0, 1, 2, 7, 64, 65):
        rows = np.sort(rng.integers(0, 20, n)).astype(float)
        if n > 5:
            rows[-2:] = np.nan
        x = np.array([-1.0, 0, 3, 10, 19.5, 30, np.nan, np.inf])
        for side in ("left", "right"):
            got = firth.searchsorted(firth.tensor(rows), firth.tensor(x), side=side)
            np.testing.assert_array_equal(got.numpy(), np.searchsorted(rows, x, side=side))


def test_each_nan_is_distinct() -> None:
    values, counts = firth.unique(firth.tensor([np.nan, 1, np.nan]), return_counts=True)
    assert values.shape == (3,) and counts.tolist() == [1, 1, 1]
