"""Distributions of counts and classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np

from firth.base import dtype as dt
from firth.distributions.distribution import (
    Distribution,
    floats,
    lgamma,
    one_of,
    require,
    softplus,
    uniform,
    valued,
)
from firth.distributions.gamma import standard_gamma
from firth.tensor import Tensor, no_grad
from firth.tensor.elementary import xlogy
from firth.tensor.random import bernoulli, multinomial
from firth.tensor.record import apply


def _finite(probs: Tensor) -> Tensor:
    """Probabilities with room for logarithms on both sides."""
    eps = 2.0**-23 if probs.dtype.itemsize == 4 else 2.0**-52
    return probs.clamp(eps, 1 - eps)


class _Odds(Distribution):
    """What is given by `probs` or by `logits`, their odds' logarithm."""

    def _odds(self, probs: Any, logits: Any, *more: Any) -> list[Tensor]:
        """Broadcasts; the one that is not given is made when it is asked for."""
        one_of(type(self).__name__, probs, logits)
        self._given = "probs" if logits is None else "logits"
        value, *rest = floats(probs if logits is None else logits, *more)
        self._value = value
        return rest

    @property
    def probs(self) -> Tensor:
        """Probabilities."""
        return self._value if self._given == "probs" else self._value.sigmoid()

    @property
    def logits(self) -> Tensor:
        """Logarithms of the odds."""
        if self._given == "logits":
            return self._value
        probs = _finite(self._value)
        return probs.log() - (-probs).log1p()

    def expand(self, batch_shape: Sequence[int]) -> Self:
        """The same distributions for a larger batch."""
        grown = {n: getattr(self, n).expand(*batch_shape) for n in self.parameters}
        return type(self)(**grown, **{self._given: self._value.expand(*batch_shape)})

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._given}: {tuple(self._value.shape)})"


class Bernoulli(_Odds):
    """Coins that show 1 with probability `probs` = sigmoid(`logits`); give one of the two."""

    has_enumerate_support = True

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        self._odds(probs, logits)
        super().__init__(self._value.shape)
        p = self.probs
        require(validate_args, "Bernoulli", "in [0, 1]", (p >= 0) & (p <= 1), p)

    @property
    def mean(self) -> Tensor:
        """The probability of 1."""
        return self.probs

    @property
    def mode(self) -> Tensor:
        """1 where that is likelier, NaN where both are."""
        p = self.probs
        return apply("where", p == 0.5, math.nan, (p >= 0.5).to(p.dtype))

    @property
    def variance(self) -> Tensor:
        """probs * (1 - probs)."""
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Zeros and ones, without a gradient."""
        return bernoulli(self.probs.detach().expand(*self.shape_of(sample_shape)))

    def log_prob(self, value: Any) -> Tensor:
        """The logarithm of the mass at `value`."""
        logits = self.logits
        return valued(value, logits) * logits - softplus(logits)

    def entropy(self) -> Tensor:
        """The entropy in nats."""
        return softplus(self.logits) - self.probs * self.logits

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """0 and 1 along a new first dim."""
        values = apply("iota", extent=2, dtype=self._value.dtype)
        values = values.reshape(2, *(1,) * len(self.batch_shape))
        return values.expand(2, *self.batch_shape) if expand else values


class Geometric(_Odds):
    """Failures before the first success of probability `probs`."""

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        self._odds(probs, logits)
        super().__init__(self._value.shape)
        require(validate_args, "Geometric", "above 0", self.probs > 0, self.probs)

    @property
    def mean(self) -> Tensor:
        """1 / probs - 1."""
        return 1 / self.probs - 1

    @property
    def mode(self) -> Tensor:
        """0."""
        return self.probs * 0

    @property
    def variance(self) -> Tensor:
        """(1 / probs - 1) / probs."""
        return (1 / self.probs - 1) / self.probs

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Counts as floats, without a gradient."""
        with no_grad():
            u = uniform(self.shape_of(sample_shape), self._value)
            return (u.log() / (-self.probs).log1p()).floor()

    def log_prob(self, value: Any) -> Tensor:
        """The logarithm of the mass at `value`."""
        p = self.probs
        return valued(value, p) * (-p).log1p() + p.log()

    def entropy(self) -> Tensor:
        """The entropy in nats."""
        return (softplus(self.logits) - self.probs * self.logits) / self.probs


