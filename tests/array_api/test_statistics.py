"""Reductions of the namespace against NumPy."""

from __future__ import annotations

import pytest

from tests.array_api.same import check


@pytest.mark.parametrize(
    "text",
    [
        "xp.sum(u)",
        "xp.sum(t, axis=0)",
        "xp.sum(a, axis=(0, 1), keepdims=True)",
        "xp.sum(a, axis=())",
        "xp.prod(u, axis=1)",
        "xp.max(n)",
        "xp.min(a, axis=(1,), keepdims=True)",
        "xp.mean(a, axis=0)",
        "xp.var(a, axis=1, correction=1.0)",
        "xp.std(a, correction=0)",
        "xp.var(a, axis=())",
        "xp.all(i, axis=0)",
        "xp.any(i, axis=())",
        "xp.cumulative_sum(u, axis=1, include_initial=True)",
        "xp.cumulative_prod(a, axis=0)",
        "xp.diff(a, axis=0)",
        "xp.diff(a, n=2, prepend=a[:, :1], append=b)",
    ],
)
def test_as_numpy(text: str) -> None:
    check(text)
