"""Finding, sorting and sets of the namespace against NumPy."""

from __future__ import annotations

import pytest

from tests.array_api.same import check


@pytest.mark.parametrize(
    "text",
    [
        "xp.argmax(a, axis=0)",
        "xp.argmin(a, keepdims=True)",
        "xp.count_nonzero(i, axis=0)",
        "xp.count_nonzero(i, axis=())",
        "xp.nonzero(i)",
        "xp.searchsorted(xp.sort(a[0]), b)",
        "xp.searchsorted(xp.sort(n), n, side='right')",
        "xp.searchsorted(i[0], i, sorter=xp.argsort(i[0]))",
        "xp.sort(n)",
        "xp.argsort(i, axis=0)",
        "xp.take(a, i[0, :3], axis=0)",
        "xp.take_along_axis(a, i[:, :2] % 4, axis=1)",
        "xp.take_along_axis(a, -1 - i[:, :2] % 4, axis=1)",
        "xp.isin(i, xp.asarray([3, 1]))",
        "xp.isin(i, xp.arange(3, 40), invert=True)",
        "xp.unique_all(i)",
        "xp.unique_all(n)",
        "xp.unique_counts(n)",
        "xp.unique_inverse(i)",
        "xp.unique_values(n)",
        "xp.where(t, a, b)",
    ],
)
def test_as_numpy(text: str) -> None:
    check(text)
