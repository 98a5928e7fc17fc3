"""Layers that only move elements. Images are (B, H, W, C), sequences (B, T, C)."""

from __future__ import annotations

import math
from typing import Any

from firth.keras.layer import Layer
from firth.nn import functional as F
from firth.tensor import Tensor, repeat_interleave


class Flatten(Layer):
    """(B, ...) -> (B, N)."""

    def __init__(self, data_format: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.data_format = data_format

    def call(self, x: Tensor) -> Tensor:
        """(B, ...) -> (B, N); a vector becomes a column."""
        return x.reshape(x.shape[0], math.prod(x.shape[1:]))


class Reshape(Layer):
    """(B, ...) -> (B, *target_shape), where one extent may be -1."""

    def __init__(self, target_shape: Any, **options: Any) -> None:
        super().__init__(**options)
        self.target_shape = tuple(target_shape)

    def call(self, x: Tensor) -> Tensor:
        """(B, ...) -> (B, *target_shape)."""
        return x.reshape(x.shape[0], *self.target_shape)


class Permute(Layer):
    """Reorders the axes after the batch; dims counts from 1."""

    def __init__(self, dims: Any, **options: Any) -> None:
        super().__init__(**options)
        self.dims = tuple(dims)

    def call(self, x: Tensor) -> Tensor:
        """(B, ...) -> (B, ...)."""
        return x.permute(0, *self.dims)


class RepeatVector(Layer):
    """(B, C) -> (B, n, C)."""

    def __init__(self, n: int, **options: Any) -> None:
        super().__init__(**options)
        self.n = n

    def call(self, x: Tensor) -> Tensor:
        """(B, C) -> (B, n, C)."""
        return x[:, None].expand(x.shape[0], self.n, x.shape[1])


def _pairs(value: Any, axes: int) -> tuple[tuple[int, int], ...]:
    """One number, one for each axis, or (before, after) for each axis.

    >>> _pairs(1, 2), _pairs((1, 2), 2), _pairs(((1, 0), (0, 2)), 2)
    (((1, 1), (1, 1)), ((1, 1), (2, 2)), ((1, 0), (0, 2)))
    """
    if isinstance(value, int):
        return ((value, value),) * axes
    value = tuple(value)
    if axes == 1:
        return ((value[0], value[1]),)
    return tuple((v, v) if isinstance(v, int) else tuple(v) for v in value)


class _ZeroPadding(Layer):
    """Zeros around the axes between batch and channels."""

    axes: int

    def __init__(self, padding: Any = 1, data_format: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.padding = _pairs(padding, self.axes)

    def call(self, x: Tensor) -> Tensor:
        """(B, ..., C) -> (B, ..., C)."""
        return F.pad(x, (0, 0, *(n for pair in reversed(self.padding) for n in pair)))


class ZeroPadding1D(_ZeroPadding):
    """Zeros before and after a sequence."""

    axes = 1


class ZeroPadding2D(_ZeroPadding):
    """Zeros around images."""

    axes = 2


class _Cropping(Layer):
    """Takes rims of the axes between batch and channels away."""

    axes: int

    def __init__(self, cropping: Any = 1, data_format: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.cropping = _pairs(cropping, self.axes)

    def call(self, x: Tensor) -> Tensor:
        """(B, ..., C) -> (B, ..., C)."""
        cuts = [slice(a, x.shape[k + 1] - b) for k, (a, b) in enumerate(self.cropping)]
        return x[(slice(None), *cuts)]


class Cropping1D(_Cropping):
    """Shortens sequences."""

    axes = 1


class Cropping2D(_Cropping):
    """Cuts the rims of images."""

    axes = 2


class UpSampling1D(Layer):
    """Every step `size` times. (B, T, C) -> (B, size * T, C)."""

    def __init__(self, size: int = 2, **options: Any) -> None:
        super().__init__(**options)
        self.size = size

    def call(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, size * T, C)."""
        return repeat_interleave(x, self.size, 1)


class UpSampling2D(Layer):
    """Larger images, by repetition or bilinear interpolation. (B, H, W, C) -> (B, h*H, w*W, C)."""

    def __init__(
        self, size: Any = (2, 2), data_format: str | None = None, interpolation: str = "nearest",
        **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(**options)
        self.size = (size, size) if isinstance(size, int) else tuple(size)
        self.interpolation = interpolation

    def call(self, x: Tensor) -> Tensor:
        """(B, H, W, C) -> (B, h * H, w * W, C)."""
        if self.interpolation == "nearest":
            return repeat_interleave(repeat_interleave(x, self.size[0], 1), self.size[1], 2)
        size = tuple(n * k for n, k in zip(x.shape[1:3], self.size, strict=True))
        y = F.interpolate(x.permute(0, 3, 1, 2), size, mode=self.interpolation)
        return y.permute(0, 2, 3, 1)


class Rescaling(Layer):
    """x * scale + offset."""

    def __init__(self, scale: Any, offset: Any = 0.0, **options: Any) -> None:
        super().__init__(**options)
        self.scale, self.offset = scale, offset

    def call(self, x: Tensor) -> Tensor:
        """x -> the same shape, float32 for integers."""
        x = x if x.dtype.kind == "f" else x.float()
        return x * self.scale + self.offset
