"""Activation functions by Keras's names: tensors in, tensors of the same shape out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from firth.keras.lookup import lookup
from firth.nn import functional as F
from firth.tensor import Tensor, where


def linear(x: Tensor) -> Tensor:
    """x itself."""
    return x


def relu(
    x: Tensor, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0
) -> Tensor:
    """x above the threshold, negative_slope * (x - threshold) below, at most max_value."""
    if threshold:
        y = where(x >= threshold, x, negative_slope * (x - threshold))
    else:
        y = F.leaky_relu(x, negative_slope) if negative_slope else F.relu(x)
    return y if max_value is None else y.clamp(max=max_value)


def relu6(x: Tensor) -> Tensor:
    """x between 0 and 6."""
    return F.relu6(x)


def leaky_relu(x: Tensor, negative_slope: float = 0.2) -> Tensor:
    """x above 0, negative_slope * x below."""
    return F.leaky_relu(x, negative_slope)


def elu(x: Tensor, alpha: float = 1.0) -> Tensor:
    """x above 0, alpha * (exp(x) - 1) below (Clevert et al., 2016)."""
    return F.elu(x, alpha)


def celu(x: Tensor, alpha: float = 1.0) -> Tensor:
    """x above 0, alpha * (exp(x / alpha) - 1) below."""
    return F.celu(x, alpha)


def selu(x: Tensor) -> Tensor:
    """The self-normalising ELU (Klambauer et al., 2017)."""
    return F.selu(x)


def gelu(x: Tensor, approximate: bool = False) -> Tensor:
    """x times the normal distribution's share below x (Hendrycks and Gimpel, 2016)."""
    return F.gelu(x, "tanh" if approximate else "none")


def sigmoid(x: Tensor) -> Tensor:
    """1 / (1 + exp(-x))."""
    return F.sigmoid(x)


def hard_sigmoid(x: Tensor) -> Tensor:
    """x / 6 + 1/2 between 0 and 1."""
    return F.hardsigmoid(x)


def log_sigmoid(x: Tensor) -> Tensor:
    """log(sigmoid(x))."""
    return F.logsigmoid(x)


def silu(x: Tensor) -> Tensor:
    """x * sigmoid(x)."""
    return F.silu(x)


def hard_silu(x: Tensor) -> Tensor:
    """x * hard_sigmoid(x)."""
    return F.hardswish(x)


def mish(x: Tensor) -> Tensor:
    """x * tanh(softplus(x))."""
    return F.mish(x)


def softplus(x: Tensor) -> Tensor:
    """log(1 + exp(x))."""
    return F.softplus(x)


def softsign(x: Tensor) -> Tensor:
    """x / (1 + |x|)."""
    return F.softsign(x)


def tanh(x: Tensor) -> Tensor:
    """The hyperbolic tangent."""
    return F.tanh(x)


def exponential(x: Tensor) -> Tensor:
    """exp(x)."""
    return x.exp()


def softmax(x: Tensor, axis: int = -1) -> Tensor:
    """Shares that sum to 1 along an axis."""
    return F.softmax(x, axis)


def log_softmax(x: Tensor, axis: int = -1) -> Tensor:
    """The logarithm of softmax."""
    return F.log_softmax(x, axis)


swish, hard_swish = silu, hard_silu


def name_of(activation: Callable[..., Any]) -> Any:
    """What a configuration calls it."""
    return getattr(activation, "__name__", activation)


def get(identifier: Any) -> Callable[..., Tensor]:
    """An activation by its name, or itself; None is `linear`."""
    return linear if identifier is None else lookup("activation", globals(), identifier, None)
