"""Losses of distances and margins, and the distances themselves."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from firth.base.errors import ArgumentError, ShapeError, message
from firth.nn.functional.common import check_reduction
from firth.nn.functional.common import reduce as reduced
from firth.nn.functional.layer import linear
from firth.nn.functional.loss import cross_entropy
from firth.tensor import Tensor, arange, broadcast_tensors, combinations, where
from firth.tensor.products import p_length
from firth.tensor.record import apply

Reduction = str


def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """The p-norm of x1 - x2 + eps along the last dimension. (..., D), (..., D) -> (...)."""
    return p_length(x1 - x2 + eps, float(p), keepdim)


def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """The p-norm distance of every pair of rows. (N, D) -> (N * (N - 1) / 2,)."""
    if input.ndim != 2:
        raise ShapeError(
            message("pdist", "not a matrix", str(tuple(input.shape)), "(rows, features)", "reshape")
        )
    if p < 0:
        raise ArgumentError(message("pdist", "p is negative", str(p), "0 or more", "use p=2"))
    pairs = combinations(arange(input.shape[0]), 2)
    return p_length(input[pairs[:, 0]] - input[pairs[:, 1]], float(p))


def soft_margin_loss(
    input: Tensor, target: Tensor, size_average: None = None, reduce: None = None,
    reduction: Reduction = "mean",
) -> Tensor:  # fmt: skip
    """log(1 + exp(-target * x)), targets 1 or -1."""
    return reduced("soft_margin_loss", -apply("logsigmoid", target * input), reduction)


def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0, size_average: None = None,
    reduce: None = None, reduction: Reduction = "mean",
) -> Tensor:  # fmt: skip
    """max(0, -target * (x1 - x2) + margin): target 1 ranks x1 higher, -1 lower."""
    if not input1.ndim == input2.ndim == target.ndim:
        raise ShapeError(
            message("margin_ranking_loss", "the numbers of dimensions differ",
                    f"{tuple(input1.shape)}, {tuple(input2.shape)}, {tuple(target.shape)}",
                    "equal numbers", "unsqueeze one")
        )  # fmt: skip
    return reduced("margin_ranking_loss", _over(margin - target * (input1 - input2)), reduction)


def _over(x: Tensor) -> Tensor:
    """max(0, x), without a slope at 0."""
    return where(x > 0, x, 0.0)


def hinge_embedding_loss(
    input: Tensor, target: Tensor, margin: float = 1.0, size_average: None = None,
    reduce: None = None, reduction: Reduction = "mean",
) -> Tensor:  # fmt: skip
    """x where the target is 1, max(0, margin - x) where it is -1."""
    far = where(target != 1, where(margin - input > 0, margin - input, 0.0), 0.0)
    near = where(target != -1, input, 0.0)
    return reduced("hinge_embedding_loss", far + near, reduction)


def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0, size_average: None = None,
    reduce: None = None, reduction: Reduction = "mean",
) -> Tensor:  # fmt: skip
    """1 - cos where the target is 1, max(0, cos - margin) where it is -1. (N, D) or (D,)."""
    if input1.ndim not in (1, 2) or target.ndim != input1.ndim - 1:
        raise ShapeError(
            message("cosine_embedding_loss", "these do not fit",
                    f"{tuple(input1.shape)} and target {tuple(target.shape)}",
                    "(N, D) and (N,), or (D,) and ()", "squeeze the target")
        )  # fmt: skip
    eps = 1e-12
    dot = (input1 * input2).sum(-1)
    sizes = ((input1 * input1).sum(-1) + eps) * ((input2 * input2).sum(-1) + eps)
    cosine = dot / sizes.sqrt()
    apart = _over(cosine - margin)
    loss = where(target == 1, 1 - cosine, 0.0) + where(target == -1, apart, 0.0)
    return reduced("cosine_embedding_loss", loss, reduction)


def triplet_margin_loss(
    anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 1.0, p: float = 2,
    eps: float = 1e-6, swap: bool = False, size_average: None = None, reduce: None = None,
    reduction: Reduction = "mean",
) -> Tensor:  # fmt: skip
    """max(0, |a - positive| - |a - negative| + margin) with p-norms. (N, D) -> (N,)."""
    if margin <= 0:
        raise ArgumentError(
            message("triplet_margin_loss", "the margin is not positive", str(margin), "above 0",
                    "margin=1.0")
        )  # fmt: skip
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise ShapeError(
            message("triplet_margin_loss", "the numbers of dimensions differ",
                    f"{tuple(anchor.shape)}, {tuple(positive.shape)}, {tuple(negative.shape)}",
                    "equal numbers", "unsqueeze one")
        )  # fmt: skip
    return _triplet(
        "triplet_margin_loss", anchor, positive, negative,
        lambda a, b: pairwise_distance(a, b, p, eps), margin, swap, reduction,
    )  # fmt: skip


def triplet_margin_with_distance_loss(
    anchor: Tensor, positive: Tensor, negative: Tensor, *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None, margin: float = 1.0,
    swap: bool = False, reduction: Reduction = "mean",
) -> Tensor:  # fmt: skip
    """max(0, d(a, positive) - d(a, negative) + margin) with a distance of your own."""
    if margin <= 0:
        raise ArgumentError(
            message("triplet_margin_with_distance_loss", "the margin is not positive",
                    str(margin), "above 0", "margin=1.0")
        )  # fmt: skip
    distance = distance_function or pairwise_distance
    name = "triplet_margin_with_distance_loss"
    return _triplet(name, anchor, positive, negative, distance, margin, swap, reduction)


def _triplet(
    name: str, anchor: Tensor, positive: Tensor, negative: Tensor, distance: Any, margin: float,
    swap: bool, reduction: Reduction,
) -> Tensor:  # fmt: skip
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = apply("minimum", far, distance(positive, negative))
    return reduced(name, _over(margin + near - far), reduction)


def multi_margin_loss(
    input: Tensor, target: Tensor, p: int = 1, margin: float = 1.0, weight: Tensor | None = None,
    size_average: None = None, reduce: None = None, reduction: Reduction = "mean",
) -> Tensor:  # fmt: skip
    """The mean over other classes of max(0, margin - x[y] + x[i])**p. (N, C), (N,) -> (N,)."""
    if p not in (1, 2):
        raise ArgumentError(message("multi_margin_loss", "no such power", str(p), "1 or 2", "p=1"))
    rows = input if input.ndim == 2 else input.reshape(1, -1)
    classes = target.reshape(-1)
    if rows.shape[0] != classes.shape[0] or rows.numel() == 0 and rows.shape[1:] == (0,):
        raise ShapeError(
            message("multi_margin_loss", "the target does not fit",
                    f"{tuple(input.shape)} and {tuple(target.shape)}", "(N, C) and (N,)",
                    "give one class for each row")
        )  # fmt: skip
    picked = rows.gather(1, classes.unsqueeze(1))
    gap = _over(margin - picked + rows)
    gap = gap if p == 1 else gap * gap
    if weight is not None:
        gap = gap * weight[classes].unsqueeze(1)
    others = arange(rows.shape[1]) != classes.unsqueeze(1)
    loss = where(others, gap, 0.0).sum(1) / rows.shape[1]
    return reduced("multi_margin_loss", loss if input.ndim == 2 else loss.reshape(()), reduction)


def multilabel_margin_loss(
    input: Tensor, target: Tensor, size_average: None = None, reduce: None = None,
    reduction: Reduction = "mean",
) -> Tensor:  # fmt: skip
    """Margins of 1 between the classes listed (up to the first -1) and all others. (N, C)."""
    if input.shape != target.shape or input.ndim > 2 or not math.prod(input.shape[-1:]):
        raise ShapeError(
            message("multilabel_margin_loss", "the shapes differ",
                    f"{tuple(input.shape)} and {tuple(target.shape)}", "equal ones, (N, C)",
                    "fill the target up with -1")
        )  # fmt: skip
    rows = input if input.ndim == 2 else input.reshape(1, -1)
    listed = target.reshape(tuple(rows.shape))
    n = rows.shape[1]
    used = (listed < 0).to(listed.dtype).cumsum(1) == 0  # up to the first -1
    classes = where(used, listed, 0)
    hit = (classes.unsqueeze(2) == arange(n)) & used.unsqueeze(2)  # (N, place, class)
    among = hit.any(1)
    right = rows.gather(1, classes)  # (N, place)
    gap = _over(1 - right.unsqueeze(2) + rows.unsqueeze(1))
    counted = used.unsqueeze(2) & ~among.unsqueeze(1)
    loss = where(counted, gap, 0.0).sum((1, 2)) / n
    loss = loss if input.ndim == 2 else loss.reshape(())
    return reduced("multilabel_margin_loss", loss, reduction)


def multilabel_soft_margin_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: None = None,
    reduce: None = None, reduction: Reduction = "mean",
) -> Tensor:  # fmt: skip
    """The mean over classes of binary cross entropies of logits. (N, C), (N, C) -> (N,)."""
    loss = -(target * apply("logsigmoid", input) + (1 - target) * apply("logsigmoid", -input))
    if weight is not None:
        loss = loss * weight
    return reduced("multilabel_soft_margin_loss", loss.sum(-1) / input.shape[-1], reduction)


def poisson_nll_loss(
    input: Tensor, target: Tensor, log_input: bool = True, full: bool = False,
    size_average: None = None, eps: float = 1e-8, reduce: None = None,
    reduction: Reduction = "mean",
) -> Tensor:  # fmt: skip
    """exp(x) - target * x (x the logarithm of the rate), with `full` Stirling's term."""
    check_reduction("poisson_nll_loss", reduction)
    loss = input.exp() - target * input if log_input else (
        input - target * (input + eps).log()
    )  # fmt: skip
    if full:
        safe = where(target > 1, target, 1.0)
        stirling = safe * safe.log() - safe + 0.5 * (2 * math.pi * safe).log()
        loss = loss + where(target > 1, stirling, 0.0)
    return reduced("poisson_nll_loss", loss, reduction)


