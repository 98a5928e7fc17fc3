"""Distributions of one number with simple inverses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from firth.distributions.distribution import (
    EULER,
    Distribution,
    floats,
    lgamma,
    require,
    uniform,
    valued,
)
from firth.tensor import Tensor
from firth.tensor.record import apply


def _full(like: Tensor, value: float) -> Tensor:
    return apply("full", shape=tuple(like.shape), value=value, dtype=like.dtype)


class Uniform(Distribution):
    """Every value in [low, high) alike."""

    parameters = ("low", "high")
    has_rsample = True

    def __init__(self, low: Any, high: Any, validate_args: bool | None = None) -> None:
        self.low, self.high = floats(low, high)
        super().__init__(self.low.shape)
        require(validate_args, "Uniform", "above low", self.high > self.low, self.high)

    @property
    def mean(self) -> Tensor:
        """The middle."""
        return (self.low + self.high) / 2

    @property
    def variance(self) -> Tensor:
        """The squared width over 12."""
        return (self.high - self.low) ** 2 / 12

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Random values whose gradient reaches `low` and `high`."""
        return self.low + uniform(self.shape_of(sample_shape), self.low) * (self.high - self.low)

    def log_prob(self, value: Any) -> Tensor:
        """The logarithm of the density at `value`, -inf outside."""
        x = valued(value, self.low)
        inside = (x >= self.low) & (x < self.high)
        return apply("where", inside, -(self.high - self.low).log(), -math.inf)

    def cdf(self, value: Any) -> Tensor:
        """The probability of values up to `value`."""
        return ((valued(value, self.low) - self.low) / (self.high - self.low)).clamp(0, 1)

    def icdf(self, value: Any) -> Tensor:
        """The value up to which the probability is `value`."""
        return valued(value, self.low) * (self.high - self.low) + self.low

    def entropy(self) -> Tensor:
        """The entropy in nats."""
        return (self.high - self.low).log()


class Exponential(Distribution):
    """Waiting times at rates `rate`."""

    parameters = ("rate",)
    has_rsample = True

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        (self.rate,) = floats(rate)
        super().__init__(self.rate.shape)
        require(validate_args, "Exponential", "above 0", self.rate > 0, self.rate)

    @property
    def mean(self) -> Tensor:
        """1 / rate."""
        return 1 / self.rate

    @property
    def mode(self) -> Tensor:
        """0."""
        return self.rate * 0

    @property
    def stddev(self) -> Tensor:
        """1 / rate."""
        return 1 / self.rate

    @property
    def variance(self) -> Tensor:
        """1 / rate**2."""
        return self.rate**-2

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Random values whose gradient reaches `rate`."""
        return -uniform(self.shape_of(sample_shape), self.rate).log() / self.rate

    def log_prob(self, value: Any) -> Tensor:
        """The logarithm of the density at `value`."""
        return self.rate.log() - self.rate * valued(value, self.rate)

    def cdf(self, value: Any) -> Tensor:
        """The probability of values up to `value`."""
        return -(-self.rate * valued(value, self.rate)).expm1()

    def icdf(self, value: Any) -> Tensor:
        """The value up to which the probability is `value`."""
        return -(-valued(value, self.rate)).log1p() / self.rate

    def entropy(self) -> Tensor:
        """The entropy in nats."""
        return 1 - self.rate.log()


class Laplace(Distribution):
    """exp(-|x - loc| / scale) / (2 scale)."""

    parameters = ("loc", "scale")
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = floats(loc, scale)
        super().__init__(self.loc.shape)
        require(validate_args, "Laplace", "above 0", self.scale > 0, self.scale)

    @property
    def mean(self) -> Tensor:
        """loc."""
        return self.loc

    @property
    def mode(self) -> Tensor:
        """loc."""
        return self.loc

    @property
    def stddev(self) -> Tensor:
        """sqrt(2) * scale."""
        return math.sqrt(2) * self.scale

    @property
    def variance(self) -> Tensor:
        """2 * scale**2."""
        return 2 * self.scale * self.scale

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Random values whose gradient reaches `loc` and `scale`."""
        return self.icdf(uniform(self.shape_of(sample_shape), self.loc))

    def log_prob(self, value: Any) -> Tensor:
        """The logarithm of the density at `value`."""
        return -(2 * self.scale).log() - (valued(value, self.loc) - self.loc).abs() / self.scale

    def cdf(self, value: Any) -> Tensor:
        """The probability of values up to `value`."""
        gap = valued(value, self.loc) - self.loc
        return 0.5 - 0.5 * gap.sign() * (-gap.abs() / self.scale).expm1()

    def icdf(self, value: Any) -> Tensor:
        """The value up to which the probability is `value`."""
        term = valued(value, self.loc) - 0.5
        return self.loc - self.scale * term.sign() * (-2 * term.abs()).log1p()

    def entropy(self) -> Tensor:
        """The entropy in nats."""
        return 1 + (2 * self.scale).log()


