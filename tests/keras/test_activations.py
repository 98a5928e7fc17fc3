"""Activations against Keras."""

from __future__ import annotations

import numpy as np
import pytest

import firth
from firth import keras
from tests.keras import peer

NAMES = [
    "linear", "relu", "relu6", "leaky_relu", "elu", "celu", "selu", "gelu", "sigmoid",
    "hard_sigmoid", "log_sigmoid", "silu", "hard_silu", "mish", "softplus", "softsign", "tanh",
    "exponential", "softmax", "log_softmax",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_as_keras(name):
    x = peer.array(3, 7, low=-4, high=4)
    ours = keras.activations.get(name)(firth.from_numpy(x))
    theirs = peer.keras.activations.get(name)(x)
    np.testing.assert_allclose(ours.numpy(), peer.numbers(theirs), rtol=1e-5, atol=1e-6)
