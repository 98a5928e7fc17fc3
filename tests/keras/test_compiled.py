"""Compiled functions tell their optimizers about every step."""

from __future__ import annotations

import numpy as np

from firth import keras
from firth.keras.compiled import Compiled
from firth.tensor import autograd


def test_a_schedule_sees_every_step_of_a_compiled_function():
    v = keras.Variable(1.0)
    optimizer = keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5))

    def step(scale):
        loss = v * scale
        optimizer.apply_gradients([(autograd.grad(loss, [v])[0], v)])
        return loss

    compiled = Compiled(step)
    for _ in range(6):
        compiled(keras.ops.convert_to_tensor(np.float32(1.0)))
    assert np.isclose(v.item(), 1 - 0.1 * (1 - 0.5**6) / 0.5)
    assert optimizer.iterations.item() == 6
    assert len(compiled._jitted.misses) == 2  # the first ended when the state was made


def test_weights_are_made_outside_of_the_recording():
    layer = keras.Sequential([keras.layers.Dense(3), keras.layers.BatchNormalization()])
    compiled = Compiled(lambda x: layer(x, training=True))
    x = keras.ops.convert_to_tensor(np.ones((4, 2), "float32"))
    for _ in range(4):
        assert compiled(x).shape == (4, 3)
    assert layer.layers[1].moving_variance.numpy().max() < 0.97
