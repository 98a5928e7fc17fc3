"""Gradient tapes."""

import numpy as np
import pytest

import firth.compat.tensorflow as tf
from firth.base.errors import GradientError


def test_sources_keep_their_nesting_and_unconnected_ones_are_none():
    a, b, c = tf.Variable(2.0), tf.Variable(3.0), tf.Variable(1.0)
    with tf.GradientTape() as tape:
        y = a * a * b
    found = tape.gradient(y, {"a": a, "rest": [b, c]})
    assert found["a"].item() == 12 and found["rest"][0].item() == 4 and found["rest"][1] is None
    with tf.GradientTape() as tape:
        y = a + 0.0
    assert tape.gradient(y, c, unconnected_gradients=tf.UnconnectedGradients.ZERO).item() == 0


def test_a_tape_is_asked_once_unless_persistent():
    x = tf.Variable([1.0, 2.0])
    with tf.GradientTape() as once, tf.GradientTape(persistent=True) as often:
        y = x * x
    assert once.gradient(y, x, output_gradients=tf.constant([1.0, 10.0])).tolist() == [2, 40]
    with pytest.raises(GradientError, match="this tape was asked already"):
        once.gradient(y, x)
    assert often.gradient(y, x).tolist() == often.gradient(y, x).tolist() == [2, 4]


def test_watched_constants_and_jacobians():
    x = tf.constant([1.0, 2.0, 3.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x[:2] * x[1:]
    expected = np.array([[2, 1, 0], [0, 3, 2]])
    assert np.array_equal(tape.jacobian(y, x).numpy(), expected)
    assert tape.watched_variables()[0] is x


def test_inside_a_function():
    v = tf.Variable(3.0)

    @tf.function
    def slope(scale):
        with tf.GradientTape() as tape:
            y = scale * v * v
        return tape.gradient(y, v)

    assert [slope(tf.constant(s)).item() for s in (1.0, 2.0, 0.5)] == [6, 12, 3]
