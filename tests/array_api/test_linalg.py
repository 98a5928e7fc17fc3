"""Linear algebra of the namespace against NumPy."""

from __future__ import annotations

import pytest

from tests.array_api.same import check


@pytest.mark.parametrize(
    "text",
    [
        "xp.matmul(a, xp.linalg.matrix_transpose(b))",
        "xp.matrix_transpose(a)",
        "xp.tensordot(a, b, axes=((0,), (0,)))",
        "xp.vecdot(a, b, axis=0)",
        "xp.vecdot(a, b[0])",
        "xp.vecdot(u, u)",
        "xp.linalg.outer(a[0], b[1])",
        "xp.linalg.diagonal(a, offset=1)",
        "xp.linalg.trace(u)",
    ],
)
def test_as_numpy(text: str) -> None:
    check(text)
