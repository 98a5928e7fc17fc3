"""Normal distributions and their kin."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from firth.base.errors import ArgumentError, message
from firth.distributions.distribution import (
    LOG_2PI,
    Distribution,
    floats,
    normal,
    require,
    valued,
)
from firth.tensor import Tensor
from firth.tensor.factorizations import cholesky
from firth.tensor.linalg import eye_like, solve_triangular
from firth.tensor.record import apply, user_line


class Normal(Distribution):
    """Means `loc` and standard deviations `scale`, which broadcast.

    >>> from firth.tensor import tensor
    >>> round(Normal(0.0, 2.0).log_prob(tensor(1.0)).item(), 4)
    -1.7371
    """

    parameters = ("loc", "scale")
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = floats(loc, scale)
        super().__init__(self.loc.shape)
        require(validate_args, "Normal", "above 0", self.scale > 0, self.scale)

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
        """scale."""
        return self.scale

    @property
    def variance(self) -> Tensor:
        """The squared scale."""
        return self.scale * self.scale

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Random values whose gradient reaches `loc` and `scale`."""
        return self.loc + self.scale * normal(self.shape_of(sample_shape), self.loc)

    def log_prob(self, value: Any) -> Tensor:
        """The logarithm of the density at `value`."""
        z = (valued(value, self.loc) - self.loc) / self.scale
        return -0.5 * z * z - self.scale.log() - 0.5 * LOG_2PI

    def cdf(self, value: Any) -> Tensor:
        """The probability of values up to `value`."""
        z = (valued(value, self.loc) - self.loc) / self.scale
        return 0.5 * (1 + (z / math.sqrt(2)).erf())

    def icdf(self, value: Any) -> Tensor:
        """The value up to which the probability is `value`."""
        return self.loc + self.scale * math.sqrt(2) * (2 * valued(value, self.loc) - 1).erfinv()

    def entropy(self) -> Tensor:
        """The entropy in nats."""
        return 0.5 + 0.5 * LOG_2PI + self.scale.log()


class LogNormal(Distribution):
    """exp of a normal variable of mean `loc` and standard deviation `scale`."""

    parameters = ("loc", "scale")
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.base_dist = Normal(loc, scale, validate_args)
        self.loc, self.scale = self.base_dist.loc, self.base_dist.scale
        super().__init__(self.loc.shape)

    @property
    def mean(self) -> Tensor:
        """exp(loc + scale**2 / 2)."""
        return (self.loc + self.scale * self.scale / 2).exp()

    @property
    def mode(self) -> Tensor:
        """exp(loc - scale**2)."""
        return (self.loc - self.scale * self.scale).exp()

    @property
    def variance(self) -> Tensor:
        """The expected squared distance from the mean."""
        square = self.scale * self.scale
        return square.expm1() * (2 * self.loc + square).exp()

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Random values whose gradient reaches `loc` and `scale`."""
        return self.base_dist.rsample(sample_shape).exp()

    def log_prob(self, value: Any) -> Tensor:
        """The logarithm of the density at `value`."""
        logarithm = valued(value, self.loc).log()
        return self.base_dist.log_prob(logarithm) - logarithm

    def cdf(self, value: Any) -> Tensor:
        """The probability of values up to `value`."""
        return self.base_dist.cdf(valued(value, self.loc).log())

    def icdf(self, value: Any) -> Tensor:
        """The value up to which the probability is `value`."""
        return self.base_dist.icdf(value).exp()

    def entropy(self) -> Tensor:
        """The entropy in nats."""
        return self.base_dist.entropy() + self.loc


class HalfNormal(Distribution):
    """The size of a normal variable of mean 0 and standard deviation `scale`."""

    parameters = ("scale",)
    has_rsample = True

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        (self.scale,) = floats(scale)
        super().__init__(self.scale.shape)
        self.base_dist = Normal(0.0, self.scale, validate_args)

    @property
    def mean(self) -> Tensor:
        """scale * sqrt(2 / pi)."""
        return self.scale * math.sqrt(2 / math.pi)

    @property
    def mode(self) -> Tensor:
        """0."""
        return self.scale * 0

    @property
    def variance(self) -> Tensor:
        """The expected squared distance from the mean."""
        return self.scale * self.scale * (1 - 2 / math.pi)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Random values whose gradient reaches `scale`."""
        return self.base_dist.rsample(sample_shape).abs()

    def log_prob(self, value: Any) -> Tensor:
        """The logarithm of the density at `value`, -inf below 0."""
        x = valued(value, self.scale)
        found = self.base_dist.log_prob(x) + math.log(2)
        return apply("where", x >= 0, found, -math.inf)

    def cdf(self, value: Any) -> Tensor:
        """The probability of values up to `value`."""
        return apply("maximum", 2 * self.base_dist.cdf(value) - 1, 0)

    def icdf(self, value: Any) -> Tensor:
        """The value up to which the probability is `value`."""
        return self.base_dist.icdf((valued(value, self.scale) + 1) / 2)

    def entropy(self) -> Tensor:
        """The entropy in nats."""
        return self.base_dist.entropy() - math.log(2)