class Cauchy(Distribution):
    """Heavy tails around `loc`, half of all values within `scale`."""

    parameters = ("loc", "scale")
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = floats(loc, scale)
        super().__init__(self.loc.shape)
        require(validate_args, "Cauchy", "above 0", self.scale > 0, self.scale)

    @property
    def mean(self) -> Tensor:
        """There is none: NaN."""
        return _full(self.loc, math.nan)

    @property
    def mode(self) -> Tensor:
        """loc."""
        return self.loc

    @property
    def variance(self) -> Tensor:
        """There is none: infinity."""
        return _full(self.loc, math.inf)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Random values whose gradient reaches `loc` and `scale`."""
        return self.icdf(uniform(self.shape_of(sample_shape), self.loc))

    def log_prob(self, value: Any) -> Tensor:
        """The logarithm of the density at `value`."""
        z = (valued(value, self.loc) - self.loc) / self.scale
        return -math.log(math.pi) - self.scale.log() - (z * z).log1p()

    def cdf(self, value: Any) -> Tensor:
        """The probability of values up to `value`."""
        return ((valued(value, self.loc) - self.loc) / self.scale).atan() / math.pi + 0.5

    def icdf(self, value: Any) -> Tensor:
        """The value up to which the probability is `value`."""
        return (math.pi * (valued(value, self.loc) - 0.5)).tan() * self.scale + self.loc

    def entropy(self) -> Tensor:
        """The entropy in nats."""
        return math.log(4 * math.pi) + self.scale.log()


class Gumbel(Distribution):
    """The largest of many: exp(-exp(-(x - loc) / scale)) is its cdf."""

    parameters = ("loc", "scale")
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = floats(loc, scale)
        super().__init__(self.loc.shape)
        require(validate_args, "Gumbel", "above 0", self.scale > 0, self.scale)

    @property
    def mean(self) -> Tensor:
        """loc + scale * Euler's constant."""
        return self.loc + self.scale * EULER

    @property
    def mode(self) -> Tensor:
        """loc."""
        return self.loc

    @property
    def stddev(self) -> Tensor:
        """pi / sqrt(6) * scale."""
        return math.pi / math.sqrt(6) * self.scale

    @property
    def variance(self) -> Tensor:
        """The squared stddev."""
        return self.stddev**2

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Random values whose gradient reaches `loc` and `scale`."""
        return self.icdf(uniform(self.shape_of(sample_shape), self.loc))

    def log_prob(self, value: Any) -> Tensor:
        """The logarithm of the density at `value`."""
        y = (self.loc - valued(value, self.loc)) / self.scale
        return y - y.exp() - self.scale.log()

    def cdf(self, value: Any) -> Tensor:
        """The probability of values up to `value`."""
        return (-((self.loc - valued(value, self.loc)) / self.scale).exp()).exp()

    def icdf(self, value: Any) -> Tensor:
        """The value up to which the probability is `value`."""
        return self.loc - self.scale * (-valued(value, self.loc).log()).log()

    def entropy(self) -> Tensor:
        """The entropy in nats."""
        return self.scale.log() + (1 + EULER)


class Weibull(Distribution):
    """scale times an exponential variable to the power 1 / concentration."""

    parameters = ("scale", "concentration")
    has_rsample = True

    def __init__(self, scale: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.scale, self.concentration = floats(scale, concentration)
        super().__init__(self.scale.shape)
        require(validate_args, "Weibull", "above 0", self.scale > 0, self.scale)

    def _moment(self, k: int) -> Tensor:
        return lgamma(1 + k / self.concentration).exp()

    @property
    def mean(self) -> Tensor:
        """scale * gamma(1 + 1 / concentration)."""
        return self.scale * self._moment(1)

    @property
    def mode(self) -> Tensor:
        """The value of the greatest density."""
        k = self.concentration
        return apply("where", k > 1, self.scale * ((k - 1) / k) ** (1 / k), 0)

    @property
    def variance(self) -> Tensor:
        """The expected squared distance from the mean."""
        return self.scale**2 * (self._moment(2) - self._moment(1) ** 2)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Random values whose gradient reaches the parameters."""
        waited = -uniform(self.shape_of(sample_shape), self.scale).log()
        return self.scale * waited ** (1 / self.concentration)

    def log_prob(self, value: Any) -> Tensor:
        """The logarithm of the density at `value`."""
        z = valued(value, self.scale) / self.scale
        k = self.concentration
        return k.log() - self.scale.log() + (k - 1) * z.log() - z**k

    def cdf(self, value: Any) -> Tensor:
        """The probability of values up to `value`."""
        return -(-((valued(value, self.scale) / self.scale) ** self.concentration)).expm1()

    def icdf(self, value: Any) -> Tensor:
        """The value up to which the probability is `value`."""
        waited = -(-valued(value, self.scale)).log1p()
        return self.scale * waited ** (1 / self.concentration)

    def entropy(self) -> Tensor:
        """The entropy in nats."""
        k = self.concentration
        return EULER * (1 - 1 / k) + (self.scale / k).log() + 1


