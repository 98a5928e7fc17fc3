"""Penalties."""

from __future__ import annotations

import pytest

import firth
from firth import keras


def test_values_and_names():
    x = firth.tensor([1.0, -2.0])
    assert keras.regularizers.L1(0.5)(x).item() == 1.5
    assert keras.regularizers.get("l2")(x).item() == pytest.approx(0.05)
    both = keras.regularizers.L1L2(l1=1.0, l2=1.0)
    assert both(x).item() == 8.0 and both.get_config() == {"l1": 1.0, "l2": 1.0}
