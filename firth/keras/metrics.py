"""Metrics that add up over batches; their sums are Variables, so a compiled step updates them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from firth.keras import losses
from firth.keras.lookup import Configured, lookup
from firth.keras.naming import snake_case, unique
from firth.keras.variable import Variable, to_tensor
from firth.tensor import Tensor, no_grad, where


class Metric(Configured):
    """update_state adds a batch, result gives the value so far, reset_state begins anew.

    >>> metric = MeanSquaredError()
    >>> metric([1.0, 2.0], [1.0, 4.0]).item()
    2.0
    """

    def __init__(self, name: str | None = None, dtype: Any = None) -> None:
        self.name = name or unique(snake_case(type(self).__name__))
        self.variables: list[Variable] = []

    def add_variable(
        self, shape: Any = (), initializer: Any = None, dtype: Any = None, name: str | None = None
    ) -> Variable:
        """A sum that begins with 0."""
        made = Variable(np.zeros(shape, "float32"), dtype=dtype, trainable=False, name=name)
        self.variables.append(made)
        return made

    add_weight = add_variable

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch."""
        raise NotImplementedError

    def result(self) -> Any:
        """The value so far."""
        raise NotImplementedError

    def reset_state(self) -> None:
        """Begins anew."""
        for variable in self.variables:
            variable.assign(np.zeros(variable.shape, variable.dtype.np))

    reset_states = reset_state

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.update_state(*args, **kwargs)
        return self.result()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


class Mean(Metric):
    """The weighted mean of what it has seen."""

    def __init__(self, name: str | None = "mean", dtype: Any = None) -> None:
        super().__init__(name, dtype)
        self.total = self.add_variable(name="total")
        self.count = self.add_variable(name="count")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Adds numbers of any shape."""
        with no_grad():
            values = to_tensor(values).detach().float()
            self.total.assign_add(losses.reduced(values, sample_weight, "sum"))
            if sample_weight is None:
                self.count.assign_add(float(values.numel()))
            else:
                ones = values * 0 + 1
                self.count.assign_add(losses.reduced(ones, sample_weight, "sum"))

    def result(self) -> Tensor:
        """total / count, 0 before the first batch."""
        return where(self.count == 0, 0.0, self.total / self.count).detach()


class Sum(Mean):
    """The weighted sum of what it has seen."""

    def __init__(self, name: str | None = "sum", dtype: Any = None) -> None:
        super().__init__(name, dtype)

    def result(self) -> Tensor:
        """The sum."""
        return self.total.detach()


class MeanMetricWrapper(Mean):
    """The mean of a function (y_true, y_pred) -> one value per example."""

    def __init__(
        self, fn: Callable[..., Tensor], name: str | None = None, dtype: Any = None, **options: Any
    ) -> None:
        super().__init__(name or getattr(fn, "__name__", None), dtype)
        self._fn, self._options = fn, options

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch."""
        with no_grad():
            super().update_state(self._fn(y_true, y_pred, **self._options), sample_weight)

    def get_config(self) -> dict[str, Any]:
        """Options and name."""
        return {**self._options, "name": self.name}


def _like(y_true: Any, y_pred: Any) -> tuple[Tensor, Tensor]:
    y_true, y_pred = to_tensor(y_true), to_tensor(y_pred)
    if y_true.ndim == y_pred.ndim - 1 and y_pred.shape[-1] == 1:
        y_true = y_true[..., None]
    return y_true, y_pred


def accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """Whether predictions equal targets: (B, ...) -> the same."""
    y_true, y_pred = _like(y_true, y_pred)
    return (y_true.to(y_pred.dtype) == y_pred).float()


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Tensor:
    """Whether predictions above the threshold are 1 and the others 0: (B, ...) -> the same."""
    y_true, y_pred = _like(y_true, y_pred)
    return (y_true.float() == (y_pred > threshold).float()).float()


def categorical_accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """Whether the best class is the right one: (B, ..., C) -> (B, ...)."""
    return (to_tensor(y_true).argmax(-1) == to_tensor(y_pred).argmax(-1)).float()


