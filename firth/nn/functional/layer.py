"""What layers compute: linear maps, convolutions, pooling, normalisation, look-ups."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from firth.base.errors import ArgumentError, DTypeError, ShapeError, message
from firth.nn.functional.common import IntOrTuple, as_shape, per_dim, strides_of
from firth.nn.functional.pooling import max_pool_with_indices, sum_pool
from firth.tensor import Tensor, no_grad
from firth.tensor.record import apply

Padding = IntOrTuple | str


def _given(*tensors: Tensor | None) -> tuple[Tensor, ...]:
    return tuple(t for t in tensors if t is not None)


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x @ weight.T + bias. x: (..., I), weight: (O, I), bias: (O,) -> (..., O)."""
    return apply("linear", input, weight, *_given(bias))


def embedding(input: Tensor, weight: Tensor, padding_idx: int | None = None) -> Tensor:
    """Row i of the weight for each index i. (...) integer, (K, D) -> (..., D)."""
    if padding_idx is not None and padding_idx < 0:
        padding_idx += weight.shape[0]
    return apply("embedding", weight, input, padding=padding_idx)


# Convolution


def pads(
    padding: Padding, kernel: tuple[int, ...], dilation: tuple[int, ...]
) -> tuple[tuple[int, int], ...]:
    """(before, after) of each spatial dimension; "same" keeps the extents at stride 1."""
    if padding == "same":
        total = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return tuple((n // 2, n - n // 2) for n in total)
    if isinstance(padding, str) and padding != "valid":
        raise ArgumentError(
            message(
                "conv",
                "unknown padding",
                repr(padding),
                "a number, 'same' or 'valid'",
                "padding=1 keeps the size of a 3x3 kernel",
            )  # fmt: skip
        )
    found = per_dim(0 if isinstance(padding, str) else padding, len(kernel))
    if min(found) < 0:
        raise ArgumentError(
            message("conv", "a negative padding", str(padding), "0 or more", "crop the input")
        )
    return tuple((p, p) for p in found)


def convolve(
    name: str,
    spatial: int,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: IntOrTuple,
    padding: Padding,
    dilation: IntOrTuple,
    groups: int,
) -> Tensor:
    """Cross-correlation over `spatial` dimensions."""
    if bias is not None and bias.dtype is not x.dtype:
        raise DTypeError(
            message(
                name, "the bias has another dtype", f"{bias.dtype.name} for {x.dtype.name}",
                "equal dtypes", "cast one of them",
            )
        )  # fmt: skip
    batched = _batched(name, x, spatial)
    strides, dilations = per_dim(stride, spatial), per_dim(dilation, spatial)
    if padding == "same" and strides != (1,) * spatial:
        raise ArgumentError(
            message(
                name,
                "padding='same' has no meaning with strides",
                str(strides),
                "stride 1",
                "give the padding as a number",
            )  # fmt: skip
        )
    if weight.ndim != spatial + 2:
        raise ShapeError(
            message(
                name, "this weight does not fit", str(tuple(weight.shape)),
                f"{spatial + 2} dimensions: (out, in // groups, *kernel)",
                "give every spatial dimension its extent",
            )
        )  # fmt: skip
    pairs = pads(padding, tuple(weight.shape[2:]), dilations)
    out = apply(
        "conv", x if batched else x.unsqueeze(0), weight, *_given(bias),
        stride=strides, padding=pairs, dilation=dilations, groups=groups,
    )  # fmt: skip
    return out if batched else out.squeeze(0)


def _batched(name: str, x: Tensor, spatial: int) -> bool:
    """Whether there is a batch dimension; ShapeError for any other rank."""
    if x.ndim not in (spatial + 1, spatial + 2):
        extents = ("L", "H, W", "D, H, W")[spatial - 1]
        raise ShapeError(
            message(
                name,
                "this input does not fit",
                str(tuple(x.shape)),
                f"(N, C, {extents}) or (C, {extents})",
                "add the missing dimension, e.g. x[:, None]",
            )  # fmt: skip
        )
    return x.ndim == spatial + 2


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: IntOrTuple = 1,
    padding: Padding = 0,
    dilation: IntOrTuple = 1,
    groups: int = 1,
) -> Tensor:
    """Cross-correlation. (N, C, L), (O, C // groups, k) -> (N, O, L')."""
    return convolve("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: IntOrTuple = 1,
    padding: Padding = 0,
    dilation: IntOrTuple = 1,
    groups: int = 1,
) -> Tensor:
    """Cross-correlation. (N, C, H, W), (O, C // groups, kh, kw) -> (N, O, H', W')."""
    return convolve("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


def convolve_transposed(
    name: str,
    spatial: int,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: IntOrTuple,
    padding: IntOrTuple,
    output_padding: IntOrTuple,
    groups: int,
    dilation: IntOrTuple,
) -> Tensor:
    """The transpose of `convolve`."""
    batched = _batched(name, x, spatial)
    out = apply(
        "conv_transpose", x if batched else x.unsqueeze(0), weight, *_given(bias),
        stride=per_dim(stride, spatial),
        padding=tuple((p, p) for p in per_dim(padding, spatial)),
        output_padding=per_dim(output_padding, spatial),
        dilation=per_dim(dilation, spatial), groups=groups,
    )  # fmt: skip
    return out if batched else out.squeeze(0)


def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: IntOrTuple = 1,
    padding: IntOrTuple = 0,
    output_padding: IntOrTuple = 0,
    groups: int = 1,
    dilation: IntOrTuple = 1,
) -> Tensor:
    """The transpose of conv1d. (N, C, L), (C, O // groups, k) -> (N, O, L')."""
    return convolve_transposed(
        "conv_transpose1d", 1, input, weight, bias, stride, padding, output_padding, groups,
        dilation,
    )  # fmt: skip


def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: IntOrTuple = 1,
    padding: IntOrTuple = 0,
    output_padding: IntOrTuple = 0,
    groups: int = 1,
    dilation: IntOrTuple = 1,
) -> Tensor:
    """The transpose of conv2d. (N, C, H, W), (C, O // groups, kh, kw) -> (N, O, H', W')."""
    return convolve_transposed(
        "conv_transpose2d", 2, input, weight, bias, stride, padding, output_padding, groups,
        dilation,
    )  # fmt: skip


