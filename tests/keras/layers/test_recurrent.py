"""Recurrent layers against Keras."""

from __future__ import annotations

import pytest

from firth import keras
from tests.keras import peer

K = peer.keras.layers
CASES = [
    ("SimpleRNN", {}), ("SimpleRNN", {"return_sequences": True, "go_backwards": True}),
    ("LSTM", {"return_state": True}), ("LSTM", {"recurrent_activation": "hard_sigmoid"}),
    ("GRU", {"return_sequences": True}), ("GRU", {"reset_after": False}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "options"), CASES)
def test_as_keras(name, options):
    ours, theirs = getattr(keras.layers, name), getattr(K, name)
    peer.same(ours(4, **options), theirs(4, **options), peer.array(3, 5, 2))


@pytest.mark.parametrize("mode", ["concat", "sum"])
def test_bidirectional(mode):
    ours = keras.layers.Bidirectional(keras.layers.LSTM(3, return_sequences=True), mode)
    theirs = K.Bidirectional(K.LSTM(3, return_sequences=True), mode)
    peer.same(ours, theirs, peer.array(2, 4, 3))


def test_a_cell_through_time():
    ours = keras.layers.RNN(keras.layers.GRUCell(3))
    peer.same(ours, K.RNN(K.GRUCell(3)), peer.array(2, 4, 3))


def test_forget_gates_begin_open():
    layer = keras.layers.LSTM(2)
    layer(peer.array(1, 2, 3))
    assert layer.cell.bias.tolist() == [0, 0, 1, 1, 0, 0, 0, 0]
