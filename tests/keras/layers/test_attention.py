"""Attention layers against Keras."""

from __future__ import annotations

import numpy as np
import pytest

from firth import keras
from tests.keras import peer

K = peer.keras.layers


@pytest.mark.parametrize("call", [{}, {"use_causal_mask": True}])
def test_multi_head_attention(call):
    x, y = peer.array(2, 5, 8), peer.array(2, 5, 8, seed=3)
    ours, theirs = keras.layers.MultiHeadAttention(2, 3), K.MultiHeadAttention(2, 3)
    ours(x, y), theirs(x, y)
    peer.give_weights(ours, theirs)
    np.testing.assert_allclose(
        peer.numbers(ours(x, y, **call)), peer.numbers(theirs(x, y, **call)), rtol=2e-5, atol=2e-5
    )


def test_scores_and_masks():
    x = peer.array(2, 4, 6)
    mask = np.tril(np.ones((2, 4, 4), bool))
    ours, theirs = keras.layers.MultiHeadAttention(2, 3), K.MultiHeadAttention(2, 3)
    ours(x, x), theirs(x, x)
    peer.give_weights(ours, theirs)
    options = {"attention_mask": mask, "return_attention_scores": True}
    for a, b in zip(ours(x, x, **options), theirs(x, x, **options), strict=True):
        np.testing.assert_allclose(peer.numbers(a), peer.numbers(b), rtol=2e-5, atol=2e-5)


def test_attention():
    pair = [peer.array(2, 4, 6), peer.array(2, 5, 6, seed=2)]
    ours, theirs = keras.layers.Attention(), K.Attention()
    np.testing.assert_allclose(
        peer.numbers(ours(pair)), peer.numbers(theirs(pair)), rtol=2e-5, atol=2e-5
    )
