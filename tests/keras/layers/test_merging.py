"""Layers of several inputs against Keras."""

from __future__ import annotations

import numpy as np
import pytest

from firth import keras
from tests.keras import peer


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("Add", {}), ("Subtract", {}), ("Multiply", {}), ("Average", {}), ("Maximum", {}),
        ("Minimum", {}), ("Concatenate", {}), ("Concatenate", {"axis": 1}), ("Dot", {"axes": 2}),
        ("Dot", {"axes": (1, 1), "normalize": True}),
    ],
)  # fmt: skip
def test_as_keras(name, options):
    pair = [peer.array(2, 3, 4), peer.array(2, 3, 4, seed=5)]
    ours = getattr(keras.layers, name)(**options)(pair)
    theirs = getattr(peer.keras.layers, name)(**options)(pair)
    np.testing.assert_allclose(peer.numbers(ours), peer.numbers(theirs), rtol=1e-5, atol=1e-5)


def test_functions():
    pair = [peer.array(2, 3), peer.array(2, 3, seed=5)]
    assert np.allclose(keras.layers.add(pair).numpy(), pair[0] + pair[1])
    assert keras.layers.concatenate(pair, axis=0).shape == (4, 3)
