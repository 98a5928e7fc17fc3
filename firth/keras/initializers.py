"""Initial values of weights. Shapes are Keras's: the last two axes are (in, out)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from firth.keras.lookup import Configured, lookup
from firth.keras.variable import dtype_of
from firth.tensor import Tensor, from_numpy
from firth.tensor.random import host_generator

Shape = tuple[int, ...]


class Initializer(Configured):
    """A function of (shape, dtype) -> tensor, with options."""

    def draw(self, shape: Shape) -> np.ndarray:
        """The values: (shape) float64."""
        raise NotImplementedError

    def __call__(self, shape: Any, dtype: Any = None) -> Tensor:
        kind = dtype_of(dtype)
        return from_numpy(np.asarray(self.draw(tuple(shape))).astype(kind.np))


def _generator(seed: int | None) -> np.random.Generator:
    return host_generator() if seed is None else np.random.default_rng(seed)


class Zeros(Initializer):
    """0 everywhere."""

    def draw(self, shape: Shape) -> np.ndarray:
        return np.zeros(shape)


class Ones(Initializer):
    """1 everywhere."""

    def draw(self, shape: Shape) -> np.ndarray:
        return np.ones(shape)


class Constant(Initializer):
    """One value everywhere, or an array that broadcasts."""

    def __init__(self, value: Any = 0.0) -> None:
        self.value = value

    def draw(self, shape: Shape) -> np.ndarray:
        return np.broadcast_to(np.asarray(self.value), shape)


class Identity(Initializer):
    """gain on the diagonal: (n, m)."""

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def draw(self, shape: Shape) -> np.ndarray:
        return self.gain * np.eye(*shape)


class RandomNormal(Initializer):
    """Normal numbers."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        self.mean, self.stddev, self.seed = mean, stddev, seed

    def draw(self, shape: Shape) -> np.ndarray:
        return _generator(self.seed).normal(self.mean, self.stddev, shape)


class RandomUniform(Initializer):
    """Uniform numbers in [minval, maxval)."""

    def __init__(
        self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None
    ) -> None:
        self.minval, self.maxval, self.seed = minval, maxval, seed

    def draw(self, shape: Shape) -> np.ndarray:
        return _generator(self.seed).uniform(self.minval, self.maxval, shape)


def _truncated(generator: np.random.Generator, shape: Shape) -> np.ndarray:
    """Standard normal numbers, those beyond two drawn again."""
    out = generator.standard_normal(shape)
    while (far := np.abs(out) > 2).any():
        out = np.where(far, generator.standard_normal(shape), out)
    return out


class TruncatedNormal(Initializer):
    """Normal numbers within two standard deviations."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        self.mean, self.stddev, self.seed = mean, stddev, seed

    def draw(self, shape: Shape) -> np.ndarray:
        return self.mean + self.stddev * _truncated(_generator(self.seed), shape)


def fans(shape: Shape) -> tuple[float, float]:
    """Inputs and outputs of one unit: windows times the last two extents.

    >>> fans((3, 3, 16, 32))
    (144, 288)
    """
    if not shape:
        return 1, 1
    if len(shape) == 1:
        return shape[0], shape[0]
    window = math.prod(shape[:-2])
    return window * shape[-2], window * shape[-1]


# The standard deviation of a standard normal cut at two.
_CUT = 0.87962566103423978


class VarianceScaling(Initializer):
    """Variance scale / fan (Glorot and Bengio, 2010; He et al., 2015).

    mode: 'fan_in', 'fan_out' or 'fan_avg'. distribution: 'truncated_normal', 'untruncated_normal'
    or 'uniform'.
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
    ) -> None:
        self.scale, self.mode, self.distribution, self.seed = scale, mode, distribution, seed

    def draw(self, shape: Shape) -> np.ndarray:
        fan_in, fan_out = fans(shape)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, fan)
        generator = _generator(self.seed)
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return generator.uniform(-limit, limit, shape)
        if self.distribution == "untruncated_normal":
            return generator.normal(0, math.sqrt(variance), shape)
        return _truncated(generator, shape) * (math.sqrt(variance) / _CUT)


def _scaled(name: str, scale: float, mode: str, distribution: str, doc: str) -> type[Initializer]:
    """A VarianceScaling with a name and a seed as its only option."""

    def __init__(self: Any, seed: int | None = None) -> None:
        VarianceScaling.__init__(self, scale, mode, distribution, seed)

    def get_config(self: Any) -> dict[str, Any]:
        return {"seed": self.seed}

    body = {"__init__": __init__, "get_config": get_config, "__doc__": doc}
    return type(name, (VarianceScaling,), {**body, "__module__": __name__})


GlorotUniform = _scaled(
    "GlorotUniform", 1, "fan_avg", "uniform", "Uniform, variance 2 / (in + out)."
)
GlorotNormal = _scaled(
    "GlorotNormal", 1, "fan_avg", "truncated_normal", "Normal, variance 2 / (in + out)."
)
HeUniform = _scaled("HeUniform", 2, "fan_in", "uniform", "Uniform, variance 2 / in.")
HeNormal = _scaled("HeNormal", 2, "fan_in", "truncated_normal", "Normal, variance 2 / in.")
LecunUniform = _scaled("LecunUniform", 1, "fan_in", "uniform", "Uniform, variance 1 / in.")
LecunNormal = _scaled("LecunNormal", 1, "fan_in", "truncated_normal", "Normal, variance 1 / in.")


class Orthogonal(Initializer):
    """Rows or columns of length gain at right angles (Saxe et al., 2013)."""

    def __init__(self, gain: float = 1.0, seed: int | None = None) -> None:
        self.gain, self.seed = gain, seed

    def draw(self, shape: Shape) -> np.ndarray:
        rows, columns = math.prod(shape[:-1]), shape[-1]
        flat = _generator(self.seed).standard_normal((max(rows, columns), min(rows, columns)))
        q, r = np.linalg.qr(flat)
        q *= np.sign(np.diag(r))
        return self.gain * (q if rows >= columns else q.T).reshape(shape)


zeros, ones, constant, identity = Zeros, Ones, Constant, Identity
random_normal, random_uniform, truncated_normal = RandomNormal, RandomUniform, TruncatedNormal
variance_scaling, orthogonal = VarianceScaling, Orthogonal
glorot_uniform, glorot_normal = GlorotUniform, GlorotNormal
he_uniform, he_normal = HeUniform, HeNormal
lecun_uniform, lecun_normal = LecunUniform, LecunNormal


def get(identifier: Any) -> Callable[..., Tensor] | None:
    """An initializer by its name ('he_normal'), class, configuration, or itself; None is None."""
    return lookup("initializer", globals(), identifier, Initializer)
