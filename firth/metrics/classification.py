"""Metrics of classifiers. Predictions are class numbers (N,) or scores (N, C); targets are (N,)."""

from __future__ import annotations

from typing import Any

import numpy as np

from firth.base.errors import ArgumentError, ShapeError, message


def accuracy(prediction: Any, target: Any) -> float:
    """The share of right predictions.

    >>> accuracy([1, 0, 2, 2], [1, 1, 2, 2])
    0.75
    """
    predicted, true = _classes("accuracy", prediction, target)
    return float((predicted == true).mean()) if true.size else float("nan")


def _classes(name: str, prediction: Any, target: Any) -> tuple[np.ndarray, np.ndarray]:
    """Class numbers of both, flat and of equal length."""
    predicted, true = np.asarray(prediction), np.asarray(target)
    if predicted.ndim == true.ndim + 1:
        predicted = predicted.argmax(1)  # (N, C, ...) -> (N, ...)
    if predicted.shape != true.shape:
        raise ShapeError(
            message(
                name,
                "predictions and targets do not fit",
                f"{np.shape(prediction)} and {true.shape}",
                "(N,) or (N, C), and (N,)",
                "pass class numbers or scores for each target",
            )  # fmt: skip
        )
    return predicted.reshape(-1), true.reshape(-1)


class Accuracy:
    """The share of right predictions so far."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forgets everything."""
        self.right = 0
        self.seen = 0

    def update(self, prediction: Any, target: Any) -> None:
        """Adds a batch."""
        predicted, true = _classes("Accuracy", prediction, target)
        self.right += int((predicted == true).sum())
        self.seen += true.size

    def compute(self) -> float:
        """The share; NaN before the first update."""
        return self.right / self.seen if self.seen else float("nan")


class ConfusionMatrix:
    """How often class i (row) was taken for class j (column): (C, C) int64."""

    def __init__(self, num_classes: int) -> None:
        self.num_classes = num_classes
        self.reset()

    def reset(self) -> None:
        """Forgets everything."""
        self.matrix = np.zeros((self.num_classes, self.num_classes), np.int64)

    def update(self, prediction: Any, target: Any) -> None:
        """Adds a batch. ArgumentError for a class number outside the matrix."""
        predicted, true = _classes(type(self).__name__, prediction, target)
        n = self.num_classes
        for numbers in (predicted, true):
            outside = numbers[(numbers < 0) | (numbers >= n)]
            if outside.size:
                raise ArgumentError(
                    message(
                        type(self).__name__,
                        "there is no such class",
                        str(outside[0]),
                        f"0 to {n - 1}",
                        "check num_classes",
                    )  # fmt: skip
                )
        flat = true.astype(np.int64) * n + predicted.astype(np.int64)
        self.matrix += np.bincount(flat, minlength=n * n).reshape(n, n)

    def compute(self) -> Any:
        """The counts."""
        return self.matrix.copy()


class _PerClass(ConfusionMatrix):
    """A share per class, then "macro" (mean of classes), "micro" (of all items) or "none"."""

    def __init__(self, num_classes: int, average: str = "macro") -> None:
        if average not in ("macro", "micro", "none"):
            raise ArgumentError(
                message(
                    type(self).__name__,
                    "unknown average",
                    repr(average),
                    "'macro', 'micro' or 'none'",
                    "macro weighs every class the same",
                )  # fmt: skip
            )
        self.average = average
        super().__init__(num_classes)

    def _share(self, right: Any, predicted: Any, true: Any) -> Any:
        raise NotImplementedError

    def compute(self) -> Any:
        """A number, or (C,) with average="none"; 0 where nothing counts."""
        right = np.diag(self.matrix)
        predicted, true = self.matrix.sum(0), self.matrix.sum(1)
        if self.average == "micro":
            right, predicted, true = right.sum(), predicted.sum(), true.sum()
        above, below = self._share(right, predicted, true)
        shares = np.divide(above, below, out=np.zeros(np.shape(below)), where=below != 0)
        return shares if self.average == "none" else float(shares.mean())


class Precision(_PerClass):
    """Of what was taken for a class, the share that was it."""

    def _share(self, right: Any, predicted: Any, true: Any) -> Any:
        return right, predicted


class Recall(_PerClass):
    """Of what was of a class, the share that was found."""

    def _share(self, right: Any, predicted: Any, true: Any) -> Any:
        return right, true


class F1(_PerClass):
    """The harmonic mean of precision and recall."""

    def _share(self, right: Any, predicted: Any, true: Any) -> Any:
        return 2 * right, predicted + true
