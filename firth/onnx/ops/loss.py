"""Losses over classes."""

from __future__ import annotations

from typing import Any

import firth
from firth.onnx.registry import op
from firth.tensor import Tensor
from firth.tensor.record import apply


def _chosen(
    log_prob: Tensor, target: Tensor, weights: Tensor | None, ignore_index: int | None,
    reduction: str,
) -> Any:  # fmt: skip
    """Minus the weighted logarithms of the target classes: (N, C, ...), (N, ...) -> (N, ...)."""
    target = target.to(firth.int64)
    counted = None if ignore_index is None else target != ignore_index
    place = target if counted is None else firth.where(counted, target, 0)
    loss = -firth.gather(log_prob, 1, place.unsqueeze(1)).squeeze(1)
    factor = None if weights is None else apply("take", weights, place, axis=0)
    if counted is not None:
        factor = counted.to(log_prob.dtype) if factor is None else firth.where(counted, factor, 0)
    if factor is not None:
        loss = loss * factor
    if reduction == "none":
        return loss
    if reduction == "sum":
        return loss.sum()
    return loss.mean() if factor is None else loss.sum() / factor.sum()


@op("NegativeLogLikelihoodLoss", statistics=(2,))
def nll_loss(
    log_prob: Tensor, target: Tensor, weights: Tensor | None = None, *,
    ignore_index: int | None = None, reduction: str = "mean",
) -> Any:  # fmt: skip
    """Minus the log-probability of each target: (N, C, ...), (N, ...) -> () or (N, ...)."""
    return _chosen(log_prob, target, weights, ignore_index, reduction)


@op("SoftmaxCrossEntropyLoss", statistics=(2,))
def softmax_cross_entropy(
    scores: Tensor, target: Tensor, weights: Tensor | None = None, *,
    ignore_index: int | None = None, reduction: str = "mean", outputs: int = 1,
) -> Any:  # fmt: skip
    """The loss of softmax probabilities, and their logarithms."""
    log_prob = scores.log_softmax(1)
    loss = _chosen(log_prob, target, weights, ignore_index, reduction)
    return (loss, log_prob)[:outputs] if outputs > 1 else loss
