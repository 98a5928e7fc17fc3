"""Dense, Embedding and the layers that only apply a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from firth.base.errors import ShapeError, message
from firth.keras import activations
from firth.keras.layer import Layer
from firth.keras.variable import to_tensor
from firth.nn import functional as F
from firth.tensor import Tensor


class Dense(Layer):
    """activation(x @ kernel + bias). x: (..., I) -> (..., units); kernel: (I, units).

    >>> Dense(3)(np.ones((2, 4), "float32")).shape
    Size([2, 3])
    """

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.units = units
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer, self.bias_initializer = kernel_initializer, bias_initializer
        self.kernel_regularizer, self.bias_regularizer = kernel_regularizer, bias_regularizer
        self.bias = None

    def build(self, input_shape: Any) -> None:
        """kernel: (input_shape[-1], units)."""
        size = input_shape[-1]
        if size is None:
            raise ShapeError(
                message(self.name, "the last axis must be known", str(input_shape), "(..., I)",
                        "give Input a shape with a number at the end")
            )  # fmt: skip
        self.kernel = self.add_weight(
            (size, self.units), self.kernel_initializer,
            regularizer=self.kernel_regularizer, name="kernel",
        )  # fmt: skip
        if self.use_bias:
            self.bias = self.add_weight(
                (self.units,), self.bias_initializer, regularizer=self.bias_regularizer, name="bias"
            )

    def call(self, x: Tensor) -> Tensor:
        """x: (..., I) -> (..., units)."""
        if x.shape[-1] != self.kernel.shape[0]:
            raise ShapeError(
                message(
                    self.name,
                    "the last axis does not fit the kernel",
                    str(tuple(x.shape)),
                    f"(..., {self.kernel.shape[0]})",
                    "check the layer before, or make a new layer",
                )
            )
        y = x @ self.kernel
        return self.activation(y if self.bias is None else y + self.bias)


class Embedding(Layer):
    """Rows of a table. x: (...) integers below input_dim -> (..., output_dim)."""

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.input_dim, self.output_dim, self.mask_zero = input_dim, output_dim, mask_zero
        self.embeddings_initializer = embeddings_initializer
        self.embeddings_regularizer = embeddings_regularizer
        self._start = weights

    def build(self, input_shape: Any) -> None:
        """embeddings: (input_dim, output_dim)."""
        draw = self.embeddings_initializer
        self.embeddings = self.add_weight(
            (self.input_dim, self.output_dim), "random_uniform" if draw == "uniform" else draw,
            regularizer=self.embeddings_regularizer, name="embeddings",
        )  # fmt: skip
        if self._start is not None:
            self.embeddings.assign(np.reshape(self._start, self.embeddings.shape))

    def call(self, x: Tensor) -> Tensor:
        """x: (...) -> (..., output_dim)."""
        return F.embedding(x if x.dtype.is_integer else x.to(to_tensor(0).dtype), self.embeddings)


class Activation(Layer):
    """An activation as a layer of its own."""

    def __init__(self, activation: Any, **options: Any) -> None:
        super().__init__(**options)
        self.activation = activations.get(activation)

    def call(self, x: Tensor) -> Tensor:
        """x -> the same shape."""
        return self.activation(x)


class Lambda(Layer):
    """Any function of tensors as a layer. It must not make weights."""

    def __init__(
        self, function: Callable[..., Any], output_shape: Any = None, mask: Any = None,
        arguments: Any = None, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(**options)
        self.function, self.arguments = function, dict(arguments or {})

    def call(self, x: Any) -> Any:
        """function(x)."""
        return self.function(x, **self.arguments)


class Identity(Layer):
    """Gives its input back."""

    def call(self, x: Any) -> Any:
        """x -> x."""
        return x


class InputLayer(Layer):
    """Says the shape of what a Sequential model is given."""

    def __init__(
        self,
        shape: Any = None,
        batch_size: int | None = None,
        batch_shape: Any = None,
        **options: Any,
    ) -> None:
        input_shape = options.pop("input_shape", shape)
        if batch_shape is None:
            batch_shape = (batch_size, *input_shape)
        super().__init__(batch_input_shape=batch_shape, **options)

    def call(self, x: Any) -> Any:
        """x -> x."""
        return x


class Wrapper(Layer):
    """A layer around a layer."""

    def __init__(self, layer: Layer, **options: Any) -> None:
        super().__init__(**options)
        self.layer = layer

    def build(self, input_shape: Any) -> None:
        """Builds the layer inside."""
        if not self.layer.built:
            self.layer.build(input_shape)


class TimeDistributed(Wrapper):
    """The same layer at every step. x: (B, T, ...) -> (B, T, ...)."""

    def build(self, input_shape: Any) -> None:
        """Builds the layer for one step."""
        super().build((input_shape[0], *input_shape[2:]))

    def call(self, x: Tensor) -> Tensor:
        """x: (B, T, ...) -> (B, T, ...)."""
        b, t = x.shape[:2]
        y = self.layer(x.reshape(b * t, *x.shape[2:]))
        return y.reshape(b, t, *y.shape[1:])