def _classes(y_true: Any, y_pred: Tensor) -> Tensor:
    y_true = to_tensor(y_true)
    if y_true.ndim == y_pred.ndim and y_true.shape[-1] == 1:
        y_true = y_true[..., 0]
    return y_true.long()


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """Whether the best class is the right one: (B, ...) and (B, ..., C) -> (B, ...)."""
    y_pred = to_tensor(y_pred)
    return (_classes(y_true, y_pred) == y_pred.argmax(-1)).float()


def sparse_top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Tensor:
    """Whether the right class is among the k best: (B,) and (B, C) -> (B,)."""
    y_pred = to_tensor(y_pred)
    right = y_pred.gather(-1, _classes(y_true, y_pred)[..., None])
    return ((y_pred > right).sum(-1) < k).float()


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Tensor:
    """Whether the right class is among the k best: (B, C) -> (B,)."""
    return sparse_top_k_categorical_accuracy(to_tensor(y_true).argmax(-1), y_pred, k)


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """The cosine of the angle: (B, ..., C) -> (B, ...)."""
    return -losses.cosine_similarity(y_true, y_pred, axis)


def _class(name: str, fn: Callable[..., Tensor], label: str, *options: str) -> type[Metric]:
    """A metric that is the mean of a function; options: the constructor's, before the name."""

    def __init__(self: Any, *args: Any, **given: Any) -> None:
        given.update(zip((*options, "name"), args, strict=False))
        MeanMetricWrapper.__init__(self, fn, **{"name": label, **given})

    doc = f"The mean of: {fn.__doc__}"
    body = {"__init__": __init__, "__doc__": doc, "__module__": __name__}
    return type(name, (MeanMetricWrapper,), body)


Accuracy = _class("Accuracy", accuracy, "accuracy")
BinaryAccuracy = _class("BinaryAccuracy", binary_accuracy, "binary_accuracy")
CategoricalAccuracy = _class("CategoricalAccuracy", categorical_accuracy, "categorical_accuracy")
SparseCategoricalAccuracy = _class(
    "SparseCategoricalAccuracy", sparse_categorical_accuracy, "sparse_categorical_accuracy"
)
TopKCategoricalAccuracy = _class(
    "TopKCategoricalAccuracy", top_k_categorical_accuracy, "top_k_categorical_accuracy", "k"
)
SparseTopKCategoricalAccuracy = _class(
    "SparseTopKCategoricalAccuracy", sparse_top_k_categorical_accuracy,
    "sparse_top_k_categorical_accuracy", "k",
)  # fmt: skip
CosineSimilarity = _class("CosineSimilarity", cosine_similarity, "cosine_similarity")
MeanSquaredError = _class("MeanSquaredError", losses.mean_squared_error, "mean_squared_error")
MeanAbsoluteError = _class("MeanAbsoluteError", losses.mean_absolute_error, "mean_absolute_error")
MeanAbsolutePercentageError = _class(
    "MeanAbsolutePercentageError", losses.mean_absolute_percentage_error,
    "mean_absolute_percentage_error",
)  # fmt: skip
MeanSquaredLogarithmicError = _class(
    "MeanSquaredLogarithmicError", losses.mean_squared_logarithmic_error,
    "mean_squared_logarithmic_error",
)  # fmt: skip
Hinge = _class("Hinge", losses.hinge, "hinge")
SquaredHinge = _class("SquaredHinge", losses.squared_hinge, "squared_hinge")
CategoricalHinge = _class("CategoricalHinge", losses.categorical_hinge, "categorical_hinge")
KLDivergence = _class("KLDivergence", losses.kl_divergence, "kl_divergence")
Poisson = _class("Poisson", losses.poisson, "poisson")
LogCoshError = _class("LogCoshError", losses.log_cosh, "logcosh")
BinaryCrossentropy = _class("BinaryCrossentropy", losses.binary_crossentropy, "binary_crossentropy")
CategoricalCrossentropy = _class(
    "CategoricalCrossentropy", losses.categorical_crossentropy, "categorical_crossentropy"
)
SparseCategoricalCrossentropy = _class(
    "SparseCategoricalCrossentropy", losses.sparse_categorical_crossentropy,
    "sparse_categorical_crossentropy",
)  # fmt: skip