class Pareto(Distribution):
    """scale or more, with tails that fall as a power `alpha`."""

    parameters = ("scale", "alpha")
    has_rsample = True

    def __init__(self, scale: Any, alpha: Any, validate_args: bool | None = None) -> None:
        self.scale, self.alpha = floats(scale, alpha)
        super().__init__(self.scale.shape)
        require(validate_args, "Pareto", "above 0", self.scale > 0, self.scale)

    @property
    def mean(self) -> Tensor:
        """alpha * scale / (alpha - 1), infinite for alpha up to 1."""
        a = apply("maximum", self.alpha, 1)
        return a * self.scale / (a - 1)

    @property
    def mode(self) -> Tensor:
        """scale."""
        return self.scale

    @property
    def variance(self) -> Tensor:
        """The expected squared distance from the mean, infinite for alpha up to 2."""
        a = apply("maximum", self.alpha, 2)
        return self.scale**2 * a / ((a - 1) ** 2 * (a - 2))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Random values whose gradient reaches the parameters."""
        u = uniform(self.shape_of(sample_shape), self.scale)
        return self.scale * (-u.log() / self.alpha).exp()

    def log_prob(self, value: Any) -> Tensor:
        """The logarithm of the density at `value`."""
        x = valued(value, self.scale)
        return self.alpha.log() + self.alpha * self.scale.log() - (self.alpha + 1) * x.log()

    def cdf(self, value: Any) -> Tensor:
        """The probability of values up to `value`."""
        return 1 - (self.scale / valued(value, self.scale)) ** self.alpha

    def icdf(self, value: Any) -> Tensor:
        """The value up to which the probability is `value`."""
        return self.scale * (-(-valued(value, self.scale)).log1p() / self.alpha).exp()

    def entropy(self) -> Tensor:
        """The entropy in nats."""
        return (self.scale / self.alpha).log() + (1 + 1 / self.alpha)
