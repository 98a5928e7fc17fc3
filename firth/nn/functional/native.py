"""Norms that give their statistics too, under the names of PyTorch's own layers."""

from __future__ import annotations

from collections.abc import Sequence

from firth.nn.functional.layer import batch_norm, check_tail
from firth.nn.functional.shape import pad as padded
from firth.tensor import Tensor, zeros


def _normal(x: Tensor, axes: tuple[int, ...], eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """(x with mean 0 and variance 1 over axes, the mean, 1 / deviation), dims kept."""
    mean = x.mean(axes, True)
    gap = x - mean
    rstd = ((gap * gap).mean(axes, True) + eps).rsqrt()
    return gap * rstd, mean, rstd


def native_layer_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None, bias: Tensor | None,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """(layer_norm, mean, 1 / deviation). x: (..., *normalized_shape)."""
    check_tail("native_layer_norm", input, tuple(normalized_shape))
    axes = tuple(range(input.ndim - len(normalized_shape), input.ndim))
    out, mean, rstd = _normal(input, axes, eps)
    if weight is not None:
        out = out * weight
    return out if bias is None else out + bias, mean, rstd


def native_group_norm(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, N: int, C: int, HxW: int,
    group: int, eps: float,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """(group_norm, means (N, group), 1 / deviations (N, group)). x: (N, C, ...)."""
    x = input.reshape(N, group, C // group * HxW)
    out, mean, rstd = _normal(x, (2,), eps)
    out = out.reshape(*input.shape)
    along = (C, *(1 for _ in input.shape[2:]))
    if weight is not None:
        out = out * weight.reshape(*along)
    out = out if bias is None else out + bias.reshape(*along)
    return out, mean.reshape(N, group), rstd.reshape(N, group)


def native_batch_norm(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, running_mean: Tensor | None,
    running_var: Tensor | None, training: bool, momentum: float, eps: float,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """(batch_norm, means (C,), 1 / deviations (C,)), the last two empty outside of training."""
    if not training:
        out = batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
        return out, zeros(0, dtype=input.dtype), zeros(0, dtype=input.dtype)
    axes = tuple(i for i in range(input.ndim) if i != 1)
    _, mean, rstd = _normal(input, axes, eps)
    out = batch_norm(input, running_mean, running_var, weight, bias, True, momentum, eps)
    return out, mean.reshape(-1), rstd.reshape(-1)


def constant_pad_nd(input: Tensor, pad: Sequence[int], value: float = 0) -> Tensor:
    """As pad, with a number."""
    return padded(input, pad, "constant", value)
