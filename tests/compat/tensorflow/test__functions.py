"""TensorFlow's argument orders and dtypes, against NumPy."""

from collections import deque

import numpy as np
import pytest

import firth.compat.tensorflow as tf

X = np.arange(12, dtype="float32").reshape(3, 4)
CASES = [
    (lambda: tf.transpose(X), X.T),
    (lambda: tf.transpose(X[None], [0, 2, 1]), X.T[None]),
    (lambda: tf.reduce_sum(X, [0, 1]), X.sum()),
    (lambda: tf.reduce_max(X, axis=-1), X.max(-1)),
    (lambda: tf.reduce_mean(X, 0, keepdims=True), X.mean(0, keepdims=True)),
    (lambda: tf.reduce_std(X), X.std()),
    (lambda: tf.reduce_any(X > 10), True),
    (lambda: tf.argmax(X), X.argmax(0)),
    (lambda: tf.argsort(-X), (-X).argsort(-1)),
    (lambda: tf.sort(X, direction="DESCENDING"), np.sort(X)[:, ::-1]),
    (lambda: tf.clip_by_value(X, 2.0, 5.0), X.clip(2, 5)),
    (lambda: tf.pow(X, 2), X**2),
    (lambda: tf.expand_dims(X, -1), X[..., None]),
    (lambda: tf.squeeze(X[None]), X),
    (lambda: tf.split(X, 2, axis=1)[1], X[:, 2:]),
    (lambda: tf.split(X, [1, 3], 1)[1], X[:, 1:]),
    (lambda: tf.tile(X, [1, 2]), np.tile(X, (1, 2))),
    (lambda: tf.unstack(X)[2], X[2]),
    (lambda: tf.gather(X, [2, 0], axis=1), X[:, [2, 0]]),
    (lambda: tf.gather_nd(X, [[0, 1], [2, 3]]), X[[0, 2], [1, 3]]),
    (lambda: tf.boolean_mask(X, X > 8), X[X > 8]),
    (lambda: tf.reverse(X, [0]), X[::-1]),
    (lambda: tf.pad(X, [[1, 0], [0, 2]]), np.pad(X, [[1, 0], [0, 2]])),
    (lambda: tf.pad(X, [[1, 1], [2, 1]], "REFLECT"), np.pad(X, [[1, 1], [2, 1]], "reflect")),
    (lambda: tf.matmul(X, X, transpose_b=True), X @ X.T),
    (lambda: tf.einsum("ij,kj->ik", X, X), X @ X.T),
    (lambda: tf.tensordot(X, X.T, 1), X @ X.T),
    (lambda: tf.cumsum(X, 1), X.cumsum(1)),
    (lambda: tf.where(X > 5, X, 0.0), np.where(X > 5, X, 0)),
    (lambda: tf.fill([2, 2], 7), np.full((2, 2), 7)),
    (lambda: tf.eye(2, 3), np.eye(2, 3)),
    (lambda: tf.range(1, 10, 3), np.arange(1, 10, 3)),
    (lambda: tf.range(3, 1), np.arange(3, 1)),
    (lambda: tf.sequence_mask([1, 3], 4), np.array([[1, 0, 0, 0], [1, 1, 1, 0]], bool)),
    (lambda: tf.one_hot([1, 0], 2, on_value=5.0, off_value=-1.0), np.array([[-1, 5], [5, -1]])),
    (lambda: tf.norm(X), np.linalg.norm(X)),
    (lambda: tf.norm(X, 1, axis=1), np.abs(X).sum(1)),
    (lambda: tf.clip_by_norm(X, 2.0), X * 2 / np.linalg.norm(X)),
    (lambda: tf.tensor_scatter_nd_update(X, [[0, 0], [1, 1]], [9.0, 8.0])[1, 1], 8),
    (lambda: tf.tensor_scatter_nd_add(X, [[1], [1]], [X[0], X[0]])[1], X[1] + 2 * X[0]),
    (lambda: tf.add_n([X, X]), 2 * X),
    (lambda: tf.meshgrid([1, 2], [3, 4, 5])[0], np.meshgrid([1, 2], [3, 4, 5])[0]),
]


@pytest.mark.parametrize("case", range(len(CASES)))
def test_as_numpy(case):
    call, expected = CASES[case]
    np.testing.assert_allclose(np.asarray(call()), expected, rtol=1e-6)


def test_dtypes_of_python_numbers():
    assert tf.constant([1, 2]).dtype is tf.int32 and tf.constant(1.0).dtype is tf.float32
    assert tf.constant(np.zeros(2)).dtype is tf.float64 and tf.constant(3, shape=(2,)).shape == (2,)
    assert tf.cast([1.7], tf.int32).tolist() == [1] and tf.constant([True]).dtype is tf.bool
    assert tf.reduce_sum(tf.constant([1, 2])).dtype is tf.int32


def test_shapes_control_flow_and_specs():
    rows, columns = tf.shape(X)
    assert (rows, columns) == (3, 4) and tf.shape(X).numpy().dtype == np.int32
    assert (
        tf.TensorShape([None, 3]).as_list() == [None, 3] and tf.TensorSpec([2]).dtype is tf.float32
    )
    assert tf.cond(tf.constant(True), lambda: 1, lambda: 2) == 1
    total = tf.while_loop(
        lambda i, s: i < 4, lambda i, s: (i + 1, s + i), [tf.constant(0), tf.constant(0)]
    )[1]
    assert total.item() == 6 and tf.executing_eagerly()


def test_functions_are_compiled_once_and_take_arrays():
    seen = deque()

    @tf.function(input_signature=[tf.TensorSpec([None])])
    def double(x):
        seen.append(1)
        return x * 2

    for n in (2, 2, 2):
        assert double(np.ones(n, "float32")).tolist() == [2] * n
    assert len(seen) <= 2, "recorded once, and once more to compare"


def test_global_norm():
    grads, norm = tf.clip_by_global_norm([tf.constant([3.0]), None, tf.constant([4.0])], 1.0)
    assert norm.item() == 5 and grads[1] is None and grads[2].item() == pytest.approx(0.8)
