"""Layers that disturb their input in training only."""

from __future__ import annotations

import numpy as np
import pytest

from firth import keras

LAYERS = [
    keras.layers.Dropout(0.25), keras.layers.SpatialDropout1D(0.25),
    keras.layers.GaussianNoise(0.5), keras.layers.GaussianDropout(0.25),
]  # fmt: skip


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
def test_only_in_training_and_right_on_average(layer):
    x = np.ones((64, 5, 40), "float32")
    assert np.array_equal(layer(x).numpy(), x)
    noisy = layer(x, training=True).numpy()
    assert not np.array_equal(noisy, x)
    assert abs(noisy.mean() - 1) < 0.05


def test_whole_channels_and_given_shapes():
    x = np.ones((8, 6, 10), "float32")
    channels = keras.layers.SpatialDropout1D(0.5)(x, training=True).numpy()
    assert np.array_equal(channels, np.broadcast_to(channels[:, :1], x.shape))
    shared = keras.layers.Dropout(0.5, noise_shape=(None, 1, None))(x, training=True).numpy()
    assert np.array_equal(shared, np.broadcast_to(shared[:, :1], x.shape))
