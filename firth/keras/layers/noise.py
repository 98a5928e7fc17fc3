"""Layers that disturb their input in training and are the identity otherwise."""

from __future__ import annotations

from typing import Any

from firth.keras.layer import Layer
from firth.nn import functional as F
from firth.tensor import Tensor, ones, randn_like


class Dropout(Layer):
    """Sets a share `rate` of its input to 0 in training and scales the rest by 1 / (1 - rate)."""

    def __init__(
        self, rate: float, noise_shape: Any = None, seed: int | None = None, **options: Any
    ) -> None:
        super().__init__(**options)
        self.rate, self.noise_shape, self.seed = rate, noise_shape, seed

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """x -> the same shape."""
        if not training or not self.rate:
            return x
        if self.noise_shape is None:
            return F.dropout(x, self.rate, True)
        shape = [x.shape[k] if n is None else n for k, n in enumerate(self.noise_shape)]
        return x * F.dropout(ones(*shape, dtype=x.dtype), self.rate, True)


class _SpatialDropout(Dropout):
    """Whole channels at once; channels are last."""

    def __init__(self, rate: float, seed: int | None = None, **options: Any) -> None:
        super().__init__(rate, None, seed, **options)

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """x: (B, ..., C) -> the same shape."""
        self.noise_shape = (None, *(1,) * (x.ndim - 2), None)
        return super().call(x, training)


class SpatialDropout1D(_SpatialDropout):
    """Drops whole channels of (B, T, C)."""


class SpatialDropout2D(_SpatialDropout):
    """Drops whole channels of (B, H, W, C)."""


class GaussianNoise(Layer):
    """Adds normal noise in training."""

    def __init__(self, stddev: float, seed: int | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.stddev, self.seed = stddev, seed

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """x -> the same shape."""
        return x + self.stddev * randn_like(x) if training else x


class GaussianDropout(Layer):
    """Multiplies by normal noise around 1 with variance rate / (1 - rate) in training."""

    def __init__(self, rate: float, seed: int | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.rate, self.seed = rate, seed

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """x -> the same shape."""
        spread = (self.rate / (1 - self.rate)) ** 0.5
        return x * (1 + spread * randn_like(x)) if training and self.rate else x
