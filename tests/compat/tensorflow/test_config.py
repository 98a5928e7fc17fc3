"""`tf.config`."""

import firth.compat.tensorflow as tf


def test_there_is_one_device():
    assert [d.device_type for d in tf.config.list_physical_devices()] == ["CPU"]
    assert tf.config.list_physical_devices("GPU") == []
    with tf.device("/CPU:0"):
        assert tf.constant(1.0).item() == 1
    tf.config.run_functions_eagerly(True)
    tf.config.set_visible_devices([], "GPU")
