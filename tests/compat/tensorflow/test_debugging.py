"""`tf.debugging`."""

import pytest

import firth.compat.tensorflow as tf
from firth.base.errors import ArgumentError


def test_checks():
    tf.debugging.assert_equal([1, 2], [1, 2])
    tf.debugging.assert_near(1.0, 1.0 + 1e-8)
    with pytest.raises(ArgumentError, match="sizes differ"):
        tf.debugging.assert_equal([1], [2], message="sizes differ")
    with pytest.raises(ArgumentError, match="assert_near"):
        tf.debugging.assert_near(1.0, 2.0)
    with pytest.raises(ArgumentError, match="expected finite numbers"):
        tf.debugging.check_numerics(tf.constant([1.0, float("nan")]), "loss")
