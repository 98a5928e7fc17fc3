"""Layers of several inputs: layer([a, b])."""

from __future__ import annotations

from functools import reduce
from typing import Any

from firth.keras.layer import Layer
from firth.nn.functional import normalize
from firth.tensor import Tensor, cat, maximum, minimum


class _Merge(Layer):
    """Combines inputs of shapes that broadcast, two at a time."""

    def call(self, inputs: Any) -> Tensor:
        """[x, ...] -> their combination."""
        return reduce(self.merge, inputs)

    def merge(self, x: Tensor, y: Tensor) -> Tensor:
        """Two of them."""
        raise NotImplementedError


class Add(_Merge):
    """The sum of its inputs."""

    def merge(self, x: Tensor, y: Tensor) -> Tensor:
        return x + y


class Subtract(_Merge):
    """The first input minus the second."""

    def merge(self, x: Tensor, y: Tensor) -> Tensor:
        return x - y


class Multiply(_Merge):
    """The product of its inputs."""

    def merge(self, x: Tensor, y: Tensor) -> Tensor:
        return x * y


class Average(Add):
    """The mean of its inputs."""

    def call(self, inputs: Any) -> Tensor:
        """[x, ...] -> their mean."""
        return super().call(inputs) / len(inputs)


class Maximum(_Merge):
    """The largest of its inputs, element by element."""

    def merge(self, x: Tensor, y: Tensor) -> Tensor:
        return maximum(x, y)


class Minimum(_Merge):
    """The smallest of its inputs, element by element."""

    def merge(self, x: Tensor, y: Tensor) -> Tensor:
        return minimum(x, y)


class Concatenate(Layer):
    """Its inputs one after the other along an axis."""

    def __init__(self, axis: int = -1, **options: Any) -> None:
        super().__init__(**options)
        self.axis = axis

    def call(self, inputs: Any) -> Tensor:
        """[x, ...] -> one tensor."""
        return cat(list(inputs), self.axis)


class Dot(Layer):
    """Sums of products over one axis of each of two batches. axes: a number or a pair."""

    def __init__(self, axes: Any, normalize: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.axes, self.normalize = axes, normalize

    def call(self, inputs: Any) -> Tensor:
        """[(B, ...), (B, ...)] -> (B, ...), (B, 1) for two batches of vectors."""
        x, y = inputs
        first, second = (self.axes,) * 2 if isinstance(self.axes, int) else self.axes
        first, second = first % x.ndim, second % y.ndim
        if self.normalize:
            x, y = normalize(x, dim=first), normalize(y, dim=second)
        x, y = x.movedim(first, -1), y.movedim(second, 1)
        rest_x, rest_y = x.shape[1:-1], y.shape[2:]
        out = x.reshape(x.shape[0], -1, x.shape[-1]) @ y.reshape(*y.shape[:2], -1)
        shape = (*rest_x, *rest_y) or (1,)
        return out.reshape(x.shape[0], *shape)


def _function(cls: type[Layer], doc: str) -> Any:
    def fn(inputs: Any, **options: Any) -> Any:
        return cls(**options)(inputs)

    fn.__name__ = fn.__qualname__ = cls.__name__.lower()
    fn.__doc__ = doc
    return fn


add = _function(Add, "The sum of a list of tensors.")
subtract = _function(Subtract, "The first of two tensors minus the second.")
multiply = _function(Multiply, "The product of a list of tensors.")
average = _function(Average, "The mean of a list of tensors.")
concatenate = _function(Concatenate, "A list of tensors one after the other along an axis.")


def dot(inputs: Any, axes: Any = -1, **options: Any) -> Any:
    """Sums of products over one axis of each of two batches."""
    return Dot(axes, **options)(inputs)
