"""Losses by Keras's names. Functions give one value per example; classes give their mean.

y_true and y_pred: (B, ...). Means are over the last axis, and over everything for classes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from firth.base.errors import ArgumentError, ShapeError, message
from firth.keras.lookup import Configured, lookup
from firth.keras.naming import snake_case
from firth.keras.variable import to_tensor
from firth.nn import functional as F
from firth.tensor import Tensor, where

EPSILON = 1e-7


def _pair(y_true: Any, y_pred: Any) -> tuple[Tensor, Tensor]:
    """Both as tensors of the prediction's dtype; a missing last axis of extent 1 is made up."""
    y_pred = to_tensor(y_pred)
    y_pred = y_pred if y_pred.dtype.kind == "f" else y_pred.float()
    y_true = to_tensor(y_true).to(y_pred.dtype)
    if y_true.ndim == y_pred.ndim - 1 and y_pred.shape[-1] == 1:
        y_true = y_true[..., None]
    elif y_true.ndim == y_pred.ndim + 1 and y_true.shape[-1] == 1:
        y_true = y_true[..., 0]
    if y_true.shape != y_pred.shape:
        raise ShapeError(
            message("loss", "targets and predictions do not fit", str(tuple(y_true.shape)),
                    str(tuple(y_pred.shape)), "check the last layer and the targets")
        )  # fmt: skip
    return y_true, y_pred


def _mean(x: Tensor) -> Tensor:
    return x.mean(-1) if x.ndim else x


def mean_squared_error(y_true: Any, y_pred: Any) -> Tensor:
    """mean((y_true - y_pred)**2): (B, ..., C) -> (B, ...)."""
    y_true, y_pred = _pair(y_true, y_pred)
    return _mean((y_true - y_pred).square())


def mean_absolute_error(y_true: Any, y_pred: Any) -> Tensor:
    """mean(|y_true - y_pred|): (B, ..., C) -> (B, ...)."""
    y_true, y_pred = _pair(y_true, y_pred)
    return _mean((y_true - y_pred).abs())


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Tensor:
    """100 * mean(|(y_true - y_pred) / y_true|): (B, ..., C) -> (B, ...)."""
    y_true, y_pred = _pair(y_true, y_pred)
    return 100 * _mean(((y_true - y_pred) / y_true.abs().clamp(min=EPSILON)).abs())


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Tensor:
    """mean((log(1 + y_true) - log(1 + y_pred))**2): (B, ..., C) -> (B, ...)."""
    y_true, y_pred = _pair(y_true, y_pred)
    return _mean((y_true.clamp(min=EPSILON).log1p() - y_pred.clamp(min=EPSILON).log1p()).square())


def _signs(y_true: Tensor) -> Tensor:
    """Targets of 0 and 1 as -1 and 1; others as they are."""
    binary = ((y_true == 0) | (y_true == 1)).all()
    return where(binary, 2 * y_true - 1, y_true)


def hinge(y_true: Any, y_pred: Any) -> Tensor:
    """mean(max(1 - y_true * y_pred, 0)): (B, ..., C) -> (B, ...)."""
    y_true, y_pred = _pair(y_true, y_pred)
    return _mean((1 - _signs(y_true) * y_pred).clamp(min=0))


def squared_hinge(y_true: Any, y_pred: Any) -> Tensor:
    """mean(max(1 - y_true * y_pred, 0)**2): (B, ..., C) -> (B, ...)."""
    y_true, y_pred = _pair(y_true, y_pred)
    return _mean((1 - _signs(y_true) * y_pred).clamp(min=0).square())


def categorical_hinge(y_true: Any, y_pred: Any) -> Tensor:
    """max(1 + the best wrong class - the right class, 0): (B, ..., C) -> (B, ...)."""
    y_true, y_pred = _pair(y_true, y_pred)
    right = (y_true * y_pred).sum(-1)
    wrong = ((1 - y_true) * y_pred).amax(-1)
    return (1 + wrong - right).clamp(min=0)


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Tensor:
    """Squares up to delta, straight lines beyond: (B, ..., C) -> (B, ...)."""
    y_true, y_pred = _pair(y_true, y_pred)
    return _mean(F.huber_loss(y_pred, y_true, "none", delta))


def log_cosh(y_true: Any, y_pred: Any) -> Tensor:
    """mean(log(cosh(y_pred - y_true))): (B, ..., C) -> (B, ...)."""
    y_true, y_pred = _pair(y_true, y_pred)
    error = y_pred - y_true
    return _mean(error + F.softplus(-2 * error) - 0.6931471805599453)


def kl_divergence(y_true: Any, y_pred: Any) -> Tensor:
    """sum(y_true * log(y_true / y_pred)): (B, ..., C) -> (B, ...)."""
    y_true, y_pred = (y.clamp(EPSILON, 1) for y in _pair(y_true, y_pred))
    return (y_true * (y_true / y_pred).log()).sum(-1)


