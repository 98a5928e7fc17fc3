"""`tf.math`."""

import numpy as np

import firth.compat.tensorflow as tf


def test_names_of_math():
    x = np.array([[3.0, -4.0], [0.0, 2.0]], "float32")
    np.testing.assert_allclose(tf.math.l2_normalize(x, 1).numpy(), [[0.6, -0.8], [0, 1]], rtol=1e-6)
    assert tf.math.count_nonzero(x, axis=0).tolist() == [1, 2]
    assert tf.math.reduce_sum(x).item() == 1 and tf.math.abs(x)[0, 1].item() == 4
    assert tf.math.squared_difference(x, 1.0)[0, 0].item() == 4