class MultivariateNormal(Distribution):
    """Means `loc` (..., n), and one of covariance, precision or covariance's Cholesky factor
    (..., n, n)."""

    parameters = ("loc", "scale_tril")
    event_dims: ClassVar[dict[str, int]] = {"loc": 1, "scale_tril": 2}
    has_rsample = True

    def __init__(
        self,
        loc: Any,
        covariance_matrix: Any = None,
        precision_matrix: Any = None,
        scale_tril: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        given = [m for m in (covariance_matrix, precision_matrix, scale_tril) if m is not None]
        if len(given) != 1:
            raise ArgumentError(
                message("MultivariateNormal", "one of three is needed", f"{len(given)} of them",
                        "covariance_matrix, precision_matrix or scale_tril", "pass exactly one")
            ).at(user_line())  # fmt: skip
        (matrix,) = floats(given[0])
        (loc,) = floats(loc)
        n = matrix.shape[-1]
        if precision_matrix is not None:
            matrix = _inverse_of(matrix)
        elif covariance_matrix is not None:
            matrix = cholesky(matrix)
        wide = (matrix[..., 0] + loc).shape
        self.loc = loc.expand(*wide)
        self.scale_tril = matrix.expand(*wide[:-1], n, n)
        super().__init__(wide[:-1], wide[-1:])

    @property
    def mean(self) -> Tensor:
        """loc."""
        return self.loc

    @property
    def mode(self) -> Tensor:
        """loc."""
        return self.loc

    @property
    def covariance_matrix(self) -> Tensor:
        """(..., n, n)."""
        return self.scale_tril @ self.scale_tril.mT

    @property
    def precision_matrix(self) -> Tensor:
        """The inverse of the covariance: (..., n, n)."""
        return apply("cholesky_solve", eye_like(self.loc, self.loc.shape[-1]), self.scale_tril)

    @property
    def variance(self) -> Tensor:
        """The variance of each element: (..., n)."""
        return (self.scale_tril * self.scale_tril).sum(-1)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Random values whose gradient reaches the parameters."""
        noise = normal(self.shape_of(sample_shape), self.loc)
        return self.loc + (self.scale_tril @ noise.unsqueeze(-1))[..., 0]

    def log_prob(self, value: Any) -> Tensor:
        """The logarithm of the density at `value` (..., n)."""
        gap = (valued(value, self.loc) - self.loc).unsqueeze(-1)
        z = solve_triangular(self.scale_tril, gap, upper=False)[..., 0]
        return -0.5 * ((z * z).sum(-1) + self.loc.shape[-1] * LOG_2PI) - self.half_log_det()

    def half_log_det(self) -> Tensor:
        """Half the logarithm of the covariance's determinant."""
        return self.scale_tril.diagonal(0, -2, -1).log().sum(-1)

    def entropy(self) -> Tensor:
        """The entropy in nats."""
        return 0.5 * self.loc.shape[-1] * (1 + LOG_2PI) + self.half_log_det()


def _inverse_of(precision: Tensor) -> Tensor:
    """The Cholesky factor of the inverse: turned around, a factor of the precision is its."""
    low = cholesky(precision.flip((-2, -1)))
    upper = low.flip((-2, -1)).mT
    return solve_triangular(upper, eye_like(precision, precision.shape[-1]), upper=False)