def poisson(y_true: Any, y_pred: Any) -> Tensor:
    """mean(y_pred - y_true * log(y_pred)): (B, ..., C) -> (B, ...)."""
    y_true, y_pred = _pair(y_true, y_pred)
    return _mean(y_pred - y_true * (y_pred + EPSILON).log())


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """Minus the cosine of the angle: (B, ..., C) -> (B, ...)."""
    y_true, y_pred = _pair(y_true, y_pred)
    return -(F.normalize(y_true, dim=axis) * F.normalize(y_pred, dim=axis)).sum(axis)


def _smoothed(y_true: Tensor, smoothing: float, classes: int) -> Tensor:
    return y_true * (1 - smoothing) + smoothing / classes if smoothing else y_true


def binary_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """-mean(y log p + (1 - y) log(1 - p)): (B, ..., C) -> (B, ...)."""
    y_true, y_pred = _pair(y_true, y_pred)
    return _binary(y_true, y_pred, from_logits, label_smoothing).mean(axis)


def _binary(y_true: Tensor, y_pred: Tensor, from_logits: bool, smoothing: float) -> Tensor:
    y_true = _smoothed(y_true, smoothing, 2)
    if from_logits:
        return F.binary_cross_entropy_with_logits(y_pred, y_true, reduction="none")
    p = y_pred.clamp(EPSILON, 1 - EPSILON)
    return -(y_true * p.log() + (1 - y_true) * (1 - p).log())


def binary_focal_crossentropy(
    y_true: Any, y_pred: Any, apply_class_balancing: bool = False, alpha: float = 0.25,
    gamma: float = 2.0, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1,
) -> Tensor:  # fmt: skip
    """Binary cross entropy times (1 - p of the right class)**gamma (Lin et al., 2017)."""
    y_true, y_pred = _pair(y_true, y_pred)
    p = F.sigmoid(y_pred) if from_logits else y_pred
    y_true = _smoothed(y_true, label_smoothing, 2)
    right = y_true * p + (1 - y_true) * (1 - p)
    loss = (1 - right) ** gamma * _binary(y_true, p, False, 0.0)
    if apply_class_balancing:
        loss = (y_true * alpha + (1 - y_true) * (1 - alpha)) * loss
    return loss.mean(axis)


def _log_shares(y_pred: Tensor, from_logits: bool, axis: int) -> Tensor:
    if from_logits:
        return F.log_softmax(y_pred, axis)
    shares = y_pred / y_pred.sum(axis, keepdim=True)
    return shares.clamp(EPSILON, 1 - EPSILON).log()


def categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """-sum(y_true * log(y_pred)), shares of classes: (B, ..., C) -> (B, ...)."""
    y_true, y_pred = _pair(y_true, y_pred)
    y_true = _smoothed(y_true, label_smoothing, y_pred.shape[axis])
    return -(y_true * _log_shares(y_pred, from_logits, axis)).sum(axis)


def sparse_categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Tensor:
    """-log(y_pred of the class): class numbers (B, ...) and (B, ..., C) -> (B, ...).

    Raises IndexError for a class number outside.
    """
    y_true, y_pred = to_tensor(y_true), to_tensor(y_pred)
    if y_true.ndim == y_pred.ndim and y_true.shape[-1] == 1:
        y_true = y_true[..., 0]
    if y_true.shape != y_pred.shape[:-1]:
        raise ShapeError(
            message("sparse_categorical_crossentropy", "class numbers do not fit the predictions",
                    f"{tuple(y_true.shape)} and {tuple(y_pred.shape)}", "(B, ...) and (B, ..., C)",
                    "for one-hot targets use categorical_crossentropy")
        )  # fmt: skip
    logs = _log_shares(y_pred, from_logits, axis).movedim(axis, 1 if y_pred.ndim > 1 else 0)
    ignored = -100 if ignore_class is None else ignore_class
    return F.nll_loss(logs, y_true.long(), ignore_index=ignored, reduction="none")


