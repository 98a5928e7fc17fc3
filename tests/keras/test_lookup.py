"""Names, classes and configurations."""

from __future__ import annotations

import pytest

from firth import keras
from firth.base.errors import ArgumentError


def test_every_form_of_an_identifier():
    layer = {"class_name": "HeNormal", "config": {"seed": 3}}
    assert keras.initializers.get(layer).seed == 3
    assert isinstance(keras.initializers.get("zeros"), keras.initializers.Zeros)
    assert isinstance(keras.initializers.get(keras.initializers.Ones), keras.initializers.Ones)
    assert keras.initializers.get(None) is None
    with pytest.raises(ArgumentError, match="initializer: there is no such name; got 'he_norml'"):
        keras.initializers.get("he_norml")
    with pytest.raises(ArgumentError, match="this is no optimizer"):
        keras.optimizers.get(3)
