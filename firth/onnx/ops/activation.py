"""Activation functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import firth
from firth.nn import functional as F
from firth.onnx.registry import op
from firth.tensor import Tensor, where


@op("LeakyRelu")
def leaky_relu(x: Tensor, *, alpha: float = 0.01, consumed_inputs: Any = None) -> Any:
    """x, or alpha * x below 0."""
    return F.leaky_relu(x, alpha)


@op("Elu")
def elu(x: Tensor, *, alpha: float = 1.0, consumed_inputs: Any = None) -> Any:
    """x, or alpha * (exp(x) - 1) below 0."""
    return F.elu(x, alpha)


@op("Celu")
def celu(x: Tensor, *, alpha: float = 1.0) -> Any:
    """x, or alpha * (exp(x / alpha) - 1) below 0."""
    return F.celu(x, alpha)


@op("Selu")
def selu(
    x: Tensor, *, alpha: float = 1.67326319217681884765625,
    gamma: float = 1.05070102214813232421875, consumed_inputs: Any = None,
) -> Any:  # fmt: skip
    """gamma * elu(x, alpha)."""
    return F.elu(x, alpha) * gamma


@op("Softplus")
def softplus(x: Tensor) -> Any:
    """log(1 + exp(x)) without overflow."""
    return x.relu() + (-x.abs()).exp().log1p()


@op("Softsign")
def softsign(x: Tensor) -> Any:
    """x / (1 + |x|)."""
    return F.softsign(x)


@op("HardSigmoid")
def hard_sigmoid(
    x: Tensor, *, alpha: float = 0.2, beta: float = 0.5, consumed_inputs: Any = None
) -> Any:
    """alpha * x + beta between 0 and 1."""
    return (x * alpha + beta).clamp(0.0, 1.0)


@op("HardSwish")
def hard_swish(x: Tensor) -> Any:
    """x * max(0, min(1, x / 6 + 1/2))."""
    return F.hardswish(x)


@op("Gelu")
def gelu(x: Tensor, *, approximate: str = "none") -> Any:
    """x times the normal distribution function of x."""
    return F.gelu(x, approximate=approximate)


@op("Mish")
def mish(x: Tensor) -> Any:
    """x * tanh(softplus(x))."""
    return x * softplus(x).tanh()


@op("Swish")
def swish(x: Tensor, *, alpha: float = 1.0) -> Any:
    """x * sigmoid(alpha * x)."""
    return x * (x * alpha).sigmoid()


@op("ThresholdedRelu")
def thresholded_relu(x: Tensor, *, alpha: float = 1.0) -> Any:
    """x above alpha, 0 elsewhere."""
    return where(x > alpha, x, 0)


@op("Shrink")
def shrink(x: Tensor, *, lambd: float = 0.5, bias: float = 0.0) -> Any:
    """x moved towards 0 by bias outside [-lambd, lambd], 0 inside."""
    step = bias if x.dtype.kind == "f" else int(bias)
    return where(x < -lambd, x + step, where(x > lambd, x - step, firth.zeros_like(x)))


@op("PRelu")
def prelu(x: Tensor, slope: Tensor, *, consumed_inputs: Any = None) -> Any:
    """x, or slope * x below 0; a slope of one dimension that fits the channels is theirs."""
    channels = x.shape[1] if x.ndim > 1 else 0
    if slope.ndim == 1 and slope.shape[0] == channels and x.shape[-1] != channels:
        slope = slope.reshape(channels, *(1,) * (x.ndim - 2))  # before opset 7
    return where(x < 0, x * slope, x)


def _hardmax(x: Tensor, axis: int) -> Any:
    """1 at the first largest element, 0 elsewhere."""
    best = x.argmax(axis, keepdim=True)
    shape = [1] * x.ndim
    shape[axis] = x.shape[axis]
    return (firth.arange(x.shape[axis]).reshape(*shape) == best).to(x.dtype)


def _along(rule: Callable[..., Any]) -> Callable[..., Any]:
    def along(x: Tensor, *, axis: int = -1) -> Any:
        return rule(x, axis % max(x.ndim, 1))

    return along


def _flat(rule: Callable[..., Any]) -> Callable[..., Any]:
    """As it was before opset 13: all dimensions from the axis on are one."""

    def flat(x: Tensor, *, axis: int = 1) -> Any:
        axis = axis + x.ndim if axis < 0 else axis
        rows = 1
        for extent in x.shape[:axis]:
            rows *= extent
        return rule(x.reshape(rows, -1), 1).reshape(*x.shape)

    return flat


for _name, _rule in (
    ("Softmax", lambda x, axis: x.softmax(axis)),
    ("LogSoftmax", lambda x, axis: x.log_softmax(axis)),
    ("Hardmax", _hardmax),
):
    op(_name, since=13)(_along(_rule))
    op(_name)(_flat(_rule))
