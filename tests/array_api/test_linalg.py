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
        "xp.matmul(u, xp.matrix_transpose(i))",
        "xp.tensordot(u, i, axes=((), ()))",
        "xp.tensordot(a[:0, :0], a[:0, :0])",
        "xp.linalg.cross(a[:, :3], a[0, 1:])",
        "xp.linalg.solve(a[:, :3], xp.reshape(b[:, :1], (1, 3, 1)))",
        "xp.linalg.vector_norm(a, axis=0, ord=1)",
        "xp.linalg.vector_norm(a, axis=())",
        "xp.linalg.vector_norm(xp.astype(u, xp.float64), axis=(), ord=0)",
        "xp.linalg.matrix_norm(a, keepdims=True)",
        "xp.linalg.matrix_rank(a)",
        "xp.linalg.svdvals(a)",
        "xp.linalg.pinv(a)",
        "xp.linalg.slogdet(a[:, :3])",
    ],
)
def test_as_numpy(text: str) -> None:
    check(text)
