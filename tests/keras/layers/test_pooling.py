"""Pooling against Keras."""

from __future__ import annotations

import pytest

from firth import keras
from tests.keras import peer

CASES = [
    *((f"{kind}Pooling{axes}D", shape, options)
      for kind in ("Max", "Average")
      for axes, shape in ((1, (2, 7, 3)), (2, (2, 7, 7, 3)))
      for options in ({"pool_size": 2}, {"pool_size": 3, "strides": 2, "padding": "same"})),
    *((f"Global{kind}Pooling{axes}D", shape, options)
      for kind in ("Max", "Average")
      for axes, shape in ((1, (2, 7, 3)), (2, (2, 7, 6, 3)))
      for options in ({}, {"keepdims": True})),
]  # fmt: skip


@pytest.mark.parametrize(("name", "shape", "options"), CASES)
def test_as_keras(name, shape, options):
    ours, theirs = getattr(keras.layers, name), getattr(peer.keras.layers, name)
    peer.same(ours(**options), theirs(**options), peer.array(*shape))
