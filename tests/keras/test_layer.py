"""Layers of users: building, modes, weights, lists of layers, configurations."""

from __future__ import annotations

import numpy as np
import pytest

from firth import keras
from firth.base.errors import ArgumentError


class Block(keras.layers.Layer):
    """Two layers in a list, and a weight of its own."""

    def __init__(self, units=3, **options):
        super().__init__(**options)
        self.units = units
        self.parts = [keras.layers.Dense(units), keras.layers.BatchNormalization()]
        self.seen = []

    def build(self, input_shape):
        self.gain = self.add_weight(shape=(self.units,), initializer="ones", name="gain")

    def call(self, x, training=None):
        self.seen.append(training)
        for part in self.parts:
            x = part(x)
        return x * self.gain


def test_weights_modes_and_lists():
    block = Block()
    x = np.ones((4, 2), "float32")
    assert not block.built
    block(x), block(x, training=True)
    assert block.built and block.seen == [False, True]
    names = [w.name for w in block.weights]
    assert names == ["gain", "kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance"]
    assert len(block.trainable_weights) == 5 and block.count_params() == 3 + 9 + 12
    assert block.parts[1].moving_mean.numpy().any(), "the list's layers followed the mode"


def test_weights_in_and_out():
    block = Block()
    block(np.ones((4, 2), "float32"))
    fresh = [np.full(w.shape, k, "float32") for k, w in enumerate(block.weights)]
    block.set_weights(fresh)
    for got, given in zip(block.get_weights(), fresh, strict=True):
        assert np.array_equal(got, given)
    with pytest.raises(ArgumentError, match="these weights do not fit"):
        block.set_weights(fresh[:-1])


def test_freezing_and_losses():
    block = Block()
    block(np.ones((4, 2), "float32"))
    block.trainable = False
    assert block.trainable_weights == [] and len(block.non_trainable_weights) == 7
    block.trainable = True
    assert len(block.trainable_weights) == 5
    dense = keras.layers.Dense(2, kernel_regularizer=keras.regularizers.L2(0.5))
    dense(np.ones((1, 3), "float32"))
    assert np.isclose(dense.losses[0].item(), 0.5 * np.square(dense.kernel.detach().numpy()).sum())


def test_configuration():
    block = Block(units=5, name="mine")
    assert block.get_config() == {"units": 5, "name": "mine"}
    assert Block.from_config(block.get_config()).units == 5
