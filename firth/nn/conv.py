"""Convolutions over one, two and three dimensions, and the transposed ones."""

from __future__ import annotations

import math

from firth.base.dtype import DType
from firth.base.errors import ArgumentError, message
from firth.nn import functional as F
from firth.nn import init
from firth.nn.functional.common import per_dim
from firth.nn.functional.layer import conv1d, conv2d, pads
from firth.nn.module import Module
from firth.nn.parameter import empty_parameter
from firth.tensor import Tensor

IntOrTuple = int | tuple[int, ...]


class _Conv(Module):
    """What the convolutions share: sizes, weight and bias, their initial values, the repr.

    padding_mode: what is around the input: zeros, or what reflect, replicate or circular take.
    """

    spatial: int
    padding_modes: tuple[str, ...] = ("zeros", "reflect", "replicate", "circular")

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrTuple,
        stride: IntOrTuple = 1,
        padding: IntOrTuple | str = 0,
        dilation: IntOrTuple = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: object = None,
        dtype: DType | None = None,
    ) -> None:
        if padding_mode not in self.padding_modes:
            raise ArgumentError(
                message(
                    type(self).__name__, "unknown padding_mode", repr(padding_mode),
                    " or ".join(self.padding_modes), "pad with firth.nn.functional.pad before",
                )
            )  # fmt: skip
        if padding == "same" and per_dim(stride, self.spatial) != (1,) * self.spatial:
            raise ArgumentError(
                message(
                    type(self).__name__, "padding='same' has no meaning with strides", str(stride),
                    "stride 1", "give the padding as a number",
                )
            )  # fmt: skip
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise ArgumentError(
                message(
                    type(self).__name__,
                    "channels do not divide into groups",
                    f"{in_channels} in, {out_channels} out, groups={groups}",
                    "groups that divide both",
                    "change groups or the channels",
                )  # fmt: skip
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = per_dim(kernel_size, self.spatial)
        self.stride = per_dim(stride, self.spatial)
        self.padding = padding if isinstance(padding, str) else per_dim(padding, self.spatial)
        self.dilation = per_dim(dilation, self.spatial)
        self.groups = groups
        self.padding_mode = padding_mode
        channels = (out_channels, in_channels // groups)
        self.weight = empty_parameter((*channels, *self.kernel_size), dtype, device)
        self.bias = empty_parameter((out_channels,), dtype, device) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Uniform in +-1 / sqrt(fan_in), weight and bias."""
        fan_in, _ = init.fans(self.weight)
        bound = 1 / math.sqrt(fan_in) if fan_in else 0.0
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def extra_repr(self) -> str:
        """Channels, kernel size, stride, and whatever differs from its default."""
        text = (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}"
        )
        if self.padding != (0,) * self.spatial:
            text += f", padding={self.padding}"
        if self.dilation != (1,) * self.spatial:
            text += f", dilation={self.dilation}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        return text if self.padding_mode == "zeros" else f"{text}, padding_mode={self.padding_mode}"

    def _padded(self, x: Tensor) -> tuple[Tensor, IntOrTuple | str]:
        """The input, and the padding that is left to the convolution."""
        if self.padding_mode == "zeros":
            return x, self.padding
        around = pads(self.padding, self.kernel_size, self.dilation)
        return F.pad(x, [n for pair in reversed(around) for n in pair], self.padding_mode), 0


class Conv1d(_Conv):
    """Cross-correlation. x: (N, C, L) -> (N, O, L'); weight: (O, C // groups, k)."""

    spatial = 1

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, C, L) or (C, L)."""
        x, padding = self._padded(x)
        return conv1d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class Conv2d(_Conv):
    """Cross-correlation. x: (N, C, H, W) -> (N, O, H', W'); weight: (O, C // groups, kh, kw)."""

    spatial = 2

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, C, H, W) or (C, H, W)."""
        x, padding = self._padded(x)
        return conv2d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class _ConvTranspose(_Conv):
    """A convolution the other way round; weight: (C, O // groups, ...)."""

    padding_modes = ("zeros",)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrTuple,
        stride: IntOrTuple = 1,
        padding: IntOrTuple = 0,
        output_padding: IntOrTuple = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: IntOrTuple = 1,
        padding_mode: str = "zeros",
        device: object = None,
        dtype: DType | None = None,
    ) -> None:
        self.output_padding = per_dim(output_padding, self.spatial)
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias,
            padding_mode, device, dtype,
        )  # fmt: skip
        channels = (in_channels, out_channels // groups)
        self.weight = empty_parameter((*channels, *self.kernel_size), dtype, device)
        self.reset_parameters()

    def extra_repr(self) -> str:
        """As the convolution's, and the extra extent of the result."""
        if self.output_padding == (0,) * self.spatial:
            return super().extra_repr()
        return f"{super().extra_repr()}, output_padding={self.output_padding}"


class ConvTranspose1d(_ConvTranspose):
    """The transpose of Conv1d. x: (N, C, L) -> (N, O, L'); weight: (C, O // groups, k)."""

    spatial = 1

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, C, L) or (C, L)."""
        return F.conv_transpose1d(
            x, self.weight, self.bias, self.stride, self.padding, self.output_padding,
            self.groups, self.dilation,
        )  # fmt: skip


class ConvTranspose2d(_ConvTranspose):
    """The transpose of Conv2d. x: (N, C, H, W) -> (N, O, H', W'); weight: (C, O // groups, ...)."""

    spatial = 2

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, C, H, W) or (C, H, W)."""
        return F.conv_transpose2d(
            x, self.weight, self.bias, self.stride, self.padding, self.output_padding,
            self.groups, self.dilation,
        )  # fmt: skip


class Conv3d(_Conv):
    """Cross-correlation. x: (N, C, D, H, W) -> (N, O, D', H', W')."""

    spatial = 3

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, C, D, H, W) or (C, D, H, W)."""
        x, padding = self._padded(x)
        return F.conv3d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class ConvTranspose3d(_ConvTranspose):
    """The transpose of Conv3d. x: (N, C, D, H, W) -> (N, O, D', H', W')."""

    spatial = 3

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, C, D, H, W) or (C, D, H, W)."""
        return F.conv_transpose3d(
            x, self.weight, self.bias, self.stride, self.padding, self.output_padding,
            self.groups, self.dilation,
        )  # fmt: skip
