"""Dense, Embedding and the simple layers against Keras."""

from __future__ import annotations

import numpy as np
import pytest

from firth import keras
from firth.base.errors import ArgumentError, ShapeError
from tests.keras import peer

K = peer.keras.layers


@pytest.mark.parametrize("options", [{}, {"activation": "gelu"}, {"use_bias": False}])
def test_dense(options):
    peer.same(keras.layers.Dense(5, **options), K.Dense(5, **options), peer.array(4, 3, 7))


def test_embedding():
    x = np.array([[1, 3], [0, 2]])
    peer.same(keras.layers.Embedding(5, 4), K.Embedding(5, 4), x)


def test_activation_lambda_identity_time_distributed():
    x = peer.array(2, 3, 4)
    peer.same(keras.layers.Activation("silu"), K.Activation("silu"), x)
    assert np.allclose(keras.layers.Lambda(lambda v: v * 2)(x).numpy(), x * 2)
    assert np.array_equal(keras.layers.Identity()(x).numpy(), x)
    ours = keras.layers.TimeDistributed(keras.layers.Dense(2))
    peer.same(ours, K.TimeDistributed(K.Dense(2)), x)


def test_mistakes_are_named():
    layer = keras.layers.Dense(3, name="head")
    layer(peer.array(2, 4))
    with pytest.raises(ShapeError, match="head: the last axis does not fit the kernel"):
        layer(peer.array(2, 5))
    with pytest.raises(ArgumentError, match="is it 'relu'"):
        keras.layers.Dense(3, activation="relo")
    with pytest.raises(ArgumentError, match="no such arguments; got unit"):
        keras.layers.Dense(3, unit=4)
