"""`torch.distributions`: Normal, Bernoulli and Categorical, written with tensors."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import firth
from firth import Tensor
from firth.base.errors import ArgumentError, message
from firth.compat.missing import refuse

__all__ = ["Bernoulli", "Categorical", "Distribution", "Normal", "kl_divergence"]


class Distribution:
    """One distribution per element of `batch_shape`; a sample is (*sample_shape, *batch_shape)."""

    batch_shape: tuple[int, ...]

    def sample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        """Random values, without a gradient."""
        raise NotImplementedError

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density or mass at `value`."""
        raise NotImplementedError

    def entropy(self) -> Tensor:
        """The expected -log_prob, in nats."""
        raise NotImplementedError


class Normal(Distribution):
    """Normal distributions of means `loc` and standard deviations `scale`, which broadcast."""

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = firth.broadcast_tensors(_float(loc), _float(scale))
        self.batch_shape = self.loc.shape

    @property
    def mean(self) -> Tensor:
        """The mean."""
        return self.loc

    @property
    def stddev(self) -> Tensor:
        """The standard deviation."""
        return self.scale

    @property
    def variance(self) -> Tensor:
        """The squared standard deviation."""
        return self.scale * self.scale

    def rsample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        """Random values whose gradient reaches `loc` and `scale`."""
        noise = firth.randn((*sample_shape, *self.batch_shape), dtype=self.loc.dtype)
        return self.loc + self.scale * noise

    def sample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        """Random values, without a gradient."""
        with firth.no_grad():
            return self.rsample(sample_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density at `value`."""
        z = (value - self.loc) / self.scale
        return -0.5 * z * z - self.scale.log() - 0.5 * math.log(2 * math.pi)

    def entropy(self) -> Tensor:
        """The entropy in nats."""
        return 0.5 + 0.5 * math.log(2 * math.pi) + self.scale.log()


class Bernoulli(Distribution):
    """Coins that show 1 with probability `probs` = sigmoid(`logits`); give one of the two."""

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        _one_of("Bernoulli", probs, logits)
        self.probs = _float(probs) if logits is None else _float(logits).sigmoid()
        self.logits = self.probs.log() - (-self.probs).log1p() if logits is None else _float(logits)
        self.batch_shape = self.probs.shape

    @property
    def mean(self) -> Tensor:
        """The probability of 1."""
        return self.probs

    def sample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        """Zeros and ones, without a gradient."""
        with firth.no_grad():
            return firth.bernoulli(self.probs.expand(*sample_shape, *self.batch_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the mass at `value`."""
        return value * self.logits - firth.nn.functional.softplus(self.logits)

    def entropy(self) -> Tensor:
        """The entropy in nats."""
        return firth.nn.functional.softplus(self.logits) - self.probs * self.logits


class Categorical(Distribution):
    """Classes 0 to K-1 of probabilities `probs` or softmax(`logits`): (..., K); give one."""

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        _one_of("Categorical", probs, logits)
        if logits is None:
            weights = _float(probs)
            self.logits = (weights / weights.sum(-1, keepdim=True)).log()
        else:
            self.logits = firth.log_softmax(_float(logits), dim=-1)
        self.probs = self.logits.exp()
        self.batch_shape = self.logits.shape[:-1]

    def sample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        """Classes as int64, without a gradient."""
        count = math.prod(sample_shape)
        with firth.no_grad():
            rows = self.probs.reshape(-1, self.probs.shape[-1])  # (B, K)
            drawn = firth.multinomial(rows, count, replacement=True)  # (B, S)
            return drawn.t().reshape(*sample_shape, *self.batch_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the probability of the classes `value`."""
        index = value.long().unsqueeze(-1)
        logits = self.logits.expand(*index.shape[:-1], self.logits.shape[-1])
        return logits.gather(-1, index).squeeze(-1)

    def entropy(self) -> Tensor:
        """The entropy in nats."""
        return -(self.probs * firth.where(self.probs > 0, self.logits, 0.0)).sum(-1)


def _normal_normal(p: Normal, q: Normal) -> Tensor:
    ratio = (p.scale / q.scale) ** 2
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale) ** 2 - 1 - ratio.log())


def _categorical_categorical(p: Categorical, q: Categorical) -> Tensor:
    return (p.probs * (p.logits - q.logits)).sum(-1)


def _bernoulli_bernoulli(p: Bernoulli, q: Bernoulli) -> Tensor:
    with_one = p.probs * (p.probs.log() - q.probs.log())
    return with_one + (1 - p.probs) * ((-p.probs).log1p() - (-q.probs).log1p())


_DIVERGENCES: dict[type, Callable[[Any, Any], Tensor]] = {
    Normal: _normal_normal,
    Categorical: _categorical_categorical,
    Bernoulli: _bernoulli_bernoulli,
}


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """The Kullback-Leibler divergence of q from p, two distributions of one kind."""
    if type(p) is not type(q) or type(p) not in _DIVERGENCES:
        raise ArgumentError(
            message(
                "kl_divergence",
                "no rule for these two",
                f"{type(p).__name__} and {type(q).__name__}",
                "two of one kind",
                "estimate it as (p.log_prob(x) - q.log_prob(x)).mean() over samples x of p",
            )
        )
    return _DIVERGENCES[type(p)](p, q)


def _float(value: Any) -> Tensor:
    return value if isinstance(value, Tensor) else firth.tensor(value, dtype=firth.float32)


def _one_of(name: str, probs: Any, logits: Any) -> None:
    if (probs is None) == (logits is None):
        given = "neither" if probs is None else "both"
        raise ArgumentError(
            message(name, "one of two is needed", given, "probs or logits", "pass logits=...")
        )


__getattr__ = refuse(globals())
