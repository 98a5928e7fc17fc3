"""Elementwise functions of the namespace against NumPy."""

from __future__ import annotations

import pytest

from tests.array_api.same import check


@pytest.mark.parametrize(
    "text",
    [
        "xp.clip(a, -0.5, 0.5)",
        "xp.clip(a, None, b)",
        "xp.clip(a)",
        "xp.equal(i, 3)",
        "xp.floor(u)",
        "xp.sign(n)",
        "xp.signbit(n)",
        "xp.copysign(1.5, n)",
        "xp.nextafter(n, a[0, 0])",
        "xp.hypot(n, a[0, 0])",
        "xp.bitwise_invert(u)",
        "xp.positive(i)",
        "xp.pow(u, u)",
        "xp.logaddexp(a, b)",
    ],
)
def test_as_numpy(text: str) -> None:
    check(text)