class RootMeanSquaredError(Mean):
    """The root of the mean squared error."""

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: Any = None) -> None:
        super().__init__(name, dtype)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch."""
        y_true, y_pred = _like(y_true, y_pred)
        super().update_state((y_pred - y_true.to(y_pred.dtype)).square(), sample_weight)

    def result(self) -> Tensor:
        """The root."""
        return super().result().sqrt()


class _Confusion(Metric):
    """Sums of right and wrong decisions at one or several thresholds."""

    def __init__(self, thresholds: Any, name: str, dtype: Any = None) -> None:
        super().__init__(name, dtype)
        self.thresholds = thresholds
        levels = [0.5] if thresholds is None else np.ravel(thresholds)
        self._levels = to_tensor(np.asarray(levels, "float32"))
        shape = self._levels.shape
        for which in ("true_positives", "false_positives", "true_negatives", "false_negatives"):
            setattr(self, which, self.add_variable(shape, name=which))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch: targets of 0 and 1, and scores of the same shape."""
        with no_grad():
            y_true, y_pred = _like(y_true, y_pred)
            right = y_true.reshape(1, -1).bool()
            above = y_pred.reshape(1, -1) > self._levels.reshape(-1, 1)
            weight: Any = 1.0
            if sample_weight is not None:
                weight = to_tensor(sample_weight).float()
                weight = weight.reshape(*weight.shape, *(1,) * (y_true.ndim - weight.ndim))
                weight = weight.expand(y_true.shape).reshape(1, -1)
            for variable, hits in (
                (self.true_positives, right & above), (self.false_positives, ~right & above),
                (self.true_negatives, ~right & ~above), (self.false_negatives, right & ~above),
            ):  # fmt: skip
                variable.assign_add((hits.float() * weight).sum(1))

    def _share(self, above: Tensor, whole: Tensor) -> Tensor:
        shares = where(whole == 0, 0.0, above / whole)
        return shares[0] if len(shares) == 1 else shares


class Precision(_Confusion):
    """Of what was called 1, the share that was."""

    def __init__(self, thresholds: Any = None, name: str = "precision", dtype: Any = None) -> None:
        super().__init__(thresholds, name, dtype)

    def result(self) -> Tensor:
        """() or one for each threshold."""
        right = self.true_positives.detach()
        return self._share(right, right + self.false_positives.detach())


class Recall(_Confusion):
    """Of what is 1, the share that was called so."""

    def __init__(self, thresholds: Any = None, name: str = "recall", dtype: Any = None) -> None:
        super().__init__(thresholds, name, dtype)

    def result(self) -> Tensor:
        """() or one for each threshold."""
        right = self.true_positives.detach()
        return self._share(right, right + self.false_negatives.detach())


class AUC(_Confusion):
    """The area under the curve: true over false positives (ROC) or precision over recall (PR)."""

    def __init__(
        self, num_thresholds: int = 200, curve: str = "ROC", name: str = "auc", dtype: Any = None
    ) -> None:
        inner = (np.arange(num_thresholds - 2) + 1) / (num_thresholds - 1)
        super().__init__([-1e-7, *inner, 1 + 1e-7], name, dtype)
        self.num_thresholds, self.curve = num_thresholds, curve

    def result(self) -> Tensor:
        """The area: ()."""
        tp, fp = self.true_positives.detach(), self.false_positives.detach()
        tn, fn = self.true_negatives.detach(), self.false_negatives.detach()
        recall = where(tp + fn == 0, 0.0, tp / (tp + fn))
        if self.curve == "ROC":
            x = where(fp + tn == 0, 0.0, fp / (fp + tn))
            return ((x[:-1] - x[1:]) * (recall[:-1] + recall[1:]) / 2).sum()
        return self._precision_recall(tp, fp, fn)

    def _precision_recall(self, tp: Tensor, fp: Tensor, fn: Tensor) -> Tensor:
        """Interpolated between thresholds as Davis and Goadrich (2006) do."""
        drop = tp[:-1] - tp[1:]
        positive = tp + fp
        change = (positive[:-1] - positive[1:]).clamp(min=0)
        slope = where(change > 0, drop / change, 0.0)
        intercept = tp[1:] - slope * positive[1:]
        both = (positive[:-1] > 0) & (positive[1:] > 0)
        ratio = where(both, positive[:-1] / positive[1:].clamp(min=1e-30), 1.0)
        area = slope * (drop + intercept * ratio.log())
        whole = (tp[1:] + fn[1:]).clamp(min=0)
        return where(whole > 0, area / whole, 0.0).sum()


