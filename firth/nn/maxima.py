"""Pooling by maxima and norms: AdaptiveMaxPool, FractionalMaxPool, LPPool, and MaxUnpool."""

from __future__ import annotations

from typing import Any

from firth.base.errors import ArgumentError, message
from firth.nn import functional as F
from firth.nn.functional.common import per_dim
from firth.nn.functional.fractional import check_said, ratios_of
from firth.nn.module import Module
from firth.tensor import Tensor

IntOrTuple = int | tuple[int, ...]


class _AdaptiveMaxPool(Module):
    def __init__(
        self, output_size: int | tuple[int | None, ...], return_indices: bool = False
    ) -> None:
        self.output_size = output_size
        self.return_indices = return_indices

    def extra_repr(self) -> str:
        """The size of the result."""
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """Maxima over windows chosen so that the result has `output_size`. x: (N, C, L)."""

    def forward(self, x: Tensor) -> Any:
        """x: (N, C, L) -> (N, C, output_size), with return_indices a pair."""
        return F.adaptive_max_pool1d(x, self.output_size, self.return_indices)


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """Maxima over windows chosen so that the result has `output_size`. x: (N, C, H, W)."""

    def forward(self, x: Tensor) -> Any:
        """x: (N, C, H, W) -> (N, C, *output_size), with return_indices a pair."""
        return F.adaptive_max_pool2d(x, self.output_size, self.return_indices)


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """Maxima over windows chosen so that the result has `output_size`. x: (N, C, D, H, W)."""

    def forward(self, x: Tensor) -> Any:
        """x: (N, C, D, H, W) -> (N, C, *output_size), with return_indices a pair."""
        return F.adaptive_max_pool3d(x, self.output_size, self.return_indices)


class _LPPool(Module):
    def __init__(
        self,
        norm_type: float,
        kernel_size: IntOrTuple,
        stride: IntOrTuple | None = None,
        ceil_mode: bool = False,
    ) -> None:
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def extra_repr(self) -> str:
        """Norm, window and options."""
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPool):
    """The p-norm of each window, p being norm_type. x: (N, C, L) -> (N, C, L')."""

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, C, L) -> (N, C, L')."""
        return F.lp_pool1d(x, self.norm_type, self.kernel_size, self.stride, self.ceil_mode)


class LPPool2d(_LPPool):
    """The p-norm of each window, p being norm_type. x: (N, C, H, W) -> (N, C, H', W')."""

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, C, H, W) -> (N, C, H', W')."""
        return F.lp_pool2d(x, self.norm_type, self.kernel_size, self.stride, self.ceil_mode)


class LPPool3d(_LPPool):
    """The p-norm of each window, p being norm_type. x: (N, C, D, H, W) -> (N, C, D', H', W')."""

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, C, D, H, W) -> (N, C, D', H', W')."""
        return F.lp_pool3d(x, self.norm_type, self.kernel_size, self.stride, self.ceil_mode)


class _MaxUnpool(Module):
    spatial: int

    def __init__(
        self,
        kernel_size: IntOrTuple,
        stride: IntOrTuple | None = None,
        padding: IntOrTuple = 0,
    ) -> None:
        self.kernel_size = per_dim(kernel_size, self.spatial)
        self.stride = per_dim(kernel_size if stride is None else stride, self.spatial)
        self.padding = per_dim(padding, self.spatial)

    def extra_repr(self) -> str:
        """Window and options."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpool):
    """Puts maxima back where MaxPool1d found them, zeros elsewhere. x, indices: (N, C, L)."""

    spatial = 1

    def forward(
        self, x: Tensor, indices: Tensor, output_size: tuple[int, ...] | None = None
    ) -> Tensor:
        """x, indices: (N, C, L) -> (N, C, L')."""
        return F.max_unpool1d(x, indices, self.kernel_size, self.stride, self.padding, output_size)


class MaxUnpool2d(_MaxUnpool):
    """Puts maxima back where MaxPool2d found them, zeros elsewhere. x, indices: (N, C, H, W)."""

    spatial = 2

    def forward(
        self, x: Tensor, indices: Tensor, output_size: tuple[int, ...] | None = None
    ) -> Tensor:
        """x, indices: (N, C, H, W) -> (N, C, H', W')."""
        return F.max_unpool2d(x, indices, self.kernel_size, self.stride, self.padding, output_size)


class MaxUnpool3d(_MaxUnpool):
    """Puts maxima back where MaxPool3d found them, zeros elsewhere. x, indices: (N, C, D, H, W)."""

    spatial = 3

    def forward(
        self, x: Tensor, indices: Tensor, output_size: tuple[int, ...] | None = None
    ) -> Tensor:
        """x, indices: (N, C, D, H, W) -> (N, C, D', H', W')."""
        return F.max_unpool3d(x, indices, self.kernel_size, self.stride, self.padding, output_size)


class _FractionalMaxPool(Module):
    spatial: int

    def __init__(
        self,
        kernel_size: IntOrTuple,
        output_size: IntOrTuple | None = None,
        output_ratio: float | tuple[float, ...] | None = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> None:
        name = type(self).__name__
        check_said(name, output_size, output_ratio)
        ratios = ratios_of(0.5 if output_ratio is None else output_ratio, self.spatial)
        if not all(0 < ratio < 1 for ratio in ratios):
            raise ArgumentError(
                message(name, "a ratio that does not shrink", f"output_ratio={output_ratio}",
                        "numbers between 0 and 1", "e.g. output_ratio=0.5")
            )  # fmt: skip
        self.kernel_size = per_dim(kernel_size, self.spatial)
        self.output_size = None if output_size is None else per_dim(output_size, self.spatial)
        self.output_ratio = None if output_ratio is None else ratios
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)


class FractionalMaxPool2d(_FractionalMaxPool):
    """Maxima over windows at places drawn anew at each call (Graham, 2014). x: (N, C, H, W).

    Of output_size, or of H and W times output_ratio.
    """

    spatial = 2

    def forward(self, x: Tensor) -> Any:
        """x: (N, C, H, W) -> (N, C, H', W'), with return_indices a pair."""
        return F.fractional_max_pool2d(
            x, self.kernel_size, self.output_size, self.output_ratio, self.return_indices,
            self._random_samples,
        )  # fmt: skip


class FractionalMaxPool3d(_FractionalMaxPool):
    """Maxima over windows at places drawn anew at each call (Graham, 2014). x: (N, C, D, H, W).

    Of output_size, or of D, H and W times output_ratio.
    """

    spatial = 3

    def forward(self, x: Tensor) -> Any:
        """x: (N, C, D, H, W) -> (N, C, D', H', W'), with return_indices a pair."""
        return F.fractional_max_pool3d(
            x, self.kernel_size, self.output_size, self.output_ratio, self.return_indices,
            self._random_samples,
        )  # fmt: skip
