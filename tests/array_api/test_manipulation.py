"""Shapes and places of the namespace against NumPy."""

from __future__ import annotations

import pytest

from tests.array_api.same import check


@pytest.mark.parametrize(
    "text",
    [
        "xp.concat([a, u, t], axis=None)",
        "xp.expand_dims(a, axis=(0, -1))",
        "xp.flip(a)",
        "xp.flip(a, axis=-1)",
        "xp.flip(a, axis=())",
        "xp.moveaxis(xp.reshape(a, (3, 2, 2)), (0, 1), (-1, 0))",
        "xp.repeat(a, 2, axis=1)",
        "xp.repeat(a, i[0, :3], axis=0)",
        "xp.roll(a, (1, -2), axis=(0, 1))",
        "xp.roll(a, 5)",
        "xp.squeeze(a[:, :1], axis=1)",
        "xp.tile(a, (2, 1, 1))",
        "xp.unstack(a, axis=1)",
        "xp.broadcast_arrays(a, a[0])",
        "xp.broadcast_shapes((2, 1), (3,))",
        "xp.broadcast_to(a, (2, 3, 4))",
        "xp.permute_dims(a, (1, 0))",
        "xp.stack([a, b], axis=1)",
    ],
)
def test_as_numpy(text: str) -> None:
    check(text)
