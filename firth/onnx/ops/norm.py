"""Normalisation."""

from __future__ import annotations

import math
from typing import Any

import firth
from firth.onnx.ops.shape import padded
from firth.onnx.registry import op
from firth.onnx.values import element, firth_dtype
from firth.tensor import Tensor
from firth.tensor.record import apply


def _channels(x: Tensor, values: Tensor) -> Tensor:
    """One value for each channel, shaped to broadcast with x (N, C, ...)."""
    return values.reshape(-1, *(1,) * (x.ndim - 2)) if x.ndim > 1 else values


@op("BatchNormalization", since=14, statistics=(3, 4))
def batch_norm(
    x: Tensor, scale: Tensor, bias: Tensor, mean: Tensor, var: Tensor, *, epsilon: float = 1e-5,
    momentum: float = 0.9, training_mode: int = 0, outputs: int = 1,
) -> Any:  # fmt: skip
    """Channels normalised by the statistics given, or with training_mode by the batch's, which
    then move the running ones: the other outputs."""
    if not training_mode:
        return apply("batch_norm_inference", x, mean, var, scale, bias, eps=epsilon)
    axes = (0, *range(2, x.ndim))
    found = x.mean(axes), x.var(axes, unbiased=False)
    y = (x - _channels(x, found[0])) / (_channels(x, found[1]) + epsilon).sqrt()
    y = y * _channels(x, scale) + _channels(x, bias)
    moved = [old * momentum + new.to(old.dtype) * (1 - momentum)
             for old, new in zip((mean, var), found, strict=True)]  # fmt: skip
    return (y, *moved)[:outputs]


@op("BatchNormalization", statistics=(3, 4))
def batch_norm_old(
    x: Tensor, scale: Tensor, bias: Tensor, mean: Tensor, var: Tensor, *, epsilon: float = 1e-5,
    momentum: float = 0.9, spatial: int = 1, is_test: int = 0, consumed_inputs: Any = None,
) -> Any:  # fmt: skip
    """BatchNormalization as it was before opset 14, for inference."""
    return apply("batch_norm_inference", x, mean, var, scale, bias, eps=epsilon)


@op("InstanceNormalization")
def instance_norm(
    x: Tensor, scale: Tensor, bias: Tensor, *, epsilon: float = 1e-5, consumed_inputs: Any = None
) -> Any:
    """Each channel of each example by itself."""
    y = apply("standardize", x, axes=tuple(range(2, x.ndim)), eps=epsilon)
    return y * _channels(x, scale) + _channels(x, bias)


@op("GroupNormalization", since=21)
def group_norm(
    x: Tensor, scale: Tensor, bias: Tensor, *, num_groups: int, epsilon: float = 1e-5,
    stash_type: int = 1,
) -> Any:  # fmt: skip
    """Groups of channels, with a scale and bias for each channel."""
    wide = x.to(_stash(stash_type, x))
    groups = wide.reshape(x.shape[0], num_groups, -1)
    y = apply("standardize", groups, axes=(2,), eps=epsilon).reshape(*x.shape).to(x.dtype)
    return y * _channels(x, scale) + _channels(x, bias)


@op("GroupNormalization")
def group_norm_old(
    x: Tensor, scale: Tensor, bias: Tensor, *, num_groups: int, epsilon: float = 1e-5
) -> Any:
    """GroupNormalization as it was before opset 21: a scale and bias for each group."""
    size = x.shape[1] // num_groups
    wide = [v.repeat_interleave(size) for v in (scale, bias)]
    return group_norm(x, *wide, num_groups=num_groups, epsilon=epsilon)


def _stash(number: int, x: Tensor) -> Any:
    """The dtype to compute in: at least the one named, never less than x's."""
    found = firth_dtype(element(number)) or x.dtype
    return found if found.bits > x.dtype.bits else x.dtype


@op("LayerNormalization")
def layer_norm(
    x: Tensor, scale: Tensor, bias: Tensor | None = None, *, axis: int = -1, epsilon: float = 1e-5,
    stash_type: int = 1, outputs: int = 1,
) -> Any:  # fmt: skip
    """The dimensions from the axis on, with mean and inverse deviation as further outputs."""
    axes = tuple(range(axis % x.ndim, x.ndim))
    wide = x.to(_stash(stash_type, x))
    y = apply("standardize", wide, axes=axes, eps=epsilon).to(x.dtype) * scale
    if bias is not None:
        y = y + bias
    if outputs == 1:
        return y
    mean = wide.mean(axes, keepdim=True)
    inverse = (wide.var(axes, unbiased=False, keepdim=True) + epsilon).rsqrt()
    return (y, mean, inverse)[:outputs]


@op("RMSNormalization")
def rms_norm(
    x: Tensor, scale: Tensor, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1
) -> Any:
    """x over the root of its mean square over the dimensions from the axis on."""
    axes = tuple(range(axis % x.ndim, x.ndim))
    wide = x.to(_stash(stash_type, x))
    inverse = ((wide * wide).mean(axes, keepdim=True) + epsilon).rsqrt()
    return (wide * inverse).to(x.dtype) * scale


@op("LRN")
def local_response_norm(
    x: Tensor, *, size: int, alpha: float = 0.0001, beta: float = 0.75, bias: float = 1.0
) -> Any:
    """x over a power of the squares of its neighbours among the channels."""
    low, high = (size - 1) // 2, math.ceil((size - 1) / 2)
    pairs = [(0, 0)] * x.ndim
    pairs[1] = (low, high)
    squares = padded(x * x, pairs, "constant")
    channels = x.shape[1]
    total = squares.narrow(1, 0, channels)
    for i in range(1, size):
        total = total + squares.narrow(1, i, channels)
    return x / (total * (alpha / size) + bias) ** beta


@op("LpNormalization")
def lp_normalization(x: Tensor, *, axis: int = -1, p: int = 2) -> Any:
    """x over its norm along an axis; 0 where the norm is 0."""
    if p == 1:
        norm = x.abs().sum(axis, keepdim=True)
    else:
        norm = (x * x).sum(axis, keepdim=True).sqrt()
    empty = norm == 0
    return firth.where(empty, 0, x / firth.where(empty, 1, norm))


@op("MeanVarianceNormalization")
def mean_variance_normalization(x: Tensor, *, axes: list[int] | None = None) -> Any:
    """x minus its mean over its deviation (plus 1e-9)."""
    over = tuple(a % x.ndim for a in (axes or (0, 2, 3)))
    mean = x.mean(over, keepdim=True)
    deviation = ((x * x).mean(over, keepdim=True) - mean * mean).sqrt()
    return (x - mean) / (deviation + 1e-9)