class Binomial(_Odds):
    """Successes among `total_count` trials of probability `probs`."""

    parameters = ("total_count",)

    def __init__(
        self,
        total_count: Any = 1,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        self._most = total_count if isinstance(total_count, int) else None
        (self.total_count,) = self._odds(probs, logits, total_count)
        super().__init__(self._value.shape)

    def _trials(self) -> int:
        """The largest count, read where it is a tensor."""
        return int(self.total_count.max().item()) if self._most is None else self._most

    @property
    def mean(self) -> Tensor:
        """total_count * probs."""
        return self.total_count * self.probs

    @property
    def mode(self) -> Tensor:
        """The likeliest count."""
        return ((self.total_count + 1) * self.probs).floor().clamp(max=self._trials())

    @property
    def variance(self) -> Tensor:
        """total_count * probs * (1 - probs)."""
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Counts as floats, without a gradient."""
        shape, n = self.shape_of(sample_shape), self._trials()
        with no_grad():
            hits = uniform((n, *shape), self._value) < self.probs
            trial = apply("iota", extent=n, dtype=self._value.dtype)
            within = trial.reshape(n, *(1,) * len(shape)) < self.total_count
            return (hits & within).sum(0).to(self._value.dtype)

    def log_prob(self, value: Any) -> Tensor:
        """The logarithm of the mass at `value`."""
        n, logits = self.total_count, self.logits
        k = valued(value, logits)
        ways = lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
        return ways + k * logits - n * softplus(logits)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """0 to total_count along a new first dim."""
        n = self._trials() + 1
        values = apply("iota", extent=n, dtype=self._value.dtype)
        values = values.reshape(n, *(1,) * len(self.batch_shape))
        return values.expand(n, *self.batch_shape) if expand else values

    def entropy(self) -> Tensor:
        """The entropy in nats; every total_count must be the same."""
        logarithm = self.log_prob(self.enumerate_support(False))
        return -(logarithm.exp() * logarithm).sum(0)


class NegativeBinomial(_Odds):
    """Successes of probability `probs` before `total_count` failures."""

    parameters = ("total_count",)

    def __init__(
        self,
        total_count: Any,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        (self.total_count,) = self._odds(probs, logits, total_count)
        super().__init__(self._value.shape)

    @property
    def mean(self) -> Tensor:
        """total_count * exp(logits)."""
        return self.total_count * self.logits.exp()

    @property
    def mode(self) -> Tensor:
        """The likeliest count."""
        return apply("maximum", ((self.total_count - 1) * self.logits.exp()).floor(), 0)

    @property
    def variance(self) -> Tensor:
        """mean / (1 - probs)."""
        return self.mean / (-self.logits).sigmoid()

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Counts as floats, without a gradient."""
        shape = self.shape_of(sample_shape)
        with no_grad():
            rate = standard_gamma(self.total_count, shape) * self.logits.exp()
            return apply("poisson_quantile", rate, uniform(shape, self._value))

    def log_prob(self, value: Any) -> Tensor:
        """The logarithm of the mass at `value`."""
        n, logits = self.total_count, self.logits
        k = valued(value, logits)
        plain = -n * softplus(logits) - k * softplus(-logits)
        return plain + lgamma(n + k) - lgamma(k + 1) - lgamma(n)


class Poisson(Distribution):
    """Events in a unit of time at rates `rate`."""

    parameters = ("rate",)

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        (self.rate,) = floats(rate)
        super().__init__(self.rate.shape)
        require(validate_args, "Poisson", "0 or more", self.rate >= 0, self.rate)

    @property
    def mean(self) -> Tensor:
        """rate."""
        return self.rate

    @property
    def mode(self) -> Tensor:
        """The likeliest count."""
        return self.rate.floor()

    @property
    def variance(self) -> Tensor:
        """rate."""
        return self.rate

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Counts as floats, without a gradient."""
        with no_grad():
            u = uniform(self.shape_of(sample_shape), self.rate)
            return apply("poisson_quantile", self.rate.detach(), u)

    def log_prob(self, value: Any) -> Tensor:
        """The logarithm of the mass at `value`."""
        k = valued(value, self.rate)
        return xlogy(k, self.rate) - self.rate - lgamma(k + 1)


class Categorical(Distribution):
    """Classes 0 to K - 1 of probabilities `probs` or softmax(`logits`): (..., K); give one.

    >>> Categorical(probs=[1.0, 3.0]).probs.tolist()
    [0.25, 0.75]
    """

    has_enumerate_support = True
    event_dims: ClassVar[dict[str, int]] = {"logits": 1}

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        one_of(type(self).__name__, probs, logits)
        if logits is None:
            (weights,) = floats(probs)
            require(validate_args, type(self).__name__, "0 or more", weights >= 0, weights)
            self.probs = weights / weights.sum(-1, keepdim=True)
            self.logits = _finite(self.probs).log()
        else:
            (logits,) = floats(logits)
            self.logits = logits - logits.logsumexp(-1, keepdim=True)
            self.probs = self.logits.exp()
        self._count = self.logits.shape[-1]
        super().__init__(self.logits.shape[:-1])

    def __repr__(self) -> str:
        return f"{type(self).__name__}(logits: {tuple(self.logits.shape)})"

    def expand(self, batch_shape: Sequence[int]) -> Self:
        """The same distributions for a larger batch."""
        return type(self)(logits=self.logits.expand(*batch_shape, self._count))

    @property
    def mean(self) -> Tensor:
        """Classes have none: NaN."""
        return self.probs[..., 0] * math.nan

    @property
    def mode(self) -> Tensor:
        """The likeliest class."""
        return self.probs.argmax(-1)

    @property
    def variance(self) -> Tensor:
        """Classes have none: NaN."""
        return self.mean

    def _classes(self, sample_shape: Sequence[int]) -> Tensor:
        count = math.prod(sample_shape)
        with no_grad():
            rows = self.probs.detach().reshape(-1, self._count)  # (B, K)
            drawn = multinomial(rows, count, replacement=True)  # (B, S)
            return drawn.mT.reshape(*sample_shape, *self.batch_shape)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Classes as int64, without a gradient."""
        return self._classes(sample_shape)

    def log_prob(self, value: Any) -> Tensor:
        """The logarithm of the probability of the classes `value`."""
        classes = valued(value, self.logits).to(dt.int64)
        wide = np.broadcast_shapes(tuple(classes.shape), tuple(self.batch_shape))
        index = classes.expand(*wide).unsqueeze(-1)
        return self.logits.expand(*wide, self._count).gather(-1, index)[..., 0]

    def entropy(self) -> Tensor:
        """The entropy in nats."""
        return -(self.probs * apply("where", self.probs > 0, self.logits, 0)).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All classes along a new first dim."""
        values = apply("iota", extent=self._count, dtype=dt.int64)
        values = values.reshape(self._count, *(1,) * len(self.batch_shape))
        return values.expand(self._count, *self.batch_shape) if expand else values


class OneHotCategorical(Categorical):
    """As Categorical, with values of K zeros but for a one at the class."""

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        super().__init__(probs, logits, validate_args)
        Distribution.__init__(self, self.logits.shape[:-1], self.logits.shape[-1:])

    @property
    def mean(self) -> Tensor:
        """probs."""
        return self.probs

    @property
    def mode(self) -> Tensor:
        """The likeliest class's one."""
        return self._hot(self.probs.argmax(-1))

    @property
    def variance(self) -> Tensor:
        """probs * (1 - probs)."""
        return self.probs * (1 - self.probs)

    def _hot(self, classes: Tensor) -> Tensor:
        return apply("one_hot", classes, classes=self._count, dtype=self.probs.dtype)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Ones at random classes, without a gradient."""
        return self._hot(self._classes(sample_shape))

    def log_prob(self, value: Any) -> Tensor:
        """The logarithm of the probability of the ones' classes."""
        return super().log_prob(valued(value, self.logits).argmax(-1))

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All ones along a new first dim."""
        return self._hot(super().enumerate_support(expand))


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """OneHotCategorical whose samples have the gradient of `probs`."""

    has_rsample = True

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Ones at random classes; the gradient goes straight through to `probs`."""
        return self.sample(sample_shape) + (self.probs - self.probs.detach())


class Multinomial(Distribution):
    """How often each of K classes occurs among `total_count` draws: (..., K)."""

    def __init__(
        self,
        total_count: int = 1,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        self.total_count = int(total_count)
        self._classes = Categorical(probs, logits, validate_args)
        self.probs, self.logits = self._classes.probs, self._classes.logits
        super().__init__(self.probs.shape[:-1], self.probs.shape[-1:])

    def expand(self, batch_shape: Sequence[int]) -> Multinomial:
        """The same distributions for a larger batch."""
        logits = self.logits.expand(*batch_shape, *self.event_shape)
        return Multinomial(self.total_count, logits=logits)

    @property
    def mean(self) -> Tensor:
        """total_count * probs."""
        return self.total_count * self.probs

    @property
    def variance(self) -> Tensor:
        """The variance of each count."""
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Counts as floats, without a gradient."""
        drawn = self._classes.sample((self.total_count, *sample_shape))
        hot = apply("one_hot", drawn, classes=self.probs.shape[-1], dtype=self.probs.dtype)
        return hot.sum(0)

    def log_prob(self, value: Any) -> Tensor:
        """The logarithm of the mass at the counts `value`."""
        k = valued(value, self.logits)
        logits = apply("where", (k == 0) & (self.probs == 0), 0, self.logits)
        return lgamma(k.sum(-1) + 1) - lgamma(k + 1).sum(-1) + (logits * k).sum(-1)

    def entropy(self) -> Tensor:
        """The entropy in nats."""
        n = self.total_count
        whole = apply("full", shape=(), value=float(n), dtype=self.probs.dtype)
        counts = Binomial(n, probs=self.probs)
        support = counts.enumerate_support(False)
        weights = (counts.log_prob(support)).exp()
        spread = (weights * lgamma(support + 1)).sum((0, -1))
        return n * self._classes.entropy() - lgamma(whole + 1) + spread
