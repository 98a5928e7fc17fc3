"""Convolutions. Images are (B, H, W, C), sequences (B, T, C); kernels (..., in, out)."""

from __future__ import annotations

from typing import Any

from firth.base.errors import ArgumentError, message
from firth.keras import activations
from firth.keras.layer import Layer
from firth.nn import functional as F
from firth.nn.functional.common import per_dim
from firth.tensor import Tensor


def channels_first(x: Tensor) -> Tensor:
    """(B, ..., C) -> (B, C, ...)."""
    return x.permute(0, x.ndim - 1, *range(1, x.ndim - 1))


def channels_last(x: Tensor) -> Tensor:
    """(B, C, ...) -> (B, ..., C)."""
    return x.permute(0, *range(2, x.ndim), 1)


def same_pads(size: int, kernel: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """Zeros before and after so that ceil(size / stride) windows fit; the odd one comes after.

    >>> same_pads(5, 3, 2), same_pads(6, 3, 2)
    ((1, 1), (0, 1))
    """
    reach = dilation * (kernel - 1) + 1
    total = max(0, (-(-size // stride) - 1) * stride + reach - size)
    return total // 2, total - total // 2


def padded(
    x: Tensor, padding: str, kernel: Any, strides: Any, dilation: Any, value: float = 0.0
) -> Tensor:
    """x: (B, C, ...) with what 'same' or 'causal' padding adds; 'valid' adds nothing."""
    if padding == "valid":
        return x
    if padding == "causal":
        return F.pad(x, (dilation[0] * (kernel[0] - 1), 0))
    pads = [
        same_pads(*row) for row in zip(x.shape[2:], kernel, strides, dilation, strict=True)
    ]  # fmt: skip
    if not any(map(any, pads)):
        return x
    return F.pad(x, [n for pair in reversed(pads) for n in pair], value=value)


class _Conv(Layer):
    """What the convolutions share: options, kernel and bias."""

    axes: int
    with_multiplier = False
    transposed = False

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        allowed = ("valid", "same", "causal") if self.axes == 1 else ("valid", "same")
        if padding not in allowed:
            raise ArgumentError(
                message(self.name, "unknown padding", repr(padding), " or ".join(allowed),
                        "'same' keeps the extent where strides are 1")
            )  # fmt: skip
        self.filters, self.groups, self.padding = filters, groups, padding
        self.kernel_size = per_dim(kernel_size, self.axes)
        self.strides = per_dim(strides, self.axes)
        self.dilation_rate = per_dim(dilation_rate, self.axes)
        self.data_format = data_format or "channels_last"
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer, self.bias_initializer = kernel_initializer, bias_initializer
        self.kernel_regularizer, self.bias_regularizer = kernel_regularizer, bias_regularizer
        self.bias = None

    def kernel_shape(self, channels: int) -> tuple[int, ...]:
        """(..., in, out)."""
        return (*self.kernel_size, channels // self.groups, self.filters)

    def outputs(self, channels: int) -> int:
        """The channels of the result."""
        return self.filters

    def build(self, input_shape: Any) -> None:
        """kernel: (..., in / groups, filters), bias: (filters,)."""
        channels = input_shape[1 if self.data_format == "channels_first" else -1]
        self.kernel = self.add_weight(
            self.kernel_shape(channels), self.kernel_initializer,
            regularizer=self.kernel_regularizer, name="kernel",
        )  # fmt: skip
        if self.use_bias:
            self.bias = self.add_weight(
                (self.outputs(channels),), self.bias_initializer,
                regularizer=self.bias_regularizer, name="bias",
            )  # fmt: skip

    def call(self, x: Tensor) -> Tensor:
        """x: (B, ..., C) -> (B, ..., filters)."""
        last = self.data_format == "channels_last"
        y = self.convolved(channels_first(x) if last else x)
        return self.activation(channels_last(y) if last else y)

    def convolved(self, x: Tensor) -> Tensor:
        """x: (B, C, ...) -> (B, filters, ...)."""
        x = padded(x, self.padding, self.kernel_size, self.strides, self.dilation_rate)
        weight = self.kernel.permute(self.axes + 1, self.axes, *range(self.axes))
        convolve = F.conv1d if self.axes == 1 else F.conv2d
        return convolve(
            x, weight, self.bias, self.strides, 0, self.dilation_rate, self.groups
        )  # fmt: skip


class Conv1D(_Conv):
    """Cross-correlation along time. (B, T, C) -> (B, T', filters)."""

    axes = 1


class Conv2D(_Conv):
    """Cross-correlation of images. (B, H, W, C) -> (B, H', W', filters)."""

    axes = 2


class _DepthwiseConv(_Conv):
    """depth_multiplier filters for each channel. kernel: (..., C, depth_multiplier)."""

    def __init__(
        self, kernel_size: Any, strides: Any = 1, padding: str = "valid", depth_multiplier: int = 1,
        data_format: str | None = None, dilation_rate: Any = 1, activation: Any = None,
        use_bias: bool = True, depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros", depthwise_regularizer: Any = None, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(
            depth_multiplier, kernel_size, strides, padding, data_format, dilation_rate, 1,
            activation, use_bias, depthwise_initializer, bias_initializer, depthwise_regularizer,
            **options,
        )  # fmt: skip
        self.depth_multiplier = depth_multiplier

    def outputs(self, channels: int) -> int:
        """depth_multiplier for each channel."""
        return channels * self.depth_multiplier

    def convolved(self, x: Tensor) -> Tensor:
        """x: (B, C, ...) -> (B, C * depth_multiplier, ...)."""
        x = padded(x, self.padding, self.kernel_size, self.strides, self.dilation_rate)
        return depthwise(x, self.kernel, self.bias, self.strides, self.dilation_rate)


def depthwise(
    x: Tensor, kernel: Tensor, bias: Tensor | None, strides: Any, dilation: Any
) -> Tensor:
    """x: (B, C, ...), kernel: (..., C, M) -> (B, C * M, ...)."""
    axes = kernel.ndim - 2
    channels = kernel.shape[-2]
    weight = kernel.permute(axes, axes + 1, *range(axes))
    weight = weight.reshape(channels * kernel.shape[-1], 1, *kernel.shape[:axes])
    convolve = F.conv1d if axes == 1 else F.conv2d
    return convolve(x, weight, bias, strides, 0, dilation, channels)


class DepthwiseConv1D(_DepthwiseConv):
    """A convolution of each channel by itself. (B, T, C) -> (B, T', C * depth_multiplier)."""

    axes = 1


class DepthwiseConv2D(_DepthwiseConv):
    """A convolution of each channel by itself. (B, H, W, C) -> (B, H', W', C * multiplier)."""

    axes = 2


class _SeparableConv(_Conv):
    """A convolution of each channel, then one of all channels with windows of 1."""

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        **options: Any,
    ) -> None:
        super().__init__(
            filters, kernel_size, strides, padding, data_format, dilation_rate, 1, activation,
            use_bias, pointwise_initializer, bias_initializer, **options,
        )  # fmt: skip
        self.depth_multiplier = depth_multiplier
        self.depthwise_initializer = depthwise_initializer

    def build(self, input_shape: Any) -> None:
        """depthwise_kernel: (..., C, M), pointwise_kernel: (1.., C * M, filters), bias."""
        channels = input_shape[1 if self.data_format == "channels_first" else -1]
        m = self.depth_multiplier
        self.depthwise_kernel = self.add_weight(
            (*self.kernel_size, channels, m), self.depthwise_initializer, name="depthwise_kernel"
        )
        self.pointwise_kernel = self.add_weight(
            (*(1,) * self.axes, channels * m, self.filters), self.kernel_initializer,
            name="pointwise_kernel",
        )  # fmt: skip
        if self.use_bias:
            self.bias = self.add_weight((self.filters,), self.bias_initializer, name="bias")

    def convolved(self, x: Tensor) -> Tensor:
        """x: (B, C, ...) -> (B, filters, ...)."""
        x = padded(x, self.padding, self.kernel_size, self.strides, self.dilation_rate)
        x = depthwise(x, self.depthwise_kernel, None, self.strides, self.dilation_rate)
        weight = self.pointwise_kernel.permute(self.axes + 1, self.axes, *range(self.axes))
        return (F.conv1d if self.axes == 1 else F.conv2d)(x, weight, self.bias)


class SeparableConv1D(_SeparableConv):
    """Depthwise, then pointwise. (B, T, C) -> (B, T', filters)."""

    axes = 1


class SeparableConv2D(_SeparableConv):
    """Depthwise, then pointwise. (B, H, W, C) -> (B, H', W', filters)."""

    axes = 2


class _ConvTranspose(_Conv):
    """A convolution the other way round. kernel: (..., filters, in)."""

    def __init__(
        self, filters: int, kernel_size: Any, strides: Any = 1, padding: str = "valid",
        output_padding: Any = None, data_format: str | None = None, dilation_rate: Any = 1,
        **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(
            filters, kernel_size, strides, padding, data_format, dilation_rate, **options
        )
        self.output_padding = output_padding

    def kernel_shape(self, channels: int) -> tuple[int, ...]:
        """(..., filters, in)."""
        return (*self.kernel_size, self.filters, channels)

    def convolved(self, x: Tensor) -> Tensor:
        """x: (B, C, ...) -> (B, filters, ...)."""
        weight = self.kernel.permute(self.axes + 1, self.axes, *range(self.axes))
        transpose = F.conv_transpose1d if self.axes == 1 else F.conv_transpose2d
        y = transpose(x, weight, None, self.strides, 0, 0, 1, self.dilation_rate)
        rows = zip(x.shape[2:], y.shape[2:], self.kernel_size, self.strides, strict=True)
        y = _fitted(y, [self._extent(*row, axis) for axis, row in enumerate(rows)])
        return y if self.bias is None else y + self.bias.reshape(-1, *(1,) * self.axes)

    def _extent(self, size: int, full: int, kernel: int, stride: int, axis: int) -> tuple[int, int]:
        """Where the result begins in the full one, and its extent."""
        reach = self.dilation_rate[axis] * (kernel - 1) + 1
        if self.output_padding is None:
            if self.padding == "valid":
                return 0, size * stride + max(reach - stride, 0)
            return max(reach - stride, 0) // 2, size * stride
        extra = per_dim(self.output_padding, self.axes)[axis]
        if self.padding == "valid":
            return 0, (size - 1) * stride + reach + extra
        cut = reach // 2
        return cut, (size - 1) * stride + reach - 2 * cut + extra


def _fitted(x: Tensor, places: list[tuple[int, int]]) -> Tensor:
    """The part of x: (B, C, ...) from each start on, zeros where it ends too early."""
    for axis, (start, extent) in enumerate(places, 2):
        x = x.narrow(axis, start, min(extent, x.shape[axis] - start))
        short = extent - x.shape[axis]
        if short:
            x = F.pad(x, (*(0, 0) * (x.ndim - 1 - axis), 0, short))
    return x


class Conv1DTranspose(_ConvTranspose):
    """Spreads each step over a window. (B, T, C) -> (B, T', filters)."""

    axes = 1


class Conv2DTranspose(_ConvTranspose):
    """Spreads each pixel over a window. (B, H, W, C) -> (B, H', W', filters)."""

    axes = 2
