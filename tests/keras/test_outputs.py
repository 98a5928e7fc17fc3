"""Losses and metrics of several outputs: names, and mistakes in them."""

from __future__ import annotations

import numpy as np
import pytest

from firth import keras
from firth.base.errors import ArgumentError


def two_outputs(**options):
    x = keras.Input((3,))
    model = keras.Model(x, [keras.layers.Dense(1, name="a")(x), keras.layers.Dense(2, name="b")(x)])
    model.compile("sgd", **options)
    return model


X, Y = np.ones((4, 3)), [np.ones((4, 1)), np.ones((4, 2))]


def test_names_of_losses_and_metrics():
    model = two_outputs(loss="mse", metrics=[["mae"], ["mae", "mse"]])
    logs = model.evaluate(X, Y, verbose=0, return_dict=True)
    assert sorted(logs) == ["a_loss", "a_mae", "b_loss", "b_mae", "b_mse", "loss"]
    assert logs["loss"] == pytest.approx(logs["a_loss"] + logs["b_loss"], rel=1e-5)
    assert logs["b_mse"] == pytest.approx(logs["b_loss"], rel=1e-5)


def test_mistakes():
    with pytest.raises(ArgumentError, match="there is no such output; got c, expected a, b"):
        two_outputs(loss={"c": "mse"}).fit(X, Y, verbose=0)
    with pytest.raises(ArgumentError, match="another number of targets than outputs"):
        two_outputs(loss="mse").fit(X, [*Y, Y[0]], verbose=0)