# Pooling


def pool_maxima(
    name: str,
    spatial: int,
    x: Tensor,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None,
    padding: IntOrTuple,
    dilation: IntOrTuple,
    ceil_mode: bool,
    return_indices: bool,
) -> Any:
    """Maxima of windows; with return_indices (values, places)."""
    _pooled(name, x, spatial)
    if return_indices:
        return max_pool_with_indices(
            x, spatial, kernel_size, stride, padding, dilation, ceil_mode
        )  # fmt: skip
    return apply(
        "max_pool", x, sizes=per_dim(kernel_size, spatial),
        stride=strides_of(stride, per_dim(kernel_size, spatial)),
        padding=tuple((p, p) for p in per_dim(padding, spatial)),
        dilation=per_dim(dilation, spatial), ceil_mode=ceil_mode,
    )  # fmt: skip


def _pooled(name: str, x: Tensor, spatial: int) -> None:
    """ShapeError for what cannot be pooled: another rank, or empty beside the batch."""
    _batched(name, x, spatial)
    if 0 in x.shape[x.ndim - spatial - 1 :]:
        raise ShapeError(
            message(
                name, "there is nothing to pool", str(tuple(x.shape)), "no empty dimension",
                "check for empty input first",
            )
        )  # fmt: skip


def max_pool1d(
    input: Tensor,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None = None,
    padding: IntOrTuple = 0,
    dilation: IntOrTuple = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window, with its place if wanted. (N, C, L) -> (N, C, L')."""
    return pool_maxima(
        "max_pool1d", 1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices
    )


def max_pool2d(
    input: Tensor,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None = None,
    padding: IntOrTuple = 0,
    dilation: IntOrTuple = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window, with its place if wanted. (N, C, H, W)."""
    return pool_maxima(
        "max_pool2d", 2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices
    )


def mean_pool(
    name: str,
    spatial: int,
    x: Tensor,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None,
    padding: IntOrTuple,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor: int | None = None,
) -> Tensor:
    """Means of windows; with a divisor their sums over it."""
    _pooled(name, x, spatial)
    rims = per_dim(padding, spatial)
    if min(rims) < 0 or divisor == 0:
        raise ArgumentError(
            message(
                name, "no such padding or divisor", f"padding {rims}, divisor {divisor}",
                "padding of 0 or more, a divisor other than 0", "leave them out",
            )
        )  # fmt: skip
    if divisor is not None:
        return sum_pool(x, spatial, kernel_size, stride, padding, ceil_mode) / divisor
    return apply(
        "avg_pool", x, sizes=per_dim(kernel_size, spatial),
        stride=strides_of(stride, per_dim(kernel_size, spatial)),
        padding=tuple((p, p) for p in rims), ceil_mode=ceil_mode, count_padding=count_include_pad,
    )  # fmt: skip


def avg_pool1d(
    input: Tensor,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None = None,
    padding: IntOrTuple = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean of each window. (N, C, L) -> (N, C, L')."""
    return mean_pool(
        "avg_pool1d", 1, input, kernel_size, stride, padding, ceil_mode, count_include_pad
    )


def avg_pool2d(
    input: Tensor,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None = None,
    padding: IntOrTuple = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window, or its sum over divisor_override. (N, C, H, W)."""
    return mean_pool(
        "avg_pool2d", 2, input, kernel_size, stride, padding, ceil_mode, count_include_pad,
        divisor_override,
    )  # fmt: skip


def adaptive_mean(name: str, spatial: int, x: Tensor, output_size: object) -> Tensor:
    """Means over nearly equal windows."""
    _batched(name, x, spatial)
    wanted = per_dim(output_size, spatial)
    sizes = tuple(
        n if w is None else w for w, n in zip(wanted, x.shape[x.ndim - spatial :], strict=True)
    )
    return apply("adaptive_avg_pool", x, sizes=sizes)


def adaptive_avg_pool1d(input: Tensor, output_size: object) -> Tensor:
    """Means over windows chosen so that the result has `output_size`. (N, C, L)."""
    return adaptive_mean("adaptive_avg_pool1d", 1, input, output_size)


def adaptive_avg_pool2d(input: Tensor, output_size: object) -> Tensor:
    """Means over windows chosen so that the result has `output_size`. (N, C, H, W)."""
    return adaptive_mean("adaptive_avg_pool2d", 2, input, output_size)


# Normalisation


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float | Tensor = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalises each channel; in training by the batch's statistics, which move the running ones.

    x: (N, C, ...), the same shape out; everything else: (C,).
    """
    if input.ndim < 2 and input.numel() == 0:
        return input
    parameters = _scale_and_shift(input.shape[1:2], weight, bias, input)
    if not training:
        if running_mean is None or running_var is None:
            raise ArgumentError(
                message(
                    "batch_norm",
                    "there are no running statistics",
                    "None",
                    "running_mean and running_var",
                    "pass training=True",
                )  # fmt: skip
            )
        return apply("batch_norm_inference", input, running_mean, running_var, *parameters, eps=eps)
    count = input.numel() // max(input.shape[1], 1)
    if count == 1:
        raise ShapeError(
            message(
                "batch_norm",
                "one value per channel has no variance",
                str(tuple(input.shape)),
                "more than one value per channel in training",
                "use a larger batch (drop_last=True), or model.eval()",
            )  # fmt: skip
        )
    if running_mean is not None and running_var is not None and count:
        axes = tuple(a for a in range(input.ndim) if a != 1)
        with no_grad():
            mean, var = input.mean(axes), input.var(axes)
            for old, new in ((running_mean, mean), (running_var, var)):
                old.copy_((1 - momentum) * old + momentum * new)
    return apply("batch_norm", input, *parameters, eps=eps)


def _scale_and_shift(
    shape: tuple[int, ...], weight: Tensor | None, bias: Tensor | None, like: Tensor
) -> tuple[Tensor, ...]:
    """(weight, bias), (weight,) or (); a bias without a weight gets a weight of ones."""
    if weight is None and bias is not None:
        weight = like.new_ones(*shape)
    return _given(weight, bias)


def layer_norm(
    input: Tensor,
    normalized_shape: int | tuple[int, ...],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalises over the last dimensions. x: (..., *normalized_shape), the same shape out."""
    shape = as_shape(normalized_shape)
    check_tail("layer_norm", input, shape)
    parameters = _scale_and_shift(shape, weight, bias, input)
    return apply("layer_norm", input, *parameters, ndim=len(shape), eps=eps)


def rms_norm(
    input: Tensor,
    normalized_shape: int | tuple[int, ...],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """Divides by the root mean square over the last dimensions; eps is the dtype's by default."""
    shape = as_shape(normalized_shape)
    check_tail("rms_norm", input, shape)
    if eps is None:
        eps = float(np.finfo(input.dtype.np).eps)
    if input.dtype.is_complex:  # of squares, not of absolute values, as in PyTorch
        squares = (input * input).mean(tuple(range(-len(shape), 0)), keepdim=True)
        found = input * (squares + eps).rsqrt()
        return found if weight is None else found * weight
    return apply("rms_norm", input, *_given(weight), ndim=len(shape), eps=eps)


def check_tail(name: str, x: Tensor, shape: tuple[int, ...]) -> None:
    """ShapeError unless the last dimensions are those named."""
    if not shape or tuple(x.shape[max(x.ndim - len(shape), 0) :]) != shape:
        raise ShapeError(
            message(
                name,
                "the last dimensions differ",
                str(tuple(x.shape)),
                f"(..., {', '.join(map(str, shape))})",
                "make the layer for this shape",
            )  # fmt: skip
        )


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalises groups of channels. x: (N, C, ...), the same shape out."""
    parameters = _scale_and_shift(input.shape[1:2], weight, bias, input)
    return apply("group_norm", input, *parameters, groups=operator.index(num_groups), eps=eps)
