"""What all distributions share: shapes, samples, moments."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar, Self

from firth.base.dtype import DType
from firth.base.errors import ArgumentError, MissingRule, message
from firth.tensor import Size, Tensor, get_default_dtype, no_grad, rand, randn, tensor
from firth.tensor.composed import broadcast_tensors
from firth.tensor.record import apply, user_line


class Distribution:
    """One distribution for each element of `batch_shape`, of values of `event_shape`.

    A sample is (*sample_shape, *batch_shape, *event_shape). Samples come from Firth's own random
    numbers, so that `manual_seed` repeats them and compiled functions draw them. Parameters are
    checked where validate_args is True, which reads them.
    """

    parameters: ClassVar[tuple[str, ...]] = ()
    has_rsample = False
    has_enumerate_support = False
    event_dims: ClassVar[dict[str, int]] = {}  # dims of a parameter that belong to one event

    def __init__(
        self,
        batch_shape: Sequence[int] = (),
        event_shape: Sequence[int] = (),
        validate_args: bool | None = None,
    ) -> None:
        self.batch_shape = Size(batch_shape)
        self.event_shape = Size(event_shape)

    def __repr__(self) -> str:
        inside = ", ".join(f"{n}: {tuple(getattr(self, n).shape)}" for n in self.parameters)
        return f"{type(self).__name__}({inside})"

    def expand(self, batch_shape: Sequence[int]) -> Self:
        """The same distributions for a larger batch."""
        grown = {}
        for name in self.parameters:
            value = getattr(self, name)
            own = self.event_dims.get(name, 0)
            tail = value.shape[value.ndim - own :]
            grown[name] = value.expand(*batch_shape, *tail)
        return self._like(**grown)

    def _like(self, **parameters: Any) -> Self:
        return type(self)(**parameters)

    # values

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Random values, without a gradient: -> (*sample_shape, *batch_shape, *event_shape)."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Random values whose gradient reaches the parameters."""
        raise self._lacks("rsample", "use sample() and log_prob(), as REINFORCE does")

    def log_prob(self, value: Any) -> Tensor:
        """The logarithm of the density, or of the mass, at `value`."""
        raise self._lacks("log_prob", "use another distribution")

    def cdf(self, value: Any) -> Tensor:
        """The probability of values up to `value`."""
        raise self._lacks("cdf", "use another distribution")

    def icdf(self, value: Any) -> Tensor:
        """The value up to which the probability is `value`."""
        raise self._lacks("icdf", "use another distribution")

    def entropy(self) -> Tensor:
        """The expected -log_prob, in nats."""
        raise self._lacks("entropy", "estimate it as -log_prob(samples).mean()")

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All values, along a new first dim."""
        raise self._lacks("enumerate_support", "it is for few discrete values")

    # moments

    @property
    def mean(self) -> Tensor:
        """The mean."""
        raise self._lacks("mean", "estimate it from samples")

    @property
    def mode(self) -> Tensor:
        """The value of the greatest density or mass."""
        raise self._lacks("mode", "search it with log_prob")

    @property
    def variance(self) -> Tensor:
        """The expected squared distance from the mean."""
        raise self._lacks("variance", "estimate it from samples")

    @property
    def stddev(self) -> Tensor:
        """The square root of the variance."""
        return self.variance.sqrt()

    def perplexity(self) -> Tensor:
        """exp of the entropy."""
        return self.entropy().exp()

    def _lacks(self, what: str, fix: str) -> MissingRule:
        name = type(self).__name__
        return MissingRule(
            message(name, f"it has no {what}", f"{name}.{what}", "one of its other methods", fix)
        ).at(user_line())  # fmt: skip

    def shape_of(self, sample_shape: Sequence[int]) -> tuple[int, ...]:
        """The shape of a sample."""
        return (*sample_shape, *self.batch_shape, *self.event_shape)


def floats(*values: Any) -> list[Tensor]:
    """Numbers and tensors as float tensors that are broadcast against each other."""
    given = [v for v in values if isinstance(v, Tensor)]
    kinds = [v.dtype for v in given if v.dtype.kind in "fc"]
    dtype = kinds[0] if kinds else get_default_dtype()
    out = [_float(v, dtype) for v in values]
    return list(broadcast_tensors(*out)) if len(out) > 1 else out


def _float(value: Any, dtype: DType) -> Tensor:
    if isinstance(value, Tensor):
        return value if value.dtype.kind in "fc" else value.to(dtype)
    return tensor(value, dtype=dtype)


def valued(value: Any, like: Tensor) -> Tensor:
    """A value to be judged as a tensor of a parameter's dtype."""
    return _float(value, like.dtype)


