"""Kullback-Leibler divergences of pairs of distributions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from firth.base.errors import MissingRule, message
from firth.distributions.continuous import (
    Cauchy,
    Exponential,
    Gumbel,
    Laplace,
    Pareto,
    Uniform,
)
from firth.distributions.discrete import (
    Bernoulli,
    Binomial,
    Categorical,
    Geometric,
    OneHotCategorical,
    Poisson,
)
from firth.distributions.distribution import (
    EULER,
    Distribution,
    Independent,
    digamma,
    lgamma,
    softplus,
    sum_last,
)
from firth.distributions.gamma import Beta, Dirichlet, Gamma, log_beta
from firth.distributions.normal import HalfNormal, LogNormal, MultivariateNormal, Normal
from firth.tensor import Tensor
from firth.tensor.linalg import solve_triangular
from firth.tensor.record import apply, user_line

Rule = Callable[[Any, Any], Tensor]
_RULES: dict[tuple[type, type], Rule] = {}


def register_kl(type_p: type, type_q: type) -> Callable[[Rule], Rule]:
    """A decorator that enters a rule: (p, q) -> the divergence of q from p."""

    def enter(rule: Rule) -> Rule:
        _RULES[type_p, type_q] = rule
        return rule

    return enter


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """The Kullback-Leibler divergence of q from p: the expected p.log_prob - q.log_prob, in nats.

    >>> from firth.distributions import Normal
    >>> round(kl_divergence(Normal(0.0, 1.0), Normal(1.0, 1.0)).item(), 4)
    0.5
    """
    for kind_p in type(p).__mro__:
        for kind_q in type(q).__mro__:
            rule = _RULES.get((kind_p, kind_q))
            if rule is not None:
                return rule(p, q)
    raise MissingRule(
        message("kl_divergence", "no rule for these two",
                f"{type(p).__name__} and {type(q).__name__}", "two of one kind",
                "estimate it as (p.log_prob(x) - q.log_prob(x)).mean() over samples x of p")
    ).at(user_line())  # fmt: skip


@register_kl(Normal, Normal)
def _normal(p: Normal, q: Normal) -> Tensor:
    ratio = (p.scale / q.scale) ** 2
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale) ** 2 - 1 - ratio.log())


@register_kl(LogNormal, LogNormal)
@register_kl(HalfNormal, HalfNormal)
def _by_base(p: Any, q: Any) -> Tensor:
    return _normal(p.base_dist, q.base_dist)


@register_kl(MultivariateNormal, MultivariateNormal)
def _multivariate(p: MultivariateNormal, q: MultivariateNormal) -> Tensor:
    ratio = solve_triangular(q.scale_tril, p.scale_tril, upper=False)
    gap = solve_triangular(q.scale_tril, (q.loc - p.loc).unsqueeze(-1), upper=False)
    spread = (ratio * ratio).sum((-1, -2)) + (gap * gap).sum((-1, -2))
    return q.half_log_det() - p.half_log_det() + 0.5 * (spread - p.loc.shape[-1])


@register_kl(Uniform, Uniform)
def _uniform(p: Uniform, q: Uniform) -> Tensor:
    found = ((q.high - q.low) / (p.high - p.low)).log()
    return apply("where", (q.low > p.low) | (q.high < p.high), math.inf, found)


@register_kl(Exponential, Exponential)
def _exponential(p: Exponential, q: Exponential) -> Tensor:
    ratio = q.rate / p.rate
    return ratio - ratio.log() - 1


@register_kl(Laplace, Laplace)
def _laplace(p: Laplace, q: Laplace) -> Tensor:
    gap = (p.loc - q.loc).abs()
    ratio = p.scale / q.scale
    return ratio * (-gap / p.scale).exp() + gap / q.scale - ratio.log() - 1


@register_kl(Cauchy, Cauchy)
def _cauchy(p: Cauchy, q: Cauchy) -> Tensor:
    wide = (p.scale + q.scale) ** 2 + (p.loc - q.loc) ** 2
    return wide.log() - (4 * p.scale * q.scale).log()


@register_kl(Gumbel, Gumbel)
def _gumbel(p: Gumbel, q: Gumbel) -> Tensor:
    ratio, left, right = p.scale / q.scale, q.loc / q.scale, p.loc / q.scale
    grown = (left + lgamma(1 + ratio) - right).exp()
    return right - left - ratio.log() + ratio * EULER + grown - (1 + EULER)


@register_kl(Pareto, Pareto)
def _pareto(p: Pareto, q: Pareto) -> Tensor:
    ratio = q.alpha / p.alpha
    found = q.alpha * (p.scale / q.scale).log() - ratio.log() + ratio - 1
    return apply("where", p.scale < q.scale, math.inf, found)


@register_kl(Gamma, Gamma)
def _gamma(p: Gamma, q: Gamma) -> Tensor:
    a, b = p.concentration, q.concentration
    turn = b * (p.rate / q.rate).log() + lgamma(b) - lgamma(a)
    return turn + (a - b) * digamma(a) + (q.rate - p.rate) * (a / p.rate)


@register_kl(Exponential, Gamma)
def _exponential_gamma(p: Exponential, q: Gamma) -> Tensor:
    return _gamma(Gamma(p.rate * 0 + 1, p.rate), q)


@register_kl(Gamma, Exponential)
def _gamma_exponential(p: Gamma, q: Exponential) -> Tensor:
    return _gamma(p, Gamma(q.rate * 0 + 1, q.rate))


@register_kl(Beta, Beta)
def _beta(p: Beta, q: Beta) -> Tensor:
    a, b = p.concentration1, p.concentration0
    c, d = q.concentration1, q.concentration0
    turn = (a - c) * digamma(a) + (b - d) * digamma(b) + (c + d - a - b) * digamma(a + b)
    return log_beta(c, d) - log_beta(a, b) + turn


@register_kl(Dirichlet, Dirichlet)
def _dirichlet(p: Dirichlet, q: Dirichlet) -> Tensor:
    a, b = p.concentration, q.concentration
    total = a.sum(-1, keepdim=True)
    turn = ((a - b) * (digamma(a) - digamma(total))).sum(-1)
    norm = lgamma(total)[..., 0] - lgamma(b.sum(-1))
    return norm - (lgamma(a) - lgamma(b)).sum(-1) + turn


@register_kl(Bernoulli, Bernoulli)
def _bernoulli(p: Bernoulli, q: Bernoulli) -> Tensor:
    ones = p.probs * (softplus(-q.logits) - softplus(-p.logits))
    return ones + (1 - p.probs) * (softplus(q.logits) - softplus(p.logits))


@register_kl(Binomial, Binomial)
def _binomial(p: Binomial, q: Binomial) -> Tensor:
    plain = softplus(p.logits) - softplus(q.logits)
    found = p.total_count * (p.probs * (p.logits - q.logits) - plain)
    return apply("where", p.total_count > q.total_count, math.inf, found)


@register_kl(Geometric, Geometric)
def _geometric(p: Geometric, q: Geometric) -> Tensor:
    return -p.entropy() - (-q.probs).log1p() / p.probs - q.logits


@register_kl(Poisson, Poisson)
def _poisson(p: Poisson, q: Poisson) -> Tensor:
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


@register_kl(OneHotCategorical, OneHotCategorical)
@register_kl(Categorical, Categorical)
def _categorical(p: Categorical, q: Categorical) -> Tensor:
    found = p.probs * (p.logits - q.logits)
    found = apply("where", q.probs == 0, math.inf, found)
    return apply("where", p.probs == 0, 0, found).sum(-1)


@register_kl(Independent, Independent)
def _independent(p: Independent, q: Independent) -> Tensor:
    found = kl_divergence(p.base_dist, q.base_dist)
    return sum_last(found, p.reinterpreted_batch_ndims)
