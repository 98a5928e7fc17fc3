"""Layers that rearrange or resize images: shuffles, Fold and Unfold, Upsample."""

from __future__ import annotations

from firth.nn import functional as F
from firth.nn.module import Module
from firth.tensor import Tensor

IntOrTuple = int | tuple[int, ...]


class PixelShuffle(Module):
    """Channels become pixels. x: (..., C * r * r, H, W) -> (..., C, H * r, W * r)."""

    def __init__(self, upscale_factor: int) -> None:
        self.upscale_factor = upscale_factor

    def forward(self, x: Tensor) -> Tensor:
        """x: (..., C * r * r, H, W) -> (..., C, H * r, W * r)."""
        return F.pixel_shuffle(x, self.upscale_factor)

    def extra_repr(self) -> str:
        """The factor."""
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Pixels become channels. x: (..., C, H * r, W * r) -> (..., C * r * r, H, W)."""

    def __init__(self, downscale_factor: int) -> None:
        self.downscale_factor = downscale_factor

    def forward(self, x: Tensor) -> Tensor:
        """x: (..., C, H * r, W * r) -> (..., C * r * r, H, W)."""
        return F.pixel_unshuffle(x, self.downscale_factor)

    def extra_repr(self) -> str:
        """The factor."""
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """Channel j of group i becomes channel i of group j. x: (N, C, ...), the same shape out."""

    def __init__(self, groups: int) -> None:
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, C, ...), the same shape out."""
        return F.channel_shuffle(x, self.groups)

    def extra_repr(self) -> str:
        """The number of groups."""
        return f"groups={self.groups}"


class Fold(Module):
    """Sums patches into an image. x: (N, C * kh * kw, L) -> (N, C, *output_size)."""

    def __init__(
        self, output_size: IntOrTuple, kernel_size: IntOrTuple, dilation: IntOrTuple = 1,
        padding: IntOrTuple = 0, stride: IntOrTuple = 1,
    ) -> None:  # fmt: skip
        self.output_size = output_size
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, C * kh * kw, L) -> (N, C, *output_size)."""
        return F.fold(
            x, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride
        )

    def extra_repr(self) -> str:
        """Sizes and options."""
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, "
            f"dilation={self.dilation}, padding={self.padding}, stride={self.stride}"
        )


class Unfold(Module):
    """The patches under a sliding window. x: (N, C, H, W) -> (N, C * kh * kw, L)."""

    def __init__(
        self, kernel_size: IntOrTuple, dilation: IntOrTuple = 1, padding: IntOrTuple = 0,
        stride: IntOrTuple = 1,
    ) -> None:  # fmt: skip
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, C, H, W) -> (N, C * kh * kw, L)."""
        return F.unfold(x, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        """Sizes and options."""
        return (
            f"kernel_size={self.kernel_size}, dilation={self.dilation}, "
            f"padding={self.padding}, stride={self.stride}"
        )


class Upsample(Module):
    """Resizes an image, to `size` or by `scale_factor`. x: (N, C, ...) -> (N, C, ...).

    mode: "nearest", "linear", "bilinear", "bicubic" or "trilinear".
    """

    def __init__(
        self,
        size: IntOrTuple | None = None,
        scale_factor: float | tuple[float, ...] | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        self.size = size
        if isinstance(scale_factor, tuple):
            scale_factor = tuple(float(factor) for factor in scale_factor)
        elif scale_factor is not None:
            scale_factor = float(scale_factor)
        self.scale_factor = scale_factor
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, C, ...) -> (N, C, ...)."""
        return F.interpolate(
            x, self.size, self.scale_factor, self.mode, self.align_corners,
            self.recompute_scale_factor,
        )  # fmt: skip

    def extra_repr(self) -> str:
        """The size or the factor, and the mode."""
        given = f"size={self.size!r}"
        if self.scale_factor is not None:
            given = f"scale_factor={self.scale_factor!r}"
        return f"{given}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """Repeats the nearest pixel. x: (N, C, H, W) -> (N, C, H', W')."""

    def __init__(
        self,
        size: IntOrTuple | None = None,
        scale_factor: float | tuple[float, ...] | None = None,
    ) -> None:
        super().__init__(size, scale_factor, "nearest")


class UpsamplingBilinear2d(Upsample):
    """Interpolates between pixels, corners aligned. x: (N, C, H, W) -> (N, C, H', W')."""

    def __init__(
        self,
        size: IntOrTuple | None = None,
        scale_factor: float | tuple[float, ...] | None = None,
    ) -> None:
        super().__init__(size, scale_factor, "bilinear", align_corners=True)
