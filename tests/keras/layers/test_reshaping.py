"""Layers that move elements, against Keras."""

from __future__ import annotations

import pytest

from firth import keras
from tests.keras import peer

IMAGE, SEQUENCE = (2, 4, 6, 3), (2, 5, 3)
CASES = [
    ("Flatten", IMAGE, {}),
    ("Reshape", IMAGE, {"target_shape": (8, -1)}),
    ("Permute", IMAGE, {"dims": (3, 1, 2)}),
    ("RepeatVector", (2, 3), {"n": 4}),
    ("ZeroPadding1D", SEQUENCE, {"padding": (1, 2)}),
    ("ZeroPadding2D", IMAGE, {"padding": ((1, 0), (2, 1))}),
    ("Cropping1D", SEQUENCE, {"cropping": (1, 2)}),
    ("Cropping2D", IMAGE, {"cropping": (1, 2)}),
    ("UpSampling1D", SEQUENCE, {"size": 3}),
    ("UpSampling2D", IMAGE, {"size": (2, 3)}),
    ("Rescaling", IMAGE, {"scale": 0.5, "offset": 1.0}),
]


@pytest.mark.parametrize(("name", "shape", "options"), CASES)
def test_as_keras(name, shape, options):
    ours, theirs = getattr(keras.layers, name), getattr(peer.keras.layers, name)
    peer.same(ours(**options), theirs(**options), peer.array(*shape))
