"""Activation layers against Keras."""

from __future__ import annotations

import pytest

from firth import keras
from tests.keras import peer


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ReLU", {}), ("ReLU", {"max_value": 1.0, "negative_slope": 0.1, "threshold": 0.3}),
        ("LeakyReLU", {}), ("ELU", {"alpha": 0.5}), ("PReLU", {}), ("PReLU", {"shared_axes": [1]}),
        ("Softmax", {}), ("Softmax", {"axis": 1}),
    ],
)  # fmt: skip
def test_as_keras(name, options):
    ours, theirs = getattr(keras.layers, name), getattr(peer.keras.layers, name)
    peer.same(ours(**options), theirs(**options), peer.array(3, 4, 5))
