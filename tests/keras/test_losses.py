"""Losses against Keras, with weights and from logits."""

from __future__ import annotations

import numpy as np
import pytest

from firth import keras
from firth.base.errors import ShapeError
from tests.keras import peer

SHARES = peer.array(6, 4, low=0.05, high=1)
SHARES /= SHARES.sum(1, keepdims=True)
HOT = np.eye(4, dtype="float32")[[0, 1, 3, 2, 1, 0]]
COINS = (peer.array(6, 4, seed=8) > 0).astype("float32")
REAL = (peer.array(6, 4, low=0.1, high=2), peer.array(6, 4, seed=9, low=0.1, high=2))
CASES = [
    *((n, *REAL, {}) for n in (
        "MeanSquaredError", "MeanAbsoluteError", "MeanAbsolutePercentageError",
        "MeanSquaredLogarithmicError", "Huber", "LogCosh", "Poisson", "CosineSimilarity",
    )),
    ("KLDivergence", SHARES, SHARES[::-1].copy(), {}),
    *((n, COINS, REAL[1], {}) for n in ("Hinge", "SquaredHinge", "CategoricalHinge")),
    ("BinaryCrossentropy", COINS, SHARES, {"label_smoothing": 0.1}),
    ("BinaryCrossentropy", COINS, REAL[0], {"from_logits": True}),
    ("BinaryFocalCrossentropy", COINS, SHARES, {"apply_class_balancing": True}),
    ("CategoricalCrossentropy", HOT, SHARES * 1.3, {"label_smoothing": 0.1}),
    ("CategoricalCrossentropy", HOT, REAL[0], {"from_logits": True}),
    ("SparseCategoricalCrossentropy", HOT.argmax(1), SHARES, {}),
    ("SparseCategoricalCrossentropy", HOT.argmax(1), REAL[0], {"from_logits": True}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "y", "p", "options"), CASES, ids=[c[0] for c in CASES])
def test_as_keras(name, y, p, options):
    ours = getattr(keras.losses, name)(**options)
    theirs = getattr(peer.keras.losses, name)(**options)
    weight = np.arange(6, dtype="float32")
    for given in ({}, {"sample_weight": weight}):
        got, expected = ours(y, p, **given).item(), float(theirs(y, p, **given))
        assert got == pytest.approx(expected, rel=2e-5, abs=1e-6)


def test_shapes_are_checked_and_names_found():
    with pytest.raises(ShapeError, match="targets and predictions do not fit"):
        keras.losses.MeanSquaredError()(np.zeros((3, 2)), np.zeros((3, 4)))
    assert keras.losses.get("mse") is keras.losses.mean_squared_error
    assert isinstance(keras.losses.loss_of("binary_crossentropy"), keras.losses.BinaryCrossentropy)
