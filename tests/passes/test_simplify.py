"""Rewrites, as text before and after."""

from __future__ import annotations

import pytest

import firth.ops  # noqa: F401 (fills the table)
from firth.ir.text import from_text, to_text
from firth.passes.lower import lower

CASES = {
    "the same value twice is one": (
        """
        %0 = input(index=0) float32[4]
        %1 = exp(%0) float32[4]
        %2 = exp(%0) float32[4]
        %3 = add(%1, %2) float32[4]
        return %3
        """,
        """
        %0 = input(index=0) float32[4]
        %1 = exp(%0) float32[4]
        %2 = add(%1, %1) float32[4]
        return %2
        """,
    ),
    "reshapes in a row are one": (
        """
        %0 = input(index=0) float32[4, 6]
        %1 = reshape(%0; shape=(24,)) float32[24]
        %2 = reshape(%1; shape=(8, 3)) float32[8, 3]
        return %2
        """,
        """
        %0 = input(index=0) float32[4, 6]
        %1 = reshape(%0; shape=(8, 3)) float32[8, 3]
        return %1
        """,
    ),
    "permutations compose, and to nothing where they undo each other": (
        """
        %0 = input(index=0) float32[2, 3, 4]
        %1 = permute(%0; axes=(1, 2, 0)) float32[3, 4, 2]
        %2 = permute(%1; axes=(2, 0, 1)) float32[2, 3, 4]
        %3 = neg(%2) float32[2, 3, 4]
        return %3
        """,
        """
        %0 = input(index=0) float32[2, 3, 4]
        %1 = neg(%0) float32[2, 3, 4]
        return %1
        """,
    ),
    "numbers are computed now": (
        """
        %0 = input(index=0) float32[3]
        %1 = const(value=2.0, dtype=float32) float32[]
        %2 = const(value=3.0, dtype=float32) float32[]
        %3 = mul(%1, %2) float32[]
        %4 = reshape(%3; shape=(1,)) float32[1]
        %5 = expand(%4; shape=(3,)) float32[3]
        %6 = add(%0, %5) float32[3]
        return %6
        """,
        """
        %0 = input(index=0) float32[3]
        %1 = const(value=6.0, dtype=float32) float32[]
        %2 = reshape(%1; shape=(1,)) float32[1]
        %3 = expand(%2; shape=(3,)) float32[3]
        %4 = add(%0, %3) float32[3]
        return %4
        """,
    ),
    "adding 0.0 is kept: it changes -0.0": (
        """
        %0 = input(index=0) float32[]
        %1 = const(value=0.0, dtype=float32) float32[]
        %2 = add(%0, %1) float32[]
        return %2
        """,
        None,
    ),
    "multiplying by 1 is not": (
        """
        %0 = input(index=0) float32[]
        %1 = const(value=1.0, dtype=float32) float32[]
        %2 = mul(%1, %0) float32[]
        %3 = exp(%2) float32[]
        return %3
        """,
        """
        %0 = input(index=0) float32[]
        %1 = exp(%0) float32[]
        return %1
        """,
    ),
    "reducing extents of 1 is a reshape": (
        """
        %0 = input(index=0) float32[4, 1]
        %1 = sum(%0; axes=(1,), keepdims=False) float32[4]
        return %1
        """,
        """
        %0 = input(index=0) float32[4, 1]
        %1 = reshape(%0; shape=(4,)) float32[4]
        return %1
        """,
    ),
    "equal elements are in order already": (
        """
        %0 = const(value=2.0, dtype=float32) float32[]
        %1 = reshape(%0; shape=(1,)) float32[1]
        %2 = expand(%1; shape=(4,)) float32[4]
        %3 = argsort(%2; axis=0, descending=True) int64[4]
        return %3
        """,
        """
        %0 = iota(extent=4, dtype=int64) int64[4]
        return %0
        """,
    ),
}


def normal(text: str) -> str:
    return to_text(from_text(text))


@pytest.mark.parametrize("name", CASES)
def test_rewrites(name: str) -> None:
    before, after = CASES[name]
    assert to_text(lower(from_text(before))) == normal(after or before)
