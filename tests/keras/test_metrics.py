"""Metrics against Keras, over two batches with weights."""

from __future__ import annotations

import numpy as np
import pytest

from firth import keras
from tests.keras import peer

SCORES = peer.array(8, 4, low=0.02, high=0.98)
HOT = np.eye(4, dtype="float32")[[0, 1, 3, 2, 1, 0, 2, 2]]
COINS = (peer.array(8, 1, seed=8) > 0).astype("float32")
CASES = [
    ("MeanSquaredError", HOT, SCORES, {}), ("MeanAbsoluteError", HOT, SCORES, {}),
    ("RootMeanSquaredError", HOT, SCORES, {}), ("CosineSimilarity", HOT, SCORES, {}),
    ("BinaryAccuracy", COINS, SCORES[:, :1], {}), ("CategoricalAccuracy", HOT, SCORES, {}),
    ("SparseCategoricalAccuracy", HOT.argmax(1), SCORES, {}),
    ("TopKCategoricalAccuracy", HOT, SCORES, {"k": 2}),
    ("SparseTopKCategoricalAccuracy", HOT.argmax(1), SCORES, {"k": 2}),
    ("Precision", COINS, SCORES[:, :1], {}), ("Recall", COINS, SCORES[:, :1], {"thresholds": 0.3}),
    ("AUC", COINS, SCORES[:, :1], {}), ("AUC", COINS, SCORES[:, :1], {"curve": "PR"}),
    ("MeanIoU", HOT.argmax(1), SCORES.argmax(1), {"num_classes": 4}),
]  # fmt: skip


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("name", "y", "p", "options"), CASES, ids=[c[0] for c in CASES])
def test_as_keras(name, y, p, options, weighted):
    ours = getattr(keras.metrics, name)(**options)
    theirs = getattr(peer.keras.metrics, name)(**options)
    weight = np.arange(1, 9, dtype="float32")
    for rows in (slice(0, 5), slice(5, 8)):
        given = {"sample_weight": weight[rows]} if weighted else {}
        ours.update_state(y[rows], p[rows], **given)
        theirs.update_state(y[rows], p[rows], **given)
    assert ours.result().item() == pytest.approx(float(theirs.result()), rel=1e-4)
    ours.reset_state()
    ours.update_state(y[:5], p[:5])
    theirs.reset_state()
    theirs.update_state(y[:5], p[:5])
    assert ours.result().item() == pytest.approx(float(theirs.result()), rel=1e-4)


def test_sums_and_names():
    total = keras.metrics.Sum()
    total([1.0, 2.0])
    assert total([3.0]).item() == 6
    assert keras.metrics.get("AUC").name == "auc"
    assert keras.metrics.metric_of("acc", np.zeros((2,)), np.zeros((2, 3))).name == "acc"