class MeanIoU(Metric):
    """The mean over classes of intersection over union of class numbers."""

    def __init__(self, num_classes: int, name: str | None = "mean_io_u", dtype: Any = None) -> None:
        super().__init__(name, dtype)
        self.num_classes = num_classes
        self.total_cm = self.add_variable((num_classes, num_classes), name="total_confusion_matrix")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch of class numbers."""
        n = self.num_classes
        with no_grad():
            y_true, y_pred = (to_tensor(y).long().reshape(-1, 1) for y in (y_true, y_pred))
            classes = to_tensor(np.arange(n))
            rows, columns = (y_true == classes).float(), (y_pred == classes).float()
            if sample_weight is not None:
                rows = rows * to_tensor(sample_weight).float().reshape(-1, 1)
            self.total_cm.assign_add(rows.T @ columns)

    def result(self) -> Tensor:
        """The mean over classes that occurred."""
        cm = self.total_cm.detach()
        hits = cm.diagonal()
        union = cm.sum(0) + cm.sum(1) - hits
        seen = (union > 0).float()
        return where(union > 0, hits / union, 0.0).sum() / seen.sum().clamp(min=1)


mse = MSE = losses.mean_squared_error
mae = MAE = losses.mean_absolute_error
mape = MAPE = losses.mean_absolute_percentage_error
msle = MSLE = losses.mean_squared_logarithmic_error
_CLASSES: dict[Any, type[Metric]] = {
    mse: MeanSquaredError, mae: MeanAbsoluteError, mape: MeanAbsolutePercentageError,
    msle: MeanSquaredLogarithmicError, accuracy: Accuracy, binary_accuracy: BinaryAccuracy,
    categorical_accuracy: CategoricalAccuracy,
    sparse_categorical_accuracy: SparseCategoricalAccuracy,
    top_k_categorical_accuracy: TopKCategoricalAccuracy,
    sparse_top_k_categorical_accuracy: SparseTopKCategoricalAccuracy,
    cosine_similarity: CosineSimilarity,
}  # fmt: skip
_BY_NAME = {
    "rmse": RootMeanSquaredError, "RMSE": RootMeanSquaredError, "auc": AUC, "precision": Precision,
    "recall": Recall, "hinge": Hinge, "squared_hinge": SquaredHinge, "poisson": Poisson,
    "categorical_hinge": CategoricalHinge, "kl_divergence": KLDivergence, "kld": KLDivergence,
    "logcosh": LogCoshError, "binary_crossentropy": BinaryCrossentropy,
    "categorical_crossentropy": CategoricalCrossentropy, "bce": BinaryCrossentropy,
    "sparse_categorical_crossentropy": SparseCategoricalCrossentropy,
    "cosine_similarity": CosineSimilarity,
}  # fmt: skip


def get(identifier: Any) -> Any:
    """A metric by its name ('mae', 'AUC'), class, configuration, or itself."""
    if isinstance(identifier, str) and identifier in _BY_NAME:
        return _BY_NAME[identifier]()
    return lookup("metric", globals(), identifier, Metric)


def metric_of(identifier: Any, y_true: Tensor, y_pred: Tensor) -> Metric:
    """As `get`, as a Metric; "accuracy" and "crossentropy" ask the shapes which one they are."""
    if identifier in ("accuracy", "acc", "crossentropy", "ce"):
        kind = _kind(y_true, y_pred)
        of = {
            "binary": (BinaryAccuracy, BinaryCrossentropy),
            "sparse": (SparseCategoricalAccuracy, SparseCategoricalCrossentropy),
            "categorical": (CategoricalAccuracy, CategoricalCrossentropy),
        }[kind]
        return of[identifier in ("crossentropy", "ce")](name=identifier)
    found = get(identifier)
    if isinstance(found, Metric):
        return found
    name = identifier if isinstance(identifier, str) else getattr(identifier, "__name__", "metric")
    return _CLASSES[found](name=name) if found in _CLASSES else MeanMetricWrapper(found, name)


def _kind(y_true: Tensor, y_pred: Tensor) -> str:
    if y_pred.ndim == 0 or y_pred.shape[-1] == 1:
        return "binary"
    one = y_true.ndim < y_pred.ndim or (y_true.shape[-1] == 1 and y_pred.shape[-1] > 1)
    return "sparse" if one else "categorical"
