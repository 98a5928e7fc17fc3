"""Normalisation of each example by itself: InstanceNorm, LocalResponseNorm."""

from __future__ import annotations

from firth.base.dtype import DType
from firth.base.errors import ShapeError, message
from firth.nn import functional as F
from firth.nn.module import Module
from firth.nn.norm import _BatchNorm
from firth.tensor import Tensor


class _InstanceNorm(_BatchNorm):
    """Normalises each channel of each example by its own mean and variance."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        *,
        bias: bool = True,
        device: object = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, bias=bias,
            device=device, dtype=dtype,
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, C, ...) or (C, ...), the same shape out."""
        batched = self.ranks[0]
        if x.ndim not in (batched, batched - 1):
            self._refuse(x)
        if x.shape[1 - batched] != self.num_features and (self.affine or self.track_running_stats):
            self._refuse(x)
        y = F.instance_norm(
            x if x.ndim == batched else x.unsqueeze(0),
            self.running_mean, self.running_var, self.weight, self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum, self.eps,
        )  # fmt: skip
        return y if x.ndim == batched else y.squeeze(0)

    def _refuse(self, x: Tensor) -> None:
        raise ShapeError(
            message(type(self).__name__, "this input does not fit", str(tuple(x.shape)),
                    f"(N, {self.num_features}, ...) with {self.ranks[0]} dimensions, or without N",
                    "check num_features and the layer before")
        )  # fmt: skip


class InstanceNorm1d(_InstanceNorm):
    """Instance normalisation (Ulyanov et al., 2016). x: (N, C, L) or (C, L), the same out."""

    ranks = (3,)


class InstanceNorm2d(_InstanceNorm):
    """Instance normalisation (Ulyanov et al., 2016). x: (N, C, H, W) or (C, H, W)."""

    ranks = (4,)


class InstanceNorm3d(_InstanceNorm):
    """Instance normalisation (Ulyanov et al., 2016). x: (N, C, D, H, W) or (C, D, H, W)."""

    ranks = (5,)


class LocalResponseNorm(Module):
    """x / (k + alpha * mean of squares over `size` channels around)**beta. x: (N, C, ...)."""

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, C, ...), the same shape out."""
        return F.local_response_norm(x, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        """Channels and options."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
