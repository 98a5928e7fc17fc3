"""Gamma distributions and what is made of gamma variables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from firth.distributions.distribution import (
    Distribution,
    digamma,
    floats,
    lgamma,
    normal,
    require,
    tiny,
    uniform,
    valued,
)
from firth.tensor import Tensor, is_grad_enabled, no_grad
from firth.tensor.elementary import xlogy
from firth.tensor.record import apply

_TRIES = 8  # each one is accepted in 95 of 100 cases or more


def standard_gamma(concentration: Tensor, shape: Sequence[int]) -> Tensor:
    """Gamma variables of rate 1, with implicit gradients: concentration broadcasts to shape."""
    with no_grad():
        a = concentration.detach().expand(*shape)
        drawn = apply("maximum", _draw(a, tuple(shape)), tiny(a.dtype))
    if not (concentration.requires_grad and is_grad_enabled()):
        return drawn
    slope = apply("standard_gamma_grad", a, drawn).detach()
    return drawn.detach() + slope * (concentration - concentration.detach())


def _draw(a: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Marsaglia and Tsang 2000, a fixed number of proposals at once: the first accepted one."""
    low = a < 1
    d = apply("where", low, a + 1, a) - 1 / 3
    z, u = normal((_TRIES, *shape), a), uniform((_TRIES, *shape), a)
    root = 1 + z / (3 * d.sqrt())
    v = root * root * root
    safe = apply("where", v > 0, v, 1)
    accepted = (v > 0) & (u.log() < 0.5 * z * z + d * (1 - v + safe.log()))
    found = d
    for k in reversed(range(_TRIES)):
        found = apply("where", accepted[k], d * v[k], found)
    lifted = (uniform(shape, a).log() / a).exp()
    return apply("where", low, found * lifted, found)


class Gamma(Distribution):
    """Sums of waiting times: density rate^a x^(a - 1) exp(-rate x) / gamma(a)."""

    parameters = ("concentration", "rate")
    has_rsample = True

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        self.concentration, self.rate = floats(concentration, rate)
        super().__init__(self.rate.shape)
        for value in (self.concentration, self.rate):
            require(validate_args, "Gamma", "above 0", value > 0, value)

    @property
    def mean(self) -> Tensor:
        """concentration / rate."""
        return self.concentration / self.rate

    @property
    def mode(self) -> Tensor:
        """The value of the greatest density."""
        return apply("maximum", (self.concentration - 1) / self.rate, 0)

    @property
    def variance(self) -> Tensor:
        """concentration / rate**2."""
        return self.concentration / (self.rate * self.rate)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Random values whose gradient reaches both parameters."""
        drawn = standard_gamma(self.concentration, self.shape_of(sample_shape)) / self.rate
        return apply("maximum", drawn, tiny(drawn.dtype))

    def log_prob(self, value: Any) -> Tensor:
        """The logarithm of the density at `value`."""
        x, a = valued(value, self.rate), self.concentration
        return xlogy(a, self.rate) + xlogy(a - 1, x) - self.rate * x - lgamma(a)

    def cdf(self, value: Any) -> Tensor:
        """The probability of values up to `value`."""
        return apply("igamma", self.concentration, self.rate * valued(value, self.rate))

    def entropy(self) -> Tensor:
        """The entropy in nats."""
        a = self.concentration
        return a - self.rate.log() + lgamma(a) + (1 - a) * digamma(a)


class Chi2(Gamma):
    """The sum of `df` squared standard normal variables."""

    parameters = ("df",)

    def __init__(self, df: Any, validate_args: bool | None = None) -> None:
        (self.df,) = floats(df)
        super().__init__(0.5 * self.df, 0.5, validate_args)


class Beta(Distribution):
    """Shares of the first of two gamma variables: density ~ x^(a - 1) (1 - x)^(b - 1)."""

    parameters = ("concentration1", "concentration0")
    has_rsample = True

    def __init__(
        self, concentration1: Any, concentration0: Any, validate_args: bool | None = None
    ) -> None:
        self.concentration1, self.concentration0 = floats(concentration1, concentration0)
        super().__init__(self.concentration1.shape)
        for value in (self.concentration1, self.concentration0):
            require(validate_args, "Beta", "above 0", value > 0, value)

    @property
    def mean(self) -> Tensor:
        """a / (a + b)."""
        return self.concentration1 / (self.concentration1 + self.concentration0)

    @property
    def mode(self) -> Tensor:
        """(a - 1) / (a + b - 2), for both above 1."""
        a = self.concentration1
        return (a - 1) / (a + self.concentration0 - 2)

    @property
    def variance(self) -> Tensor:
        """The expected squared distance from the mean."""
        a, b = self.concentration1, self.concentration0
        total = a + b
        return a * b / (total * total * (total + 1))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Random values whose gradient reaches both parameters."""
        shape = self.shape_of(sample_shape)
        x, y = (standard_gamma(c, shape) for c in (self.concentration1, self.concentration0))
        return x / (x + y)

    def log_prob(self, value: Any) -> Tensor:
        """The logarithm of the density at `value`."""
        x, a, b = valued(value, self.concentration1), self.concentration1, self.concentration0
        return xlogy(a - 1, x) + xlogy(b - 1, 1 - x) - log_beta(a, b)

    def entropy(self) -> Tensor:
        """The entropy in nats."""
        a, b = self.concentration1, self.concentration0
        spread = (a - 1) * digamma(a) + (b - 1) * digamma(b) - (a + b - 2) * digamma(a + b)
        return log_beta(a, b) - spread


