"""Losses. reduction: "mean", "sum" or "none"."""

from __future__ import annotations

from firth.base.errors import ArgumentError, ShapeError, message
from firth.nn.functional.common import check_reduction
from firth.nn.functional.common import reduce as reduced
from firth.tensor import Tensor, where


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
    dim = 0 if input.ndim == 1 else 1
    log_probs = input.log_softmax(dim)
    if target.dtype.is_floating_point:
        return _soft_targets(log_probs, target, weight, reduction, label_smoothing)
    loss = nll_loss(log_probs, target, weight, ignore_index=ignore_index, reduction=reduction)
    if not label_smoothing:
        return loss
    classes = input.shape[dim]
    kept = target != ignore_index
    each = log_probs if weight is None else log_probs * _per_class(weight, log_probs, dim)
    smooth = where(kept, -each.sum(dim), 0.0)
    if reduction == "sum":
        smooth = smooth.sum()
    elif reduction == "mean":
        counted = kept.to(input.dtype)
        if weight is not None:
            counted = where(kept, weight[where(kept, target, 0)], 0.0)
        smooth = smooth.sum() / counted.sum()
    return (1.0 - label_smoothing) * loss + (label_smoothing / classes) * smooth


def _per_class(weight: Tensor, like: Tensor, dim: int) -> Tensor:
    """(C,) -> (C, 1, ...), so that it broadcasts along `dim` of `like`."""
    return weight.reshape(-1, *(1,) * (like.ndim - 1 - dim))


def _soft_targets(
    log_probs: Tensor,
    target: Tensor,
    weight: Tensor | None,
    reduction: str,
    label_smoothing: float,
) -> Tensor:
    if target.shape != log_probs.shape:
        raise ShapeError(
            message(
                "cross_entropy",
                "probabilities do not fit the logits",
                str(tuple(target.shape)),
                str(tuple(log_probs.shape)),
                "pass class indices as int64, or one share per class",
            )  # fmt: skip
        )
    dim = 0 if log_probs.ndim == 1 else 1
    if label_smoothing:
        target = target * (1.0 - label_smoothing) + label_smoothing / log_probs.shape[dim]
    each = log_probs if weight is None else log_probs * _per_class(weight, log_probs, dim)
    losses = -(each * target).sum(dim)
    return reduced("cross_entropy", losses, reduction)


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
    dim = 0 if input.ndim == 1 else 1
    expected = (*input.shape[:dim], *input.shape[dim + 1 :])
    if tuple(target.shape) != tuple(expected):
        raise ShapeError(
            message(
                "nll_loss",
                "targets do not fit the classes' scores",
                f"{tuple(target.shape)} for {tuple(input.shape)}",
                f"targets {tuple(expected)}",
                "one class index per item",
            )  # fmt: skip
        )
    kept = target != ignore_index
    safe = where(kept, target, 0)
    losses = -input.gather(dim, safe.unsqueeze(dim)).squeeze(dim)
    if weight is not None:
        share = weight[safe]
        losses = losses * share
    losses = where(kept, losses, 0.0)
    if reduction == "none":
        return losses
    if reduction == "sum":
        return losses.sum()
    counted = kept.to(input.dtype) if weight is None else where(kept, share, 0.0)
    return losses.sum() / counted.sum()


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
) -> Tensor:
    """(x - target)**2."""
    difference = input - target
    return reduced("mse_loss", difference * difference, reduction)


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
) -> Tensor:
    """|x - target|."""
    return reduced("l1_loss", (input - target).abs(), reduction)


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """(x - target)**2 / (2 * beta) below beta, |x - target| - beta / 2 above."""
    size = (input - target).abs()
    if beta == 0:
        return reduced("smooth_l1_loss", size, reduction)
    losses = where(size < beta, size * size * (0.5 / beta), size - 0.5 * beta)
    return reduced("smooth_l1_loss", losses, reduction)


def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
) -> Tensor:
    """(x - target)**2 / 2 below delta, delta * (|x - target| - delta / 2) above."""
    size = (input - target).abs()
    losses = where(size < delta, size * size * 0.5, delta * (size - 0.5 * delta))
    return reduced("huber_loss", losses, reduction)


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
) -> Tensor:
    """-(t * log(p) + (1 - t) * log(1 - p)), each logarithm held above -100."""
    if input.shape != target.shape:
        raise ShapeError(
            message(
                "binary_cross_entropy",
                "shapes differ",
                f"{tuple(input.shape)} and {tuple(target.shape)}",
                "equal shapes",
                "squeeze or reshape one of them",
            )  # fmt: skip
        )
    yes, no = input.log().clamp(min=-100.0), (1.0 - input).log().clamp(min=-100.0)
    losses = -(target * yes + (1.0 - target) * no)
    return reduced("binary_cross_entropy", _times(losses, weight), reduction)


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
    if input.shape != target.shape:
        raise ShapeError(
            message(
                "binary_cross_entropy_with_logits",
                "shapes differ",
                f"{tuple(input.shape)} and {tuple(target.shape)}",
                "equal shapes",
                "squeeze or reshape one of them, e.g. logits.squeeze(1)",
            )  # fmt: skip
        )
    factor = 1.0 if pos_weight is None else 1.0 + (pos_weight - 1.0) * target
    smooth = (-input.abs()).exp().log1p() + (-input).clamp(min=0.0)  # -log(sigmoid(x))
    losses = (1.0 - target) * input + factor * smooth
    return reduced("binary_cross_entropy_with_logits", _times(losses, weight), reduction)


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
    if log_target:
        losses = target.exp() * (target - input)
    else:
        log = where(target > 0, target, 1.0).log()
        losses = target * (log - input)
    if reduction == "batchmean":
        return losses.sum() / input.shape[0]
    return reduced("kl_div", losses, reduction)


def _times(losses: Tensor, weight: Tensor | None) -> Tensor:
    return losses if weight is None else losses * weight
