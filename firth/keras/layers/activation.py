"""Activations that are layers because they have options or weights."""

from __future__ import annotations

from typing import Any

from firth.keras import activations
from firth.keras.layer import Layer
from firth.tensor import Tensor, where


class ReLU(Layer):
    """x above the threshold, negative_slope * x below, at most max_value."""

    def __init__(
        self, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0,
        **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(**options)
        self.max_value, self.negative_slope, self.threshold = max_value, negative_slope, threshold

    def call(self, x: Tensor) -> Tensor:
        """x -> the same shape."""
        return activations.relu(x, self.negative_slope, self.max_value, self.threshold)


class LeakyReLU(Layer):
    """x above 0, negative_slope * x below."""

    def __init__(self, negative_slope: float = 0.3, **options: Any) -> None:
        super().__init__(**options)
        self.negative_slope = negative_slope

    def call(self, x: Tensor) -> Tensor:
        """x -> the same shape."""
        return activations.leaky_relu(x, self.negative_slope)


class ELU(Layer):
    """x above 0, alpha * (exp(x) - 1) below."""

    def __init__(self, alpha: float = 1.0, **options: Any) -> None:
        super().__init__(**options)
        self.alpha = alpha

    def call(self, x: Tensor) -> Tensor:
        """x -> the same shape."""
        return activations.elu(x, self.alpha)


class PReLU(Layer):
    """x above 0, alpha * x below; alpha is trained, one for each feature."""

    def __init__(
        self, alpha_initializer: Any = "zeros", alpha_regularizer: Any = None,
        shared_axes: Any = None, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(**options)
        self.alpha_initializer, self.alpha_regularizer = alpha_initializer, alpha_regularizer
        self.shared_axes = (
            [shared_axes] if isinstance(shared_axes, int) else list(shared_axes or [])
        )

    def build(self, input_shape: Any) -> None:
        """alpha: the input's shape without the batch, 1 at shared axes."""
        shape = [1 if axis in self.shared_axes else n for axis, n in enumerate(input_shape)][1:]
        self.alpha = self.add_weight(
            shape, self.alpha_initializer, regularizer=self.alpha_regularizer, name="alpha"
        )

    def call(self, x: Tensor) -> Tensor:
        """x -> the same shape."""
        return where(x > 0, x, self.alpha * x)


class Softmax(Layer):
    """Shares that sum to 1 along an axis."""

    def __init__(self, axis: int = -1, **options: Any) -> None:
        super().__init__(**options)
        self.axis = axis

    def call(self, x: Tensor) -> Tensor:
        """x -> the same shape."""
        return activations.softmax(x, self.axis)