class Loss(Configured):
    """A function of (y_true, y_pred, sample_weight) -> () or one value per example.

    reduction: 'sum_over_batch_size', 'mean', 'sum', 'mean_with_sample_weight' or None.
    """

    def __init__(
        self,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:
        allowed = ("sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", "none", None)
        if reduction not in allowed:
            raise ArgumentError(
                message(type(self).__name__, "unknown reduction", repr(reduction),
                        ", ".join(map(str, allowed)), "the default is 'sum_over_batch_size'")
            )  # fmt: skip
        self.name = name or snake_case(type(self).__name__)
        self.reduction = reduction

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        """One value per example; subclasses define it."""
        raise NotImplementedError

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Tensor:
        return reduced(self.call(y_true, y_pred), sample_weight, self.reduction)


def reduced(losses: Tensor, sample_weight: Any, reduction: str | None) -> Tensor:
    """Weighted losses (B, ...) as one number; their mean divides by how many there are."""
    weights = None
    if sample_weight is not None:
        weights = to_tensor(sample_weight).to(losses.dtype)
        if weights.ndim == losses.ndim + 1 and weights.shape[-1] == 1:
            weights = weights[..., 0]
        weights = weights.reshape(*weights.shape, *(1,) * (losses.ndim - weights.ndim))
        losses = losses * weights
    if reduction in (None, "none"):
        return losses
    total = losses.sum()
    if reduction == "sum":
        return total
    if reduction == "mean_with_sample_weight" and weights is not None:
        return total / weights.expand(losses.shape).sum()
    return total / max(losses.numel(), 1)


def _class(name: str, fn: Callable[..., Tensor], *options: str) -> type[Loss]:
    """A Loss of a function; options: arguments of the function that its constructor takes."""

    def __init__(self: Any, *args: Any, **given: Any) -> None:
        given.update(zip((*options, "reduction", "name"), args, strict=False))
        self._options = {k: given.pop(k) for k in options if k in given}
        Loss.__init__(self, **given)

    def call(self: Any, y_true: Any, y_pred: Any) -> Tensor:
        return fn(y_true, y_pred, **self._options)

    def get_config(self: Any) -> dict[str, Any]:
        return {**self._options, "name": self.name, "reduction": self.reduction}

    doc = (fn.__doc__ or "").replace("-> (B, ...)", "-> ()")
    body = {"__init__": __init__, "call": call, "get_config": get_config, "__doc__": doc}
    return type(name, (Loss,), {**body, "__module__": __name__})


_SHARES = ("from_logits", "label_smoothing", "axis")
MeanSquaredError = _class("MeanSquaredError", mean_squared_error)
MeanAbsoluteError = _class("MeanAbsoluteError", mean_absolute_error)
MeanAbsolutePercentageError = _class("MeanAbsolutePercentageError", mean_absolute_percentage_error)
MeanSquaredLogarithmicError = _class("MeanSquaredLogarithmicError", mean_squared_logarithmic_error)
Hinge = _class("Hinge", hinge)
SquaredHinge = _class("SquaredHinge", squared_hinge)
CategoricalHinge = _class("CategoricalHinge", categorical_hinge)
Huber = _class("Huber", huber, "delta")
LogCosh = _class("LogCosh", log_cosh)
KLDivergence = _class("KLDivergence", kl_divergence)
Poisson = _class("Poisson", poisson)
CosineSimilarity = _class("CosineSimilarity", cosine_similarity, "axis")
BinaryCrossentropy = _class("BinaryCrossentropy", binary_crossentropy, *_SHARES)
BinaryFocalCrossentropy = _class(
    "BinaryFocalCrossentropy", binary_focal_crossentropy, "apply_class_balancing", "alpha", "gamma",
    *_SHARES,
)  # fmt: skip
CategoricalCrossentropy = _class("CategoricalCrossentropy", categorical_crossentropy, *_SHARES)
SparseCategoricalCrossentropy = _class(
    "SparseCategoricalCrossentropy",
    sparse_categorical_crossentropy,
    "from_logits",
    "ignore_class",
    "axis",
)

mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error
kld = KLD = kl_divergence
logcosh = log_cosh
_CLASSES: dict[Any, type[Loss]] = {
    mse: MeanSquaredError, mae: MeanAbsoluteError, mape: MeanAbsolutePercentageError,
    msle: MeanSquaredLogarithmicError, hinge: Hinge, squared_hinge: SquaredHinge,
    categorical_hinge: CategoricalHinge, huber: Huber, log_cosh: LogCosh,
    kl_divergence: KLDivergence, poisson: Poisson, cosine_similarity: CosineSimilarity,
    binary_crossentropy: BinaryCrossentropy, binary_focal_crossentropy: BinaryFocalCrossentropy,
    categorical_crossentropy: CategoricalCrossentropy,
    sparse_categorical_crossentropy: SparseCategoricalCrossentropy,
}  # fmt: skip


class _Wrapped(Loss):
    """A user's function (y_true, y_pred) as a Loss."""

    def __init__(self, fn: Callable[..., Tensor]) -> None:
        super().__init__(getattr(fn, "__name__", "loss"))
        self._fn = fn

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        return self._fn(y_true, y_pred)


def get(identifier: Any) -> Callable[..., Tensor] | None:
    """A loss by its name ('mse', 'MeanSquaredError'), class, configuration, or itself."""
    return lookup("loss", globals(), identifier, Loss)


def loss_of(identifier: Any) -> Loss | None:
    """As `get`, with functions as Loss objects."""
    found = get(identifier)
    if found is None or isinstance(found, Loss):
        return found
    return _CLASSES[found]() if found in _CLASSES else _Wrapped(found)
