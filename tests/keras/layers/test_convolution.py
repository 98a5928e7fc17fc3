"""Convolutions against Keras."""

from __future__ import annotations

import pytest

from firth import keras
from firth.base.errors import ArgumentError
from tests.keras import peer

CASES = [
    (
        "Conv1D",
        (2, 9, 3),
        {"filters": 4, "kernel_size": 3, "padding": "causal", "dilation_rate": 2},
    ),
    ("Conv1D", (2, 9, 3), {"filters": 4, "kernel_size": 2, "strides": 2, "padding": "same"}),
    ("Conv2D", (2, 7, 8, 3), {"filters": 4, "kernel_size": 3, "activation": "relu"}),
    (
        "Conv2D",
        (2, 7, 8, 3),
        {"filters": 4, "kernel_size": (3, 2), "strides": 2, "padding": "same"},
    ),
    ("Conv2D", (2, 7, 8, 4), {"filters": 4, "kernel_size": 3, "groups": 2, "use_bias": False}),
    ("DepthwiseConv2D", (2, 7, 8, 3), {"kernel_size": 3, "depth_multiplier": 2, "padding": "same"}),
    ("DepthwiseConv1D", (2, 9, 3), {"kernel_size": 3}),
    ("SeparableConv2D", (2, 7, 8, 3), {"filters": 5, "kernel_size": 3, "depth_multiplier": 2}),
    ("SeparableConv1D", (2, 9, 3), {"filters": 5, "kernel_size": 3, "padding": "same"}),
    (
        "Conv2DTranspose",
        (2, 4, 5, 3),
        {"filters": 4, "kernel_size": 3, "strides": 2, "padding": "same"},
    ),
    ("Conv2DTranspose", (2, 4, 5, 3), {"filters": 4, "kernel_size": 3, "strides": 2}),
    ("Conv2DTranspose", (2, 4, 5, 3), {"filters": 4, "kernel_size": 2, "strides": 3}),
    (
        "Conv1DTranspose",
        (2, 4, 3),
        {"filters": 4, "kernel_size": 4, "strides": 2, "padding": "same"},
    ),
]


@pytest.mark.parametrize(("name", "shape", "options"), CASES)
def test_as_keras(name, shape, options):
    ours, theirs = getattr(keras.layers, name), getattr(peer.keras.layers, name)
    peer.same(ours(**options), theirs(**options), peer.array(*shape))


def test_unknown_padding():
    with pytest.raises(ArgumentError, match="unknown padding; got 'full'"):
        keras.layers.Conv2D(3, 3, padding="full")
