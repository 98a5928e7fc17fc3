"""Values that are not there yet."""

from __future__ import annotations

import numpy as np
import pytest

from firth import keras


def test_shapes_are_found_by_recording():
    x = keras.Input((None, 8))
    assert keras.layers.LSTM(4, return_sequences=True)(x).shape == (None, None, 4)
    assert keras.layers.Conv1D(6, 3)(x).shape == (None, None, 6)
    image = keras.Input((32, 32, 3), batch_size=2)
    assert keras.layers.Conv2D(4, 3)(image).shape == (2, 30, 30, 4)


def test_operators_and_functions():
    x = keras.Input((4,))
    y = keras.ops.exp(2 * x + 1)[:, :2] @ keras.ops.ones((2, 3))
    model = keras.Model(x, y)
    assert y.shape == (None, 3) and np.allclose(model(np.zeros((1, 4), "float32")), 2 * np.e)


def test_no_value_yet():
    with pytest.raises(TypeError, match="it has no value yet"):
        bool(keras.Input((2,)))
