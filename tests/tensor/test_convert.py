"""Dtypes and copies."""

from __future__ import annotations

import pytest

from tests.tensor.parity import check

EXPRESSIONS = [
    "x.long()",
    "x.double()",
    "x.bool()",
    "x.to(m.float64)",
    "list(x.shape)",
    "x.size(1)",
    "x.numel()",
]


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_as_pytorch(text: str) -> None:
    check(text)
