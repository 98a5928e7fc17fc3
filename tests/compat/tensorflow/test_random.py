"""`tf.random`."""

import numpy as np

import firth.compat.tensorflow as tf


def test_numbers_follow_the_seed():
    tf.random.set_seed(4)
    first = tf.random.normal((1000,), 2.0, 0.5).numpy()
    tf.random.set_seed(4)
    assert np.array_equal(tf.random.normal((1000,), 2.0, 0.5).numpy(), first)
    assert abs(first.mean() - 2) < 0.1 and abs(first.std() - 0.5) < 0.05


def test_ranges():
    whole = tf.random.uniform((500,), 2, 5, tf.int32)
    assert whole.dtype is tf.int32 and set(whole.tolist()) == {2, 3, 4}
    assert np.abs(tf.random.truncated_normal((500,)).numpy()).max() <= 2
    assert sorted(tf.random.shuffle(np.arange(5)).tolist()) == [0, 1, 2, 3, 4]
    drawn = tf.random.categorical(np.log([[0.01, 0.99]]).astype("float32"), 100)
    assert drawn.shape == (1, 100) and drawn.float().mean().item() > 0.8
