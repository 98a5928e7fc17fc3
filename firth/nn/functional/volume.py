"""Convolution and pooling over three spatial dimensions."""

from __future__ import annotations

from typing import Any

from firth.nn.functional.common import IntOrTuple
from firth.nn.functional.layer import (
    Padding,
    adaptive_mean,
    convolve,
    convolve_transposed,
    mean_pool,
    pool_maxima,
)
from firth.tensor import Tensor


def conv3d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: IntOrTuple = 1,
    padding: Padding = 0, dilation: IntOrTuple = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """Cross-correlation. (N, C, D, H, W), (O, C // groups, kd, kh, kw) -> (N, O, D', H', W')."""
    return convolve("conv3d", 3, input, weight, bias, stride, padding, dilation, groups)


def conv_transpose3d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: IntOrTuple = 1,
    padding: IntOrTuple = 0, output_padding: IntOrTuple = 0, groups: int = 1,
    dilation: IntOrTuple = 1,
) -> Tensor:  # fmt: skip
    """The transpose of conv3d. (N, C, D, H, W), (C, O // groups, kd, kh, kw)."""
    return convolve_transposed(
        "conv_transpose3d", 3, input, weight, bias, stride, padding, output_padding, groups,
        dilation,
    )  # fmt: skip


def max_pool3d(
    input: Tensor, kernel_size: IntOrTuple, stride: IntOrTuple | None = None,
    padding: IntOrTuple = 0, dilation: IntOrTuple = 1, ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:  # fmt: skip
    """The largest element of each window, with its place if wanted. (N, C, D, H, W)."""
    return pool_maxima("max_pool3d", 3, input, kernel_size, stride, padding, dilation, ceil_mode,
                       return_indices)  # fmt: skip


def avg_pool3d(
    input: Tensor, kernel_size: IntOrTuple, stride: IntOrTuple | None = None,
    padding: IntOrTuple = 0, ceil_mode: bool = False, count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:  # fmt: skip
    """The mean of each window, or its sum over divisor_override. (N, C, D, H, W)."""
    return mean_pool("avg_pool3d", 3, input, kernel_size, stride, padding, ceil_mode,
                     count_include_pad, divisor_override)  # fmt: skip


def adaptive_avg_pool3d(input: Tensor, output_size: object) -> Tensor:
    """Means over windows chosen so that the result has `output_size`. (N, C, D, H, W)."""
    return adaptive_mean("adaptive_avg_pool3d", 3, input, output_size)
