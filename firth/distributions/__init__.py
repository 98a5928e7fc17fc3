"""`firth.distributions`: distributions under torch.distributions' names.

>>> import firth
>>> from firth.distributions import Normal
>>> firth.manual_seed(0)  # doctest: +ELLIPSIS
<...>
>>> loc = firth.tensor(1.0, requires_grad=True)
>>> Normal(loc, 2.0).rsample((4,)).sum().backward()
>>> loc.grad.item()
4.0
"""

from __future__ import annotations

from firth.distributions.continuous import (
    Cauchy,
    Exponential,
    Gumbel,
    Laplace,
    Pareto,
    Uniform,
    Weibull,
)
from firth.distributions.discrete import (
    Bernoulli,
    Binomial,
    Categorical,
    Geometric,
    Multinomial,
    NegativeBinomial,
    OneHotCategorical,
    OneHotCategoricalStraightThrough,
    Poisson,
)
from firth.distributions.distribution import Distribution, Independent
from firth.distributions.divergence import kl_divergence, register_kl
from firth.distributions.gamma import (
    Beta,
    Chi2,
    Dirichlet,
    FisherSnedecor,
    Gamma,
    StudentT,
)
from firth.distributions.normal import HalfNormal, LogNormal, MultivariateNormal, Normal
from firth.tensor.arguments import guarded

__all__ = [
    "Bernoulli", "Beta", "Binomial", "Categorical", "Cauchy", "Chi2", "Dirichlet", "Distribution",
    "Exponential", "FisherSnedecor", "Gamma", "Geometric", "Gumbel", "HalfNormal", "Independent",
    "Laplace", "LogNormal", "Multinomial", "MultivariateNormal", "NegativeBinomial", "Normal",
    "OneHotCategorical", "OneHotCategoricalStraightThrough", "Pareto", "Poisson", "StudentT",
    "Uniform", "Weibull", "kl_divergence", "register_kl",
]  # fmt: skip

guarded(globals(), __all__)
