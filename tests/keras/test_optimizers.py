"""Optimizers against Keras: twelve steps from the same weights with the same gradients."""

from __future__ import annotations

import numpy as np
import pytest

from firth import keras
from firth.base.errors import ArgumentError
from tests.keras import peer

CASES = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("SGD", {"weight_decay": 0.1}),
    ("Adam", {}),
    ("Adam", {"amsgrad": True, "epsilon": 1e-2}),
    ("AdamW", {}),
    ("Nadam", {}),
    ("Adamax", {}),
    ("RMSprop", {}),
    ("RMSprop", {"momentum": 0.5, "centered": True}),
    ("Adagrad", {}),
    ("Adadelta", {"learning_rate": 1.0}),
    ("Lion", {}),
    ("SGD", {"clipnorm": 0.3}),
    ("SGD", {"clipvalue": 0.1}),
    ("SGD", {"global_clipnorm": 0.3}),
]


@pytest.mark.parametrize(("name", "options"), CASES)
def test_as_keras(name, options):
    start = [peer.array(3, 4), peer.array(5, seed=4)]
    ours_vars = [keras.Variable(v) for v in start]
    their_vars = [peer.keras.Variable(v) for v in start]
    ours, theirs = (
        getattr(keras.optimizers, name)(**options),
        getattr(peer.keras.optimizers, name)(**options),
    )
    for step in range(12):
        grads = [peer.array(*v.shape, seed=20 + step) for v in start]
        ours.apply_gradients(zip(grads, ours_vars, strict=True))
        theirs.apply([peer.keras.ops.convert_to_tensor(g) for g in grads], their_vars)
    for a, b in zip(ours_vars, their_vars, strict=True):
        np.testing.assert_allclose(peer.numbers(a), peer.numbers(b.value), rtol=2e-5, atol=2e-6)


def test_rates_and_counts():
    v = keras.Variable(1.0)
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)
    optimizer = keras.optimizers.SGD(schedule)
    for _ in range(3):
        optimizer.apply_gradients([(np.float32(1.0), v)])
    assert v.item() == pytest.approx(1 - 0.1 - 0.05 - 0.025)
    assert optimizer.iterations.item() == 3
    optimizer.learning_rate.assign(0.5)
    assert float(optimizer.learning_rate) == 0.5 and optimizer.learning_rate * 2 == 1.0


def test_mistakes_and_configurations():
    with pytest.raises(ArgumentError, match="is it 'adam'"):
        keras.optimizers.get("adom")
    with pytest.raises(ArgumentError, match="one way of clipping"):
        keras.optimizers.Adam(clipnorm=1.0, clipvalue=1.0)
    config = keras.optimizers.Adam(0.01, beta_1=0.8, clipnorm=1.0).get_config()
    again = keras.optimizers.Adam.from_config(config)
    assert again.beta_1 == 0.8 and again.clipnorm == 1.0 and float(again.learning_rate) == 0.01
