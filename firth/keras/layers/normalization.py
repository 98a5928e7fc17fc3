"""Normalisation over batches, features and groups; channels are last."""

from __future__ import annotations

from typing import Any

import numpy as np

from firth.keras.layer import Layer
from firth.keras.variable import to_tensor
from firth.nn import functional as F
from firth.tensor import Tensor, no_grad


class _Affine(Layer):
    """gamma and beta with the options that all normalisations share."""

    def __init__(
        self,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.epsilon, self.center, self.scale = epsilon, center, scale
        self.beta_initializer, self.gamma_initializer = beta_initializer, gamma_initializer
        self.beta_regularizer, self.gamma_regularizer = beta_regularizer, gamma_regularizer
        self.gamma = self.beta = None

    def add_affine(self, shape: tuple[int, ...]) -> None:
        """gamma and beta of a shape."""
        if self.scale:
            self.gamma = self.add_weight(
                shape, self.gamma_initializer, regularizer=self.gamma_regularizer, name="gamma"
            )
        if self.center:
            self.beta = self.add_weight(
                shape, self.beta_initializer, regularizer=self.beta_regularizer, name="beta"
            )


class BatchNormalization(_Affine):
    """Normalises each feature by the batch in training, by moving averages otherwise.

    momentum is the share of the old average. Weights: gamma, beta, moving_mean, moving_variance.
    """

    def __init__(
        self, axis: int = -1, momentum: float = 0.99, epsilon: float = 1e-3, center: bool = True,
        scale: bool = True, beta_initializer: Any = "zeros", gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros", moving_variance_initializer: Any = "ones",
        **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(epsilon, center, scale, beta_initializer, gamma_initializer, **options)
        self.axis, self.momentum = axis, momentum
        self.moving_mean_initializer = moving_mean_initializer
        self.moving_variance_initializer = moving_variance_initializer

    def build(self, input_shape: Any) -> None:
        """Everything has the shape (C,)."""
        shape = (input_shape[self.axis],)
        self.add_affine(shape)
        self.moving_mean = self.add_weight(
            shape, self.moving_mean_initializer, trainable=False, name="moving_mean"
        )
        self.moving_variance = self.add_weight(
            shape, self.moving_variance_initializer, trainable=False, name="moving_variance"
        )

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """x -> the same shape."""
        last = x.ndim - 1
        y = x.movedim(self.axis, 1) if x.ndim > 2 else x
        if training and self.trainable:
            self._follow(y)
            y = F.batch_norm(y, None, None, self.gamma, self.beta, True, 0.0, self.epsilon)
        else:
            y = F.batch_norm(
                y, self.moving_mean, self.moving_variance, self.gamma, self.beta, False, 0.0,
                self.epsilon,
            )  # fmt: skip
        return y.movedim(1, self.axis % (last + 1)) if x.ndim > 2 else y

    def _follow(self, x: Tensor) -> None:
        """Moves the averages towards those of the batch x: (B, C, ...), its own variance."""
        dims = [d for d in range(x.ndim) if d != 1]
        with no_grad():
            mean, variance = x.mean(dims), x.var(dims, False)
            for average, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
                average.assign(average * self.momentum + now * (1 - self.momentum))


class LayerNormalization(_Affine):
    """Normalises each example over its last axes (or `axis`)."""

    def __init__(self, axis: Any = -1, epsilon: float = 1e-3, **options: Any) -> None:
        super().__init__(epsilon, **options)
        self.axis = axis

    def build(self, input_shape: Any) -> None:
        """gamma and beta have the extents of the normalised axes."""
        axes = [self.axis] if isinstance(self.axis, int) else self.axis
        self._axes = sorted(axis % len(input_shape) for axis in axes)
        self.add_affine(tuple(input_shape[axis] for axis in self._axes))

    def call(self, x: Tensor) -> Tensor:
        """x -> the same shape."""
        kept = [d for d in range(x.ndim) if d not in self._axes]
        order = [*kept, *self._axes]
        y = x.permute(*order)
        shape = tuple(x.shape[axis] for axis in self._axes)
        y = F.layer_norm(y, shape, self.gamma, None, self.epsilon)
        y = y if self.beta is None else y + self.beta
        return y.permute(*(order.index(d) for d in range(x.ndim)))


class GroupNormalization(_Affine):
    """Normalises groups of channels of each example; groups=-1 makes one for each channel."""

    def __init__(
        self, groups: int = 32, axis: int = -1, epsilon: float = 1e-3, **options: Any
    ) -> None:
        super().__init__(epsilon, **options)
        self.groups, self.axis = groups, axis

    def build(self, input_shape: Any) -> None:
        """gamma and beta: (C,)."""
        self.add_affine((input_shape[self.axis],))

    def call(self, x: Tensor) -> Tensor:
        """x -> the same shape."""
        y = x.movedim(self.axis, 1)
        groups = y.shape[1] if self.groups == -1 else self.groups
        y = F.group_norm(y, groups, self.gamma, None, self.epsilon)
        y = y if self.beta is None else y + self.beta.reshape(-1, *(1,) * (x.ndim - 2))
        return y.movedim(1, self.axis)


class RMSNormalization(Layer):
    """Divides by the root mean square over the last axis and multiplies by scale."""

    def __init__(self, axis: int = -1, epsilon: float = 1e-6, **options: Any) -> None:
        super().__init__(**options)
        self.axis, self.epsilon = axis, epsilon

    def build(self, input_shape: Any) -> None:
        """scale: (C,)."""
        self.scale = self.add_weight((input_shape[self.axis],), "ones", name="scale")

    def call(self, x: Tensor) -> Tensor:
        """x -> the same shape."""
        y = x.movedim(self.axis, -1)
        return F.rms_norm(y, (y.shape[-1],), self.scale, self.epsilon).movedim(-1, self.axis)


class UnitNormalization(Layer):
    """Makes vectors along an axis have length 1."""

    def __init__(self, axis: int = -1, **options: Any) -> None:
        super().__init__(**options)
        self.axis = axis

    def call(self, x: Tensor) -> Tensor:
        """x -> the same shape."""
        return F.normalize(x, dim=self.axis)


class Normalization(Layer):
    """(x - mean) / sqrt(variance) with moments of data that `adapt` has seen, or given ones."""

    def __init__(
        self, axis: int | None = -1, mean: Any = None, variance: Any = None, **options: Any
    ) -> None:
        super().__init__(**options)
        self.axis, self.mean, self.variance = axis, mean, variance

    def build(self, input_shape: Any) -> None:
        """mean, variance: (C,), or () for axis=None."""
        if self.mean is not None:
            return
        shape = () if self.axis is None else (input_shape[self.axis],)
        self.mean = self.add_weight(shape, "zeros", trainable=False, name="mean")
        self.variance = self.add_weight(shape, "ones", trainable=False, name="variance")

    def adapt(self, data: Any) -> None:
        """Takes the moments of an array."""
        data = np.asarray(data, np.float64)
        if not self.built:
            self.build(data.shape)
        axes = None if self.axis is None else tuple(
            d for d in range(data.ndim) if d != self.axis % data.ndim
        )  # fmt: skip
        self.mean.assign(data.mean(axes).astype("float32"))
        self.variance.assign(data.var(axes).astype("float32"))

    def call(self, x: Tensor) -> Tensor:
        """x -> the same shape, float32 for integers."""
        x = x if x.dtype.kind == "f" else x.float()
        mean, variance = (to_tensor(m, x.dtype) for m in (self.mean, self.variance))
        return (x - mean) / variance.sqrt().clamp(min=1e-7)
