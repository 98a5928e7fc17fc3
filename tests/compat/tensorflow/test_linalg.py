"""`tf.linalg`."""

import numpy as np

import firth.compat.tensorflow as tf


def test_names():
    x = tf.constant([[2.0, 1.0], [1.0, 3.0]])
    assert np.allclose(tf.linalg.inv(x).numpy() @ x.numpy(), np.eye(2), atol=1e-6)
    assert np.isclose(tf.linalg.det(x).item(), 5) and tf.linalg.norm(x).item() > 3