def require(validate: bool | None, name: str, what: str, ok: Tensor, got: Tensor) -> None:
    """ArgumentError where parameters are to be validated and are not what they must be."""
    if validate and not bool(ok.all()):
        raise ArgumentError(
            message(name, f"a parameter is not {what}", str(got.tolist()), what,
                    "check the parameters, or leave validate_args out")
        ).at(user_line())  # fmt: skip


def one_of(name: str, probs: Any, logits: Any) -> None:
    """ArgumentError unless exactly one of two is given."""
    if (probs is None) == (logits is None):
        given = "neither" if probs is None else "both"
        raise ArgumentError(
            message(name, "one of two is needed", given, "probs or logits", "pass logits=...")
        ).at(user_line())  # fmt: skip


def tiny(dtype: DType) -> float:
    """A number above 0 that logarithms bear."""
    return 2.0**-126 if dtype.itemsize == 4 else 2.0**-1022 if dtype.itemsize == 8 else 2.0**-14


def uniform(shape: Sequence[int], like: Tensor) -> Tensor:
    """Uniform in (0, 1): -> shape, in a tensor's dtype."""
    return apply("maximum", rand(*shape, dtype=like.dtype), tiny(like.dtype))


def normal(shape: Sequence[int], like: Tensor) -> Tensor:
    """Standard normal: -> shape, in a tensor's dtype."""
    return randn(*shape, dtype=like.dtype)


def softplus(x: Tensor) -> Tensor:
    """log(1 + exp(x)), without overflow."""
    return apply("maximum", x, 0) + (-x.abs()).exp().log1p()


def lgamma(x: Tensor) -> Tensor:
    """The logarithm of the gamma function."""
    return apply("lgamma", x)


def digamma(x: Tensor) -> Tensor:
    """The slope of lgamma."""
    return apply("digamma", x)


def sum_last(x: Tensor, count: int) -> Tensor:
    """The sum over the last dims."""
    return x.sum(tuple(range(x.ndim - count, x.ndim))) if count else x


class Independent(Distribution):
    """The last dims of a batch as one event: their log_probs are added."""

    def __init__(
        self,
        base_distribution: Distribution,
        reinterpreted_batch_ndims: int,
        validate_args: bool | None = None,
    ) -> None:
        batch = tuple(base_distribution.batch_shape)
        count = reinterpreted_batch_ndims
        if count > len(batch):
            raise ArgumentError(
                message("Independent", "the batch has fewer dims", f"{count} of {batch}",
                        f"at most {len(batch)}", "expand the distribution first")
            ).at(user_line())  # fmt: skip
        cut = len(batch) - count
        super().__init__(batch[:cut], (*batch[cut:], *base_distribution.event_shape))
        self.base_dist = base_distribution
        self.reinterpreted_batch_ndims = count
        self.has_rsample = base_distribution.has_rsample

    def __repr__(self) -> str:
        return f"Independent({self.base_dist!r}, {self.reinterpreted_batch_ndims})"

    def expand(self, batch_shape: Sequence[int]) -> Independent:
        """The same distributions for a larger batch."""
        count = self.reinterpreted_batch_ndims
        inner = tuple(self.event_shape)[:count]
        return Independent(self.base_dist.expand((*batch_shape, *inner)), count)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Random values, without a gradient."""
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Random values whose gradient reaches the parameters."""
        return self.base_dist.rsample(sample_shape)

    def log_prob(self, value: Any) -> Tensor:
        """The logarithm of the density or mass of whole events."""
        return sum_last(self.base_dist.log_prob(value), self.reinterpreted_batch_ndims)

    def entropy(self) -> Tensor:
        """The entropy of whole events."""
        return sum_last(self.base_dist.entropy(), self.reinterpreted_batch_ndims)

    @property
    def mean(self) -> Tensor:
        """The mean."""
        return self.base_dist.mean

    @property
    def mode(self) -> Tensor:
        """The value of the greatest density or mass."""
        return self.base_dist.mode

    @property
    def variance(self) -> Tensor:
        """The variance of each element."""
        return self.base_dist.variance


LOG_2PI = math.log(2 * math.pi)
EULER = 0.57721566490153286060
