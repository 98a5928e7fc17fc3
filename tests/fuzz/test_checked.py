"""Random graphs with FIRTH_CHECK=1: nothing reaches outside of a buffer, and the answers stay."""

from __future__ import annotations

import pytest

from firth.base import flags
from tests.fuzz.test_graphs import check


@pytest.mark.parametrize("first", range(0, 20, 5))
def test_checked_code_agrees_with_ref(first):
    flags.put("FIRTH_CHECK", "1")
    try:
        for seed in range(first, first + 5):
            check(seed)
    finally:
        flags.put("FIRTH_CHECK", None)