def gaussian_nll_loss(
    input: Tensor, target: Tensor, var: Tensor | float, full: bool = False, eps: float = 1e-6,
    reduction: Reduction = "mean",
) -> Tensor:  # fmt: skip
    """(log(var) + (x - target)**2 / var) / 2, the variance held above eps without a slope."""
    check_reduction("gaussian_nll_loss", reduction)
    if not isinstance(var, Tensor):
        if var < 0:
            raise ArgumentError(
                message("gaussian_nll_loss", "the variance is negative", str(var), "0 or more",
                        "give its size")
            )  # fmt: skip
        var = input.new_ones(*input.shape) * var
    if var.shape != input.shape:
        if var.shape == input.shape[:-1]:
            var = var.unsqueeze(-1)
        elif (
            var.ndim != input.ndim
            or sum(v for n, v in zip(input.shape, var.shape, strict=True) if n != v) != 1
        ):  # one dimension of extent 1, the others equal
            raise ShapeError(
                message("gaussian_nll_loss", "the variance does not fit",
                        f"{tuple(var.shape)} for {tuple(input.shape)}",
                        "the input's shape, one extent of it 1, or the last missing", "expand it")
            )  # fmt: skip
    held = var + (var.detach().clamp(min=eps) - var.detach())
    loss = 0.5 * (held.log() + (input - target) ** 2 / held)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return reduced("gaussian_nll_loss", loss, reduction)


