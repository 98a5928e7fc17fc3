"""Random numbers. A seed in the file fixes them; without one they come from Firth's generator."""

from __future__ import annotations

from typing import Any

import numpy as np

import firth
from firth.onnx.registry import op
from firth.onnx.values import cast, dtype_of, element
from firth.tensor import Tensor


def _generator(seed: float | None) -> Any:
    if seed is None:
        return None
    made = firth.Generator()
    made.manual_seed(int(np.float32(seed).view(np.uint32)))
    return made


def _uniform(shape: Any, kind: np.dtype[Any], low: float, high: float, seed: float | None) -> Any:
    x = firth.rand(*shape, generator=_generator(seed))
    return cast(x * (high - low) + low, kind)


def _normal(shape: Any, kind: np.dtype[Any], mean: float, scale: float, seed: float | None) -> Any:
    x = firth.randn(*shape, generator=_generator(seed))
    return cast(x * scale + mean, kind)


@op("RandomUniform")
def random_uniform(
    *, shape: list[int], dtype: int = 1, high: float = 1.0, low: float = 0.0,
    seed: float | None = None,
) -> Any:  # fmt: skip
    """Numbers between two bounds."""
    return _uniform(shape, element(dtype), low, high, seed)


@op("RandomUniformLike")
def random_uniform_like(
    x: Tensor, *, dtype: int | None = None, high: float = 1.0, low: float = 0.0,
    seed: float | None = None,
) -> Any:  # fmt: skip
    """Numbers between two bounds, in the shape of x."""
    return _uniform(x.shape, element(dtype) if dtype else dtype_of(x), low, high, seed)


@op("RandomNormal")
def random_normal(
    *, shape: list[int], dtype: int = 1, mean: float = 0.0, scale: float = 1.0,
    seed: float | None = None,
) -> Any:  # fmt: skip
    """Numbers of a normal distribution."""
    return _normal(shape, element(dtype), mean, scale, seed)


@op("RandomNormalLike")
def random_normal_like(
    x: Tensor, *, dtype: int | None = None, mean: float = 0.0, scale: float = 1.0,
    seed: float | None = None,
) -> Any:  # fmt: skip
    """Numbers of a normal distribution, in the shape of x."""
    return _normal(x.shape, element(dtype) if dtype else dtype_of(x), mean, scale, seed)


@op("Bernoulli")
def bernoulli(x: Tensor, *, dtype: int | None = None, seed: float | None = None) -> Any:
    """1 with probability x, else 0."""
    drawn = firth.rand(*x.shape, generator=_generator(seed)).to(x.dtype)
    return cast(drawn < x, element(dtype) if dtype else dtype_of(x))


@op("Multinomial")
def multinomial(
    x: Tensor, *, dtype: int = 6, sample_size: int = 1, seed: float | None = None
) -> Any:
    """Classes drawn by their unnormalised log-probabilities: (B, C) -> (B, sample_size)."""
    share = x.softmax(-1).cumsum(-1).unsqueeze(1)  # (B, 1, C)
    drawn = firth.rand(x.shape[0], sample_size, 1, generator=_generator(seed)).to(x.dtype)
    return cast((drawn >= share).to(firth.int64).sum(-1).clamp(0, x.shape[1] - 1), element(dtype))
