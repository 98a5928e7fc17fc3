"""Dropout: of elements, of whole channels, and the one that keeps mean and variance."""

from __future__ import annotations

from firth.base.errors import ArgumentError, message
from firth.nn.functional.common import inplace as written
from firth.tensor import Tensor, rand, where

# what selu tends to far below zero: minus its scale times its alpha
_SELU_FLOOR = -1.7580993408473766


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """In training, zeroes elements with probability p and scales the rest by 1 / (1 - p)."""
    return _drop(input, input.shape, p, training, inplace)


def _check_probability(op: str, p: float) -> None:
    if not 0.0 <= p <= 1.0:
        raise ArgumentError(
            message(op, "p is not a probability", str(p), "0 <= p <= 1", "try p=0.5")
        )


def _drop(x: Tensor, shape: tuple[int, ...], p: float, training: bool, inplace: bool) -> Tensor:
    """One draw per element of `shape`, which broadcasts to x."""
    _check_probability("dropout", p)
    if not training or p == 0.0:
        return x
    if p == 1.0:
        return written(x, x * 0.0, inplace)
    kept = rand(*shape) >= p
    return written(x, where(kept, x * (1.0 / (1.0 - p)), 0.0), inplace)


def dropout1d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """In training, zeroes whole channels with probability p. x: (N, C, L)."""
    return _drop(input, (*input.shape[:-1], 1), p, training, inplace)


def dropout2d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """In training, zeroes whole channels with probability p. x: (N, C, H, W)."""
    return _drop(input, (*input.shape[:-2], 1, 1), p, training, inplace)


def dropout3d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """In training, zeroes whole channels with probability p. x: (N, C, D, H, W)."""
    return _drop(input, (*input.shape[:-3], 1, 1, 1), p, training, inplace)


def alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """In training, puts elements at selu's floor, then restores mean 0 and variance 1 (...)."""
    _check_probability("alpha_dropout", p)
    if not training or p == 0.0:
        return input
    if p == 1.0:
        return written(input, input * 0.0, inplace)
    scale = ((1.0 - p) * (1.0 + p * _SELU_FLOOR**2)) ** -0.5
    dropped = where(rand(*input.shape) >= p, input, _SELU_FLOOR)
    return written(input, scale * (dropped - p * _SELU_FLOOR), inplace)
