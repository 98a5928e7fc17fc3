"""Pooling. Images are (B, H, W, C), sequences (B, T, C)."""

from __future__ import annotations

from typing import Any

from firth.keras.layer import Layer
from firth.keras.layers.convolution import channels_first, channels_last, padded
from firth.nn import functional as F
from firth.nn.functional.common import per_dim
from firth.tensor import Tensor, ones


class _Pooling(Layer):
    """Windows of pool_size every `strides` steps."""

    axes: int

    def __init__(
        self,
        pool_size: Any = 2,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.pool_size = per_dim(pool_size, self.axes)
        self.strides = self.pool_size if strides is None else per_dim(strides, self.axes)
        self.padding = padding
        self.data_format = data_format or "channels_last"

    def call(self, x: Tensor) -> Tensor:
        """(B, ..., C) -> (B, ..., C)."""
        last = self.data_format == "channels_last"
        y = self.pooled(channels_first(x) if last else x)
        return channels_last(y) if last else y

    def pooled(self, x: Tensor) -> Tensor:
        """(B, C, ...) -> (B, C, ...)."""
        raise NotImplementedError

    def _padded(self, x: Tensor, value: float) -> Tensor:
        return padded(x, self.padding, self.pool_size, self.strides, (1,) * self.axes, value)


class _MaxPooling(_Pooling):
    """The largest of each window."""

    def pooled(self, x: Tensor) -> Tensor:
        """(B, C, ...) -> (B, C, ...)."""
        pool = F.max_pool1d if self.axes == 1 else F.max_pool2d
        return pool(self._padded(x, float("-inf")), self.pool_size, self.strides)


class _AveragePooling(_Pooling):
    """The mean of what of each window lies inside."""

    def pooled(self, x: Tensor) -> Tensor:
        """(B, C, ...) -> (B, C, ...)."""
        pool = F.avg_pool1d if self.axes == 1 else F.avg_pool2d
        y = pool(self._padded(x, 0.0), self.pool_size, self.strides)
        if self.padding == "valid":
            return y
        inside = self._padded(ones(1, 1, *x.shape[2:], dtype=x.dtype), 0.0)
        return y / pool(inside, self.pool_size, self.strides)


class MaxPooling1D(_MaxPooling):
    """The largest of each window. (B, T, C) -> (B, T', C)."""

    axes = 1


class MaxPooling2D(_MaxPooling):
    """The largest of each window. (B, H, W, C) -> (B, H', W', C)."""

    axes = 2


class AveragePooling1D(_AveragePooling):
    """The mean of each window. (B, T, C) -> (B, T', C)."""

    axes = 1


class AveragePooling2D(_AveragePooling):
    """The mean of each window. (B, H, W, C) -> (B, H', W', C)."""

    axes = 2


class _Global(Layer):
    """One value of all steps or pixels for each channel."""

    axes: int

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **options: Any
    ) -> None:
        super().__init__(**options)
        self.data_format = data_format or "channels_last"
        self.keepdims = keepdims

    def dims(self) -> tuple[int, ...]:
        """The axes that go."""
        first = 1 if self.data_format == "channels_last" else 2
        return tuple(range(first, first + self.axes))


class _GlobalAverage(_Global):
    def call(self, x: Tensor) -> Tensor:
        """(B, ..., C) -> (B, C)."""
        return x.mean(self.dims(), self.keepdims)


class _GlobalMax(_Global):
    def call(self, x: Tensor) -> Tensor:
        """(B, ..., C) -> (B, C)."""
        return x.amax(self.dims(), self.keepdims)


class GlobalAveragePooling1D(_GlobalAverage):
    """The mean over time. (B, T, C) -> (B, C)."""

    axes = 1


class GlobalAveragePooling2D(_GlobalAverage):
    """The mean of all pixels. (B, H, W, C) -> (B, C)."""

    axes = 2


class GlobalMaxPooling1D(_GlobalMax):
    """The largest over time. (B, T, C) -> (B, C)."""

    axes = 1


class GlobalMaxPooling2D(_GlobalMax):
    """The largest of all pixels. (B, H, W, C) -> (B, C)."""

    axes = 2


MaxPool1D, MaxPool2D = MaxPooling1D, MaxPooling2D
AvgPool1D, AvgPool2D = AveragePooling1D, AveragePooling2D
GlobalAvgPool1D, GlobalAvgPool2D = GlobalAveragePooling1D, GlobalAveragePooling2D
GlobalMaxPool1D, GlobalMaxPool2D = GlobalMaxPooling1D, GlobalMaxPooling2D
