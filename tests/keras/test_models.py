"""`keras.models` is where models and their files are found."""

from __future__ import annotations

from firth import keras


def test_names():
    assert keras.models.Sequential is keras.Sequential and keras.models.Model is keras.Model
    assert callable(keras.models.load_model)
