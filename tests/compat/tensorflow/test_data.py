"""`tf.data` pipelines."""

import numpy as np
import pytest

import firth.compat.tensorflow as tf
from firth.base.errors import ArgumentError

Dataset = tf.data.Dataset


def numbers(dataset):
    return [np.asarray(row).tolist() for row in dataset.as_numpy_iterator()]


def test_steps():
    base = Dataset.range(10)
    assert numbers(base.batch(4)) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert numbers(base.batch(4, drop_remainder=True).unbatch().skip(6)) == [6, 7]
    assert numbers(base.take(2).repeat(2).concatenate(Dataset.range(7, 9))) == [0, 1, 0, 1, 7, 8]
    assert numbers(base.map(lambda x: x * x).filter(lambda x: x > 50)) == [64, 81]
    assert [int(k) for k, _ in Dataset.range(3).enumerate(5)] == [5, 6, 7]
    assert base.reduce(np.int64(0), lambda s, x: s + x).item() == 45
    pairs = Dataset.zip((Dataset.range(3), Dataset.range(5, 9)))
    assert [(int(a), int(b)) for a, b in pairs] == [(0, 5), (1, 6), (2, 7)]


def test_shuffling_and_caching():
    base = Dataset.range(20)
    drawn = numbers(base.shuffle(20, seed=1))
    assert sorted(drawn) == list(range(20)) and drawn != list(range(20))
    near = numbers(base.shuffle(3))
    assert all(value <= place + 3 for place, value in enumerate(near))
    calls = []
    cached = Dataset.from_generator(lambda: calls.append(1) or iter([1, 2])).cache()
    assert numbers(cached) == numbers(cached) == [1, 2] and calls == [1]


def test_sizes_and_slices():
    rows = Dataset.from_tensor_slices(({"a": [1, 2, 3]}, np.zeros((3, 2))))
    assert len(rows.batch(2)) == 2 and rows.cardinality().item() == 3
    first, label = next(iter(rows.batch(2)))
    assert first["a"].tolist() == [1, 2] and label.shape == (2, 2)
    assert Dataset.range(3).repeat().take(4).cardinality().item() == 4
    with pytest.raises(TypeError, match="its number of elements is not known"):
        len(rows.filter(lambda x, y: True))
    with pytest.raises(ArgumentError, match="the first extents differ"):
        Dataset.from_tensor_slices((np.zeros(2), np.zeros(3)))
