"""Norms across instances and channels, bags of embeddings, bilinear forms."""

from __future__ import annotations

import math

from firth.base.errors import ArgumentError, DTypeError, ShapeError, message
from firth.nn.functional.layer import batch_norm
from firth.tensor import Tensor, arange, full, no_grad, where, zeros
from firth.tensor.products import p_length
from firth.tensor.record import apply


def instance_norm(
    input: Tensor, running_mean: Tensor | None = None, running_var: Tensor | None = None,
    weight: Tensor | None = None, bias: Tensor | None = None, use_input_stats: bool = True,
    momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Normalises each channel of each example. x: (N, C, ...), the same shape out; others (C,)."""
    n, c = input.shape[:2]
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    count = math.prod(input.shape[2:])
    if count < 2:
        raise ShapeError(
            message("instance_norm", "one value per channel has no variance",
                    str(tuple(input.shape)), "more than one spatial element",
                    "use a larger image, or layer_norm")
        )  # fmt: skip
    axes = tuple(range(2, input.ndim))
    if running_mean is not None and running_var is not None:
        with no_grad():
            # the means over examples of their own statistics
            means, spreads = input.mean(axes).mean(0), input.var(axes).mean(0)
            for old, new in ((running_mean, means), (running_var, spreads)):
                old.copy_((1 - momentum) * old + momentum * new)
    out = apply("batch_norm", input.reshape(1, n * c, *input.shape[2:]), eps=eps)
    out = out.reshape(*input.shape)
    along = (c, *(1 for _ in axes))
    if weight is not None:
        out = out * weight.reshape(*along)
    return out if bias is None else out + bias.reshape(*along)


def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """x / (k + alpha * mean of squares over `size` channels around)**beta. (N, C, ...)."""
    if input.ndim < 3:
        raise ShapeError(
            message("local_response_norm", "too few dimensions", str(tuple(input.shape)),
                    "(N, C, ...)", "add the missing dimension")
        )  # fmt: skip
    if input.numel() == 0:
        return input
    n, c = input.shape[:2]
    square = (input * input).reshape(n, c, -1)
    low, high = size // 2, (size - 1) // 2
    padded = apply("pad", square, low=(0, low, 0), high=(0, high, 0), inner=(0, 0, 0), value=0.0)
    mean = padded.unfold(1, size, 1).sum(-1) / size
    return input / (mean * alpha + k).reshape(*input.shape) ** beta


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x1 W x2 for each output. (..., A), (..., B), (O, A, B) -> (..., O)."""
    o, a, b = weight.shape
    if input1.shape[:-1] != input2.shape[:-1] or (input1.shape[-1], input2.shape[-1]) != (a, b):
        raise ShapeError(
            message("bilinear", "these do not fit",
                    f"{tuple(input1.shape)}, {tuple(input2.shape)}, weight {tuple(weight.shape)}",
                    f"(..., {a}) and (..., {b})", "check the features")
        )  # fmt: skip
    lead = tuple(input2.shape[:-1])
    rows = apply("reshape", weight, shape=(o * a, b))  # nobody sees these: no views
    right = apply("reshape", apply("linear", input2, rows), shape=(*lead, o, a))  # W x2
    left = apply("reshape", input1, shape=(*lead, 1, a))
    out = (right * left).sum(-1)
    return out if bias is None else out + bias


def renormalised(weight: Tensor, index: Tensor, max_norm: float, norm_type: float) -> None:
    """Rows that are looked up are scaled down, in place, to a norm of at most max_norm."""
    with no_grad():
        used = zeros(weight.shape[0], dtype=weight.dtype).index_fill(0, index.reshape(-1), 1.0)
        length = p_length(weight, float(norm_type))
        over = (length > max_norm) & (used > 0)
        scale = where(over, max_norm / (length + 1e-7), 1.0)
        weight.copy_(weight * scale.unsqueeze(1))


def embedding_bag(
    input: Tensor, weight: Tensor, offsets: Tensor | None = None, max_norm: float | None = None,
    norm_type: float = 2, scale_grad_by_freq: bool = False, mode: str = "mean",
    sparse: bool = False, per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False, padding_idx: int | None = None,
) -> Tensor:  # fmt: skip
    """Sums, means or maxima of bags of rows. (B, L), or (N,) with offsets (B,) -> (B, D).

    offsets: where each bag begins, 0 first. padding_idx: a row that counts nowhere.
    """
    if input.dtype.is_floating_point and weight.dtype.is_integer:  # the older order
        input, weight = weight, input
    _check_bag(input, weight, offsets, mode, per_sample_weights)
    index = input.reshape(-1).long()
    rows = index.shape[0]
    if offsets is None:
        count = input.shape[0]
        bag = arange(rows) // max(input.shape[1], 1)
    else:
        count = offsets.shape[0] - int(include_last_offset)
        starts = offsets[:count].long()
        bag = (arange(rows).unsqueeze(1) >= starts).long().sum(1) - 1
    if max_norm is not None:
        renormalised(weight, index, max_norm, norm_type)
    found = apply("embedding", weight, index, padding=None)
    kept = full((rows,), True)
    if padding_idx is not None:
        kept = index != padding_idx % weight.shape[0]
    if per_sample_weights is not None:
        found = found * per_sample_weights.reshape(-1, 1)
    width = weight.shape[1]
    where_ = bag.unsqueeze(1).expand(rows, width)
    start = zeros(count, width, dtype=weight.dtype)
    number = zeros(count, dtype=weight.dtype).scatter_add(0, bag, kept.to(weight.dtype))
    if mode == "max":
        low = where(kept.unsqueeze(1), found, -math.inf)
        best = start.scatter_reduce(0, where_, low, "amax", include_self=False)
        return where(number.unsqueeze(1) > 0, best, 0.0)
    total = start.scatter_add(0, where_, where(kept.unsqueeze(1), found, 0.0))
    return total if mode == "sum" else total / number.clamp(min=1).unsqueeze(1)


def _check_bag(
    input: Tensor, weight: Tensor, offsets: Tensor | None, mode: str, weights: Tensor | None
) -> None:
    if mode not in ("sum", "mean", "max"):
        raise ArgumentError(
            message("embedding_bag", "no such mode", repr(mode), "sum, mean or max", "mode='mean'")
        )
    if weights is not None and mode != "sum":
        raise ArgumentError(
            message("embedding_bag", "weights of samples are for sums", f"mode={mode!r}",
                    "mode='sum'", "leave per_sample_weights out")
        )  # fmt: skip
    if not input.dtype.is_integer or offsets is not None and not offsets.dtype.is_integer:
        raise DTypeError(
            message("embedding_bag", "indices are not integers", input.dtype.name, "int64",
                    "cast them, e.g. x.long()")
        )  # fmt: skip
    if input.ndim == (1 if offsets is None else 2) or input.ndim not in (1, 2) or weight.ndim != 2:
        raise ShapeError(
            message("embedding_bag", "these are no bags of rows",
                    f"input {tuple(input.shape)}, weight {tuple(weight.shape)}",
                    "(B, L), or (N,) with offsets", "pass offsets for a vector")
        )  # fmt: skip
    if weights is not None and weights.shape != input.shape:
        raise ShapeError(
            message("embedding_bag", "not one weight for each sample", str(tuple(weights.shape)),
                    str(tuple(input.shape)), "give it the input's shape")
        )  # fmt: skip
