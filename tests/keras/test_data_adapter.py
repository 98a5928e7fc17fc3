"""What `fit` takes as data."""

from __future__ import annotations

import numpy as np
import pytest

from firth.base.errors import ArgumentError
from firth.keras.data_adapter import Arrays, Batches, is_batches, unpack, weighted_by_class


def test_arrays_in_batches():
    rows = Arrays(np.arange(10.0).reshape(5, 2), {"a": np.arange(5)})
    batches = list(rows.batches(2, shuffle=False))
    assert [len(x) for x, _, _ in batches] == [2, 2, 1]
    assert batches[0][0].dtype.name == "float32" and batches[2][1]["a"].tolist() == [4]
    seen = [v for x, _, _ in rows.batches(2, shuffle=True) for v in x[:, 0].tolist()]
    assert sorted(seen) == [0, 2, 4, 6, 8]
    first, last = rows.split(0.4)
    assert (first.size, last.size) == (3, 2)


def test_lists_are_one_array_or_several():
    assert Arrays([[1, 2], [3, 4]]).size == 2
    assert Arrays([np.zeros((3, 2)), np.zeros((3, 5))]).size == 3


def test_batches_and_weights():
    assert is_batches(iter([1])) and not is_batches([1, 2]) and not is_batches(np.zeros(3))
    rows = list(Batches([(np.zeros((2, 3)), np.array([0, 1]))]).batches(None))
    x, y, w = weighted_by_class(rows[0], {1: 3.0})
    assert x.shape == (2, 3) and y.tolist() == [0, 1] and w.tolist() == [1, 3]
    assert unpack((1,)) == (1, None, None)


def test_mistakes():
    with pytest.raises(ArgumentError, match="different numbers of examples"):
        Arrays(np.zeros((3, 2)), np.zeros(4))
    with pytest.raises(ArgumentError, match="not an array of numbers"):
        Arrays(np.array(["a", "b"]))
    with pytest.raises(ArgumentError, match="validation_split is a share"):
        Arrays(np.zeros((3, 2))).split(2)
