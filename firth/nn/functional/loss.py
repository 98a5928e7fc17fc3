"""Losses: one node each. reduction: "mean", "sum" or "none"."""

from __future__ import annotations

import warnings

from firth.base.errors import ArgumentError, DTypeError, ShapeError, message
from firth.nn.functional.common import check_reduction
from firth.nn.functional.common import reduce as reduced
from firth.tensor import Tensor
from firth.tensor.record import apply


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: None = None,
    ignore_index: int = -100,
    reduce: None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Negative log-likelihood of logits.

    input: (N, C), (C,) or (N, C, ...); target: class indices (N, ...), or probabilities shaped
    like the input. weight: (C,). IndexError for a class outside.
    """
    check_reduction("cross_entropy", reduction)
    if not 0.0 <= label_smoothing <= 1.0:
        raise ArgumentError(
            message(
                "cross_entropy",
                "label_smoothing is a share",
                str(label_smoothing),
                "0 to 1",
                "0.1 is usual",
            )  # fmt: skip
        )
    weights = () if weight is None else (weight,)
    smoothing = float(label_smoothing)
    if not target.dtype.is_floating_point:
        return apply(
            "cross_entropy", input, target, *weights,
            ignore_index=ignore_index, label_smoothing=smoothing, reduction=reduction,
        )  # fmt: skip
    if ignore_index >= 0:
        raise ArgumentError(
            message(
                "cross_entropy",
                "ignore_index beside probabilities",
                str(ignore_index),
                "class indices as target",
                "leave it out, and give those rows weights of 0",
            )  # fmt: skip
        )
    if target.shape != input.shape:
        raise ShapeError(
            message(
                "cross_entropy",
                "probabilities do not fit the logits",
                str(tuple(target.shape)),
                str(tuple(input.shape)),
                "pass class indices as int64, or one share per class",
            )  # fmt: skip
        )
    return apply(
        "cross_entropy_soft", input, target, *weights,
        label_smoothing=smoothing, reduction=reduction,
    )  # fmt: skip


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: None = None,
    ignore_index: int = -100,
    reduce: None = None,
    reduction: str = "mean",
) -> Tensor:
    """Negative log-likelihood of log-probabilities (N, C, ...) at class indices (N, ...)."""
    check_reduction("nll_loss", reduction)
    if weight is not None and weight.dtype is not input.dtype:
        raise DTypeError(
            message(
                "nll_loss",
                "the weight has another dtype",
                f"{weight.dtype.name} for {input.dtype.name}",
                "equal dtypes",
                "cast one of them",
            )  # fmt: skip
        )
    weights = () if weight is None else (weight,)
    return apply(
        "nll_loss", input, target, *weights, ignore_index=ignore_index, reduction=reduction
    )


def _warn_of_broadcast(name: str, input: Tensor, target: Tensor) -> None:
    """The usual slip, (N, 1) against (N,), gives an (N, N) loss that trains to nonsense."""
    if input.shape != target.shape:
        warnings.warn(
            f"{name}: the shapes differ and broadcast; got {tuple(input.shape)} and "
            f"{tuple(target.shape)}, expected equal shapes; use e.g. input.squeeze(-1)",
            stacklevel=3,
        )


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
) -> Tensor:
    """(x - target)**2."""
    check_reduction("mse_loss", reduction)
    _warn_of_broadcast("mse_loss", input, target)
    return apply("mse_loss", input, target, reduction=reduction)


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
) -> Tensor:
    """|x - target|."""
    check_reduction("l1_loss", reduction)
    _warn_of_broadcast("l1_loss", input, target)
    return apply("l1_loss", input, target, reduction=reduction)


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """(x - target)**2 / (2 * beta) below beta, |x - target| - beta / 2 above."""
    check_reduction("smooth_l1_loss", reduction)
    return apply("smooth_l1_loss", input, target, reduction=reduction, beta=float(beta))


def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0
) -> Tensor:
    """(x - target)**2 / 2 below delta, delta * (|x - target| - delta / 2) above."""
    check_reduction("huber_loss", reduction)
    if delta <= 0:
        raise ArgumentError(
            message("huber_loss", "delta is not positive", str(delta), "above 0", "delta=1.0")
        )
    return apply("huber_loss", input, target, reduction=reduction, delta=float(delta))


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
) -> Tensor:
    """-(t * log(p) + (1 - t) * log(1 - p)), each logarithm held above -100."""
    check_reduction("binary_cross_entropy", reduction)
    _same_shape("binary_cross_entropy", input, target)
    if weight is None:
        return apply("binary_cross_entropy", input, target, reduction=reduction)
    losses = apply("binary_cross_entropy", input, target, reduction="none")
    return reduced("binary_cross_entropy", losses * weight, reduction)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Binary cross entropy of logits; pos_weight multiplies the positive term."""
    name = "binary_cross_entropy_with_logits"
    check_reduction(name, reduction)
    _same_shape(name, input, target)
    if weight is None and pos_weight is None:
        return apply(name, input, target, reduction=reduction)
    if pos_weight is None:
        losses = apply(name, input, target, reduction="none")
    else:
        factor = 1.0 + (pos_weight - 1.0) * target
        losses = (1.0 - target) * input - factor * apply("logsigmoid", input)
    return reduced(name, losses if weight is None else losses * weight, reduction)


def _same_shape(name: str, input: Tensor, target: Tensor) -> None:
    if input.shape != target.shape:
        raise ShapeError(
            message(
                name,
                "shapes differ",
                f"{tuple(input.shape)} and {tuple(target.shape)}",
                "equal shapes",
                "squeeze or reshape one of them, e.g. x.squeeze(1)",
            )  # fmt: skip
        )


def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """target * (log(target) - x), x being log-probabilities; "batchmean" divides by the rows."""
    check_reduction("kl_div", reduction)
    if reduction == "batchmean":
        total = apply("kl_div", input, target, reduction="sum", log_target=log_target)
        return total / input.shape[0] if input.ndim else total
    return apply("kl_div", input, target, reduction=reduction, log_target=log_target)
