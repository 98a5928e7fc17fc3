"""Normalisation against Keras."""

from __future__ import annotations

import numpy as np
import pytest

from firth import keras
from tests.keras import peer

K = peer.keras.layers


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("shape", [(6, 5), (3, 4, 5, 2)])
def test_batch_normalization(shape, training):
    ours, theirs = keras.layers.BatchNormalization(), K.BatchNormalization()
    peer.same(ours, theirs, peer.array(*shape), training=training)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_frozen_batch_normalization_uses_its_averages():
    layer = keras.layers.BatchNormalization()
    x = peer.array(6, 3)
    layer(x)
    layer.trainable = False
    assert np.array_equal(layer(x, training=True).numpy(), layer(x).numpy())
    assert layer.trainable_weights == []


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("LayerNormalization", {}), ("LayerNormalization", {"axis": [1, 2]}),
        ("GroupNormalization", {"groups": 2}), ("RMSNormalization", {}), ("UnitNormalization", {}),
    ],
)  # fmt: skip
def test_as_keras(name, options):
    ours, theirs = getattr(keras.layers, name), getattr(K, name)
    peer.same(ours(**options), theirs(**options), peer.array(3, 5, 4))


def test_normalization_adapts():
    x = peer.array(20, 3)
    ours, theirs = keras.layers.Normalization(), K.Normalization()
    ours.adapt(x), theirs.adapt(x)
    np.testing.assert_allclose(peer.numbers(ours(x)), peer.numbers(theirs(x)), rtol=1e-4, atol=1e-5)
