"""Variables."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from firth import keras
from firth.base.errors import DTypeError, ShapeError
from firth.keras.variable import dtype_of


def test_assignment_keeps_shape_and_dtype():
    v = keras.Variable(np.zeros((2, 3)), dtype="float32", name="v")
    v.assign(np.arange(6.0).reshape(2, 3))
    v.assign_add(1.0), v.assign_sub(np.ones((2, 3)))
    assert v.numpy().tolist() == [[0, 1, 2], [3, 4, 5]]
    with pytest.raises(ShapeError, match="v: a variable keeps its shape"):
        v.assign(np.zeros(4))
    assert copy.deepcopy(v).name == "v"
    assert not keras.Variable(0.0, trainable=False).requires_grad


def test_dtypes():
    assert (
        keras.Variable(keras.initializers.Ones(), shape=(2,), dtype="float64").dtype.name
        == "float64"
    )
    with pytest.raises(DTypeError, match="no such dtype"):
        dtype_of("float33")
