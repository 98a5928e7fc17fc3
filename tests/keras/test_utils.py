"""Small helpers."""

from __future__ import annotations

import numpy as np

import firth
from firth.keras import utils
from tests.keras import peer


def test_as_keras():
    numbers = np.array([[1], [0], [3]])
    assert np.array_equal(utils.to_categorical(numbers), peer.keras.utils.to_categorical(numbers))
    x = peer.array(3, 4)
    assert np.allclose(utils.normalize(x), peer.keras.utils.normalize(x))


def test_seeds():
    utils.set_random_seed(3)
    first = firth.rand(3).tolist()
    utils.set_random_seed(3)
    assert firth.rand(3).tolist() == first
