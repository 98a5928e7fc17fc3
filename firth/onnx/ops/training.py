"""Training: gradients of a part of the graph, and steps of optimizers."""

from __future__ import annotations

from typing import Any

import numpy as np

import firth
from firth.onnx.registry import op
from firth.tensor import Tensor, vjp

_DOMAIN = "ai.onnx.preview.training"


def _rows(tensors: tuple[Tensor, ...], count: int) -> list[tuple[Tensor, ...]]:
    """Values of several tensors, given kind by kind, as one row for each tensor."""
    n = len(tensors) // count
    return [tuple(tensors[i + k * n] for k in range(count)) for i in range(n)]


def _columns(rows: list[tuple[Any, ...]]) -> tuple[Any, ...]:
    return tuple(value for column in zip(*rows, strict=True) for value in column)


@op("Gradient", domain=_DOMAIN)
def gradient(
    *inputs: Tensor, xs: list[str], y: str, zs: list[str] | None = None, around: Any
) -> Any:
    """The gradients of the value named y with respect to those named xs, where these and zs have
    the values given."""
    names = [*xs, *(zs or [])]
    others = inputs[len(xs) :]

    def value(*points: Tensor) -> Any:
        return around(y, dict(zip(names, (*points, *others), strict=True)))

    found, pull = vjp(value, *inputs[: len(xs)])
    return tuple(pull(firth.ones_like(found)))


@op("Adagrad", domain=_DOMAIN, host=(0, 1))
def adagrad(
    rate: np.ndarray, step: np.ndarray, *tensors: Tensor, decay_factor: float = 0.0,
    epsilon: float = 0.0, norm_coefficient: float = 0.0,
) -> Any:  # fmt: skip
    """Steps divided by the root of all squares so far: (x.., gradient.., squares..)."""
    r = rate.item() / (1 + step.item() * decay_factor)
    rows = []
    for x, g, squares in _rows(tensors, 3):
        g = g + x * norm_coefficient
        squares = squares + g * g
        rows.append((x - g * r / (squares.sqrt() + epsilon), squares))
    return _columns(rows)


@op("Adam", domain=_DOMAIN, host=(0, 1))
def adam(
    rate: np.ndarray, step: np.ndarray, *tensors: Tensor, alpha: float = 0.9, beta: float = 0.999,
    epsilon: float = 1e-6, norm_coefficient: float = 0.0, norm_coefficient_post: float = 0.0,
) -> Any:  # fmt: skip
    """Adam's step: (x.., gradient.., first moment.., second moment..)."""
    t, r = step.item(), rate.item()
    if t > 0:
        r *= (1 - beta**t) ** 0.5 / (1 - alpha**t)
    rows = []
    for x, g, v, h in _rows(tensors, 4):
        g = g + x * norm_coefficient
        v = v * alpha + g * (1 - alpha)
        h = h * beta + g * g * (1 - beta)
        new = x - v * r / (h.sqrt() + epsilon)
        rows.append((new * (1 - norm_coefficient_post), v, h))
    return _columns(rows)


@op("Momentum", domain=_DOMAIN, host=(0, 1))
def momentum(
    rate: np.ndarray, step: np.ndarray, *tensors: Tensor, alpha: float, beta: float, mode: str,
    norm_coefficient: float,
) -> Any:  # fmt: skip
    """A step with momentum, plain or Nesterov's: (x.., gradient.., velocity..)."""
    r = rate.item()
    share = beta if step.item() > 0 else 1.0
    rows = []
    for x, g, v in _rows(tensors, 3):
        g = g + x * norm_coefficient
        v = v * alpha + g * share
        step_of = g + v * alpha if mode == "nesterov" else v
        rows.append((x - step_of * r, v))
    return _columns(rows)
