"""firth.metrics.classification against scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest

import firth
from firth.metrics import F1, Accuracy, ConfusionMatrix, Precision, Recall, accuracy

sk = pytest.importorskip("sklearn.metrics")
RNG = np.random.default_rng(0)
SCORES = RNG.normal(size=(60, 4))
TARGET = RNG.integers(0, 4, 60)
PREDICTED = SCORES.argmax(1)


def test_accuracy_in_batches() -> None:
    metric = Accuracy()
    assert math.isnan(metric.compute())
    for part in (slice(0, 25), slice(25, 60)):
        metric.update(firth.tensor(SCORES[part]), firth.tensor(TARGET[part]))
    assert metric.compute() == sk.accuracy_score(TARGET, PREDICTED) == accuracy(PREDICTED, TARGET)
    metric.reset()
    metric.update([1], [1])
    assert metric.compute() == 1.0


def test_confusion_matrix() -> None:
    metric = ConfusionMatrix(4)
    metric.update(SCORES[:30], TARGET[:30])
    metric.update(PREDICTED[30:], TARGET[30:])
    assert np.array_equal(metric.compute(), sk.confusion_matrix(TARGET, PREDICTED))
    with pytest.raises(ValueError, match="class"):
        metric.update([4], [0])


@pytest.mark.parametrize("average", ["macro", "micro", "none"])
@pytest.mark.parametrize(
    "pair", [(Precision, "precision"), (Recall, "recall"), (F1, "f1")], ids=lambda p: p[1]
)
def test_shares_per_class(pair: tuple[type, str], average: str) -> None:
    metric = pair[0](5, average)  # class 4 never occurs
    metric.update(PREDICTED, TARGET)
    expected = getattr(sk, f"{pair[1]}_score")(
        TARGET, PREDICTED, labels=range(5), average=None if average == "none" else average,
        zero_division=0,
    )  # fmt: skip
    np.testing.assert_allclose(metric.compute(), expected)


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match="average"):
        Precision(3, "weighted")
    with pytest.raises(ValueError, match="fit"):
        accuracy([1, 2], [1, 2, 3])