def log_beta(a: Tensor, b: Tensor) -> Tensor:
    """The logarithm of the beta function."""
    return lgamma(a) + lgamma(b) - lgamma(a + b)


class Dirichlet(Distribution):
    """Shares that add up to 1, of gamma variables `concentration`: (..., k)."""

    parameters = ("concentration",)
    event_dims: ClassVar[dict[str, int]] = {"concentration": 1}
    has_rsample = True

    def __init__(self, concentration: Any, validate_args: bool | None = None) -> None:
        (self.concentration,) = floats(concentration)
        shape = self.concentration.shape
        super().__init__(shape[:-1], shape[-1:])
        require(validate_args, "Dirichlet", "above 0", self.concentration > 0, self.concentration)

    @property
    def mean(self) -> Tensor:
        """concentration over its sum."""
        return self.concentration / self.concentration.sum(-1, keepdim=True)

    @property
    def mode(self) -> Tensor:
        """The shares of the greatest density, for concentrations above 1."""
        rest = apply("maximum", self.concentration - 1, 0)
        return rest / rest.sum(-1, keepdim=True)

    @property
    def variance(self) -> Tensor:
        """The variance of each share."""
        total = self.concentration.sum(-1, keepdim=True)
        return self.concentration * (total - self.concentration) / (total * total * (total + 1))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Random shares whose gradient reaches `concentration`."""
        drawn = standard_gamma(self.concentration, self.shape_of(sample_shape))
        return drawn / drawn.sum(-1, keepdim=True)

    def log_prob(self, value: Any) -> Tensor:
        """The logarithm of the density at `value` (..., k)."""
        a = self.concentration
        inside = xlogy(a - 1, valued(value, a)).sum(-1)
        return inside + lgamma(a.sum(-1)) - lgamma(a).sum(-1)

    def entropy(self) -> Tensor:
        """The entropy in nats."""
        a = self.concentration
        total, k = a.sum(-1), a.shape[-1]
        spread = (k - total) * digamma(total) + ((a - 1) * digamma(a)).sum(-1)
        return lgamma(a).sum(-1) - lgamma(total) - spread


class StudentT(Distribution):
    """A normal variable over the root of a chi-square one of `df` degrees over df."""

    parameters = ("df", "loc", "scale")
    has_rsample = True

    def __init__(
        self, df: Any, loc: Any = 0.0, scale: Any = 1.0, validate_args: bool | None = None
    ) -> None:
        self.df, self.loc, self.scale = floats(df, loc, scale)
        super().__init__(self.df.shape)
        require(validate_args, "StudentT", "above 0", self.scale > 0, self.scale)

    @property
    def mean(self) -> Tensor:
        """loc, NaN for df up to 1."""
        return apply("where", self.df > 1, self.loc, math.nan)

    @property
    def mode(self) -> Tensor:
        """loc."""
        return self.loc

    @property
    def variance(self) -> Tensor:
        """Infinite for df up to 2, NaN up to 1."""
        df = apply("where", self.df > 2, self.df, 3)
        found = apply("where", self.df > 2, self.scale**2 * df / (df - 2), math.inf)
        return apply("where", self.df > 1, found, math.nan)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Random values whose gradient reaches the parameters."""
        shape = self.shape_of(sample_shape)
        z, half = normal(shape, self.df), 0.5 * self.df
        return self.loc + self.scale * z * (standard_gamma(half, shape) / half).rsqrt()

    def log_prob(self, value: Any) -> Tensor:
        """The logarithm of the density at `value`."""
        y, half = (valued(value, self.loc) - self.loc) / self.scale, 0.5 * self.df
        norm = self.scale.log() + 0.5 * (self.df.log() + math.log(math.pi))
        norm = norm + lgamma(half) - lgamma(half + 0.5)
        return -(half + 0.5) * (y * y / self.df).log1p() - norm

    def entropy(self) -> Tensor:
        """The entropy in nats."""
        half = 0.5 * self.df
        beta = lgamma(half) + 0.5 * math.log(math.pi) - lgamma(half + 0.5)
        turn = (half + 0.5) * (digamma(half + 0.5) - digamma(half))
        return self.scale.log() + turn + 0.5 * self.df.log() + beta


class FisherSnedecor(Distribution):
    """The quotient of two chi-square variables, each over its degrees of freedom."""

    parameters = ("df1", "df2")
    has_rsample = True

    def __init__(self, df1: Any, df2: Any, validate_args: bool | None = None) -> None:
        self.df1, self.df2 = floats(df1, df2)
        super().__init__(self.df1.shape)

    @property
    def mean(self) -> Tensor:
        """df2 / (df2 - 2), NaN for df2 up to 2."""
        return apply("where", self.df2 > 2, self.df2 / (self.df2 - 2), math.nan)

    @property
    def variance(self) -> Tensor:
        """NaN for df2 up to 4."""
        a, b = self.df1, self.df2
        found = 2 * b**2 * (a + b - 2) / (a * (b - 2) ** 2 * (b - 4))
        return apply("where", b > 4, found, math.nan)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Random values whose gradient reaches both parameters."""
        shape = self.shape_of(sample_shape)
        halves = (0.5 * self.df1, 0.5 * self.df2)
        x, y = (standard_gamma(h, shape) / h for h in halves)
        return x / y

    def log_prob(self, value: Any) -> Tensor:
        """The logarithm of the density at `value`."""
        x, ratio = valued(value, self.df1), self.df1 / self.df2
        a, b = 0.5 * self.df1, 0.5 * self.df2
        norm = lgamma(a + b) - lgamma(a) - lgamma(b) + a * ratio.log()
        return norm + (a - 1) * x.log() - (a + b) * (ratio * x).log1p()
