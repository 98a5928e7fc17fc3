"""`tf.nn` and `tf.math`, against PyTorch and NumPy."""

import numpy as np
import torch

import firth.compat.tensorflow as tf

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 6, 7, 3)).astype("float32")


def test_images():
    kernel = RNG.normal(size=(3, 3, 3, 4)).astype("float32")
    x, k = torch.tensor(X).permute(0, 3, 1, 2), torch.tensor(kernel).permute(3, 2, 0, 1)
    want = torch.nn.functional.conv2d(x, k, padding=1).permute(0, 2, 3, 1).numpy()
    got = tf.nn.conv2d(X, tf.constant(kernel), strides=1, padding="SAME")
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-4, atol=1e-4)
    want = torch.nn.functional.max_pool2d(x, 2).permute(0, 2, 3, 1).numpy()
    assert np.array_equal(tf.nn.max_pool2d(X, 2, [1, 2, 2, 1], "VALID").numpy(), want)
    want = torch.nn.functional.avg_pool2d(x, 2).permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(
        tf.nn.avg_pool2d(X, 2, 2, "VALID").numpy(), want, rtol=1e-5, atol=1e-6
    )


def test_losses_and_choices():
    logits, labels = X[0, 0], np.array([0, 2, 1, 1, 0, 2, 2])
    shares = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    want = -np.log(shares[np.arange(7), labels])
    got = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-5)
    got = tf.nn.softmax_cross_entropy_with_logits(
        labels=np.eye(3, dtype="float32")[labels], logits=logits
    )
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-5)
    got = tf.nn.sigmoid_cross_entropy_with_logits(labels=np.ones_like(logits), logits=logits)
    np.testing.assert_allclose(got.numpy(), np.log1p(np.exp(-logits)), rtol=1e-4)
    values, places = tf.nn.top_k(logits, 2)
    assert np.array_equal(places.numpy(), np.argsort(-logits)[:, :2]) and values.shape == (7, 2)
    assert np.array_equal(tf.nn.in_top_k(labels, logits, 1).numpy(), logits.argmax(1) == labels)
    mean, variance = tf.nn.moments(X, [0, 1, 2])
    np.testing.assert_allclose(variance.numpy(), X.var((0, 1, 2)), rtol=1e-5)
    assert mean.shape == (3,) and np.isclose(tf.nn.l2_loss(X).item(), (X**2).sum() / 2, rtol=1e-5)
    dropped = tf.nn.dropout(tf.ones((1000,)), 0.3).numpy()
    assert 0.2 < (dropped == 0).mean() < 0.4