def linear_cross_entropy(
    input: Tensor, linear_weight: Tensor, target: Tensor, *, linear_bias: Tensor | None = None,
    weight: Tensor | None = None, reduction: Reduction = "mean", ignore_index: int | None = None,
    label_smoothing: float = 0.0, options: Any = None,
) -> Tensor:  # fmt: skip
    """cross_entropy of linear(input, weight): (N, I), (C, ..., I), target (N, ...)."""
    if ignore_index is not None and target.dtype.is_floating_point:
        raise ArgumentError(
            message("linear_cross_entropy", "probabilities have no class to ignore",
                    f"ignore_index={ignore_index}", "None", "leave it out")
        )  # fmt: skip
    out = linear_weight.shape[:-1]
    if len(out) > 1 and input.ndim < 2:
        raise ShapeError(
            message("linear_cross_entropy", "a loss of several dimensions needs a batch",
                    str(tuple(input.shape)), f"(N, {linear_weight.shape[-1]})", "unsqueeze it")
        )  # fmt: skip
    flat = linear_weight.reshape(-1, linear_weight.shape[-1])
    logits = linear(input, flat, None if linear_bias is None else linear_bias.reshape(-1))
    logits = logits.reshape(*input.shape[:-1], *out)
    return cross_entropy(
        logits, target, weight, ignore_index=-100 if ignore_index is None else ignore_index,
        reduction=reduction, label_smoothing=label_smoothing,
    )  # fmt: skip


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle along dim. x1, x2: (..., D, ...) -> (...)."""
    if x1.shape != x2.shape:
        x1, x2 = broadcast_tensors(x1, x2)
    scaled = []
    for x in (x1, x2):
        size = x.norm(2, dim, keepdim=True)
        scaled.append(x / apply("maximum", size, eps))
    return (scaled[0] * scaled[1]).sum(dim)
