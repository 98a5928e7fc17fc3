"""Normalisation: BatchNorm, LayerNorm, RMSNorm, GroupNorm."""

from __future__ import annotations

import numpy as np

from firth.base.dtype import DType
from firth.base.errors import ArgumentError, ShapeError, message
from firth.nn import init
from firth.nn.functional import layer as F
from firth.nn.functional.common import as_shape
from firth.nn.module import Module
from firth.nn.parameter import empty_parameter
from firth.tensor import Tensor, from_numpy, get_default_dtype, no_grad


class _BatchNorm(Module):
    """Normalises each channel by the batch's mean and variance; running ones in evaluation."""

    ranks: tuple[int, ...]

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        bias: bool = True,
        device: object = None,
        dtype: DType | None = None,
    ) -> None:
        if eps <= 0:
            raise ArgumentError(
                message(type(self).__name__, "eps is not positive", str(eps), "more than 0",
                        "the default is 1e-5")
            )  # fmt: skip
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        shape = (num_features,)
        self.weight = init.ones_(empty_parameter(shape, dtype, device)) if affine else None
        self.bias = init.zeros_(empty_parameter(shape, dtype, device)) if affine and bias else None
        kind = (dtype or get_default_dtype()).np
        start = {  # values that exist: a recording that begins with them is like all later ones
            "running_mean": np.zeros(shape, kind),
            "running_var": np.ones(shape, kind),
            "num_batches_tracked": np.zeros((), np.int64),
        }
        for name, value in start.items():
            self.register_buffer(name, from_numpy(value) if track_running_stats else None)

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, C) or (N, C, ...), the same shape out."""
        if x.ndim not in self.ranks or x.shape[1] != self.num_features:
            raise ShapeError(
                message(
                    type(self).__name__,
                    "this input does not fit",
                    str(tuple(x.shape)),
                    f"(N, {self.num_features}, ...) with {' or '.join(map(str, self.ranks))} "
                    "dimensions",
                    "check num_features and the layer before",
                )  # fmt: skip
            )
        batch_statistics = self.training or self.running_mean is None
        momentum = self.momentum
        if self.training and self.num_batches_tracked is not None:
            with no_grad():
                self.num_batches_tracked += 1
                if momentum is None:  # the mean over all batches so far
                    momentum = 1.0 / self.num_batches_tracked.to(x.dtype)
        update = self.training and self.running_mean is not None
        return F.batch_norm(
            x,
            self.running_mean if update or not batch_statistics else None,
            self.running_var if update or not batch_statistics else None,
            self.weight, self.bias, batch_statistics, momentum, self.eps,
        )  # fmt: skip

    def extra_repr(self) -> str:
        """Channels and options."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={self.affine}, bias={self.bias is not None}, "
            f"track_running_stats={self.track_running_stats}"
        )


class BatchNorm1d(_BatchNorm):
    """Batch normalisation (Ioffe and Szegedy, 2015). x: (N, C) or (N, C, L), the same out."""

    ranks = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Batch normalisation (Ioffe and Szegedy, 2015). x: (N, C, H, W), the same out."""

    ranks = (4,)


class BatchNorm3d(_BatchNorm):
    """Batch normalisation (Ioffe and Szegedy, 2015). x: (N, C, D, H, W), the same out."""

    ranks = (5,)


class LayerNorm(Module):
    """Normalises over the last dimensions (Ba et al., 2016). x: (..., *normalized_shape)."""

    def __init__(
        self,
        normalized_shape: int | tuple[int, ...],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        device: object = None,
        dtype: DType | None = None,
    ) -> None:
        self.normalized_shape = as_shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        shape, affine = self.normalized_shape, elementwise_affine
        self.weight = init.ones_(empty_parameter(shape, dtype, device)) if affine else None
        self.bias = init.zeros_(empty_parameter(shape, dtype, device)) if affine and bias else None

    def forward(self, x: Tensor) -> Tensor:
        """x: (..., *normalized_shape), the same shape out."""
        return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Shape and options."""
        affine = self.elementwise_affine
        bias = self.bias is not None
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={affine}, bias={bias}"


class RMSNorm(Module):
    """Divides by the root mean square over the last dimensions (Zhang and Sennrich, 2019)."""

    def __init__(
        self,
        normalized_shape: int | tuple[int, ...],
        eps: float | None = None,
        elementwise_affine: bool = True,
        *,
        device: object = None,
        dtype: DType | None = None,
    ) -> None:
        self.normalized_shape = as_shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        shape = self.normalized_shape
        self.weight = (
            init.ones_(empty_parameter(shape, dtype, device)) if elementwise_affine else None
        )

    def forward(self, x: Tensor) -> Tensor:
        """x: (..., *normalized_shape), the same shape out."""
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """Shape and options."""
        affine = self.elementwise_affine
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={affine}"


class GroupNorm(Module):
    """Normalises groups of channels (Wu and He, 2018). x: (N, C, ...), the same shape out."""

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        *,
        bias: bool = True,
        device: object = None,
        dtype: DType | None = None,
    ) -> None:
        if num_groups < 1 or num_channels % num_groups:
            raise ArgumentError(
                message("GroupNorm", "the groups do not divide the channels",
                        f"{num_channels} channels in {num_groups} groups",
                        "a number of groups that divides the channels", "change one of them")
            )  # fmt: skip
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        self.weight = (
            init.ones_(empty_parameter((num_channels,), dtype, device)) if affine else None
        )
        with_bias = affine and bias
        self.bias = (
            init.zeros_(empty_parameter((num_channels,), dtype, device)) if with_bias else None
        )

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, C, ...), the same shape out."""
        return F.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Groups, channels and options."""
        options = f"eps={self.eps}, affine={self.affine}, bias={self.bias is not None}"
        return f"{self.num_groups}, {self.num_channels}, {options}"
