"""What drawing from gamma and Poisson distributions needs of NumPy."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from firth.base.errors import MissingRule, message
from firth.ir.op import TABLE, Expr
from firth.ops.batching import aligned
from firth.ops.host import host
from firth.ops.rules import broadcast_rule, cases, float_rule, no_gradient

_MANY = 500.0  # rates from which the normal distribution, corrected, is good enough
_LARGE = 10.0  # concentrations from which both tails are smooth enough for quadrature


def gamma_slope(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """How a gamma variable x moves with its concentration a at a fixed probability.

    dx/da = -(dP/da) / p: Figurnov, Mohamed and Mnih, Implicit reparameterization gradients, 2018.
    """
    a, x = np.broadcast_arrays(*(np.asarray(v, np.float64) for v in (a, x)))
    flat_a, flat_x = a.reshape(-1), x.reshape(-1)
    out = np.full(flat_a.shape, np.nan)
    good = (flat_a > 0) & (flat_x > 0) & np.isfinite(flat_x)
    out[(flat_a > 0) & (flat_x == 0)] = 0.0
    small = good & (flat_a < _LARGE) & (flat_x <= flat_a + 1)
    out[small] = -_by_series(flat_a[small], flat_x[small])
    low = good & ~small & (flat_x <= flat_a)
    out[low] = -_by_quadrature(flat_a[low], flat_x[low], -1.0)
    high = good & ~small & ~low
    out[high] = _by_quadrature(flat_a[high], flat_x[high], 1.0)
    return out.reshape(a.shape)


def _by_series(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """(dP/da) / p from P / p = the sum of x^(n + 1) / (a (a + 1) ... (a + n))."""
    term, found, logarithm = x / a, np.zeros_like(a), np.log(x)
    psi = _digamma(a + 1)
    for n in range(200):
        found += term * (logarithm - psi)
        psi = psi + 1 / (a + n + 1)
        term = term * x / (a + n + 1)
    return found


def _by_quadrature(a: np.ndarray, x: np.ndarray, side: float) -> np.ndarray:
    """The integral of (ln t - psi(a)) p(t) / p(x) from x to infinity (side 1) or from 0 (-1)."""
    reach = 12 * np.sqrt(a) + 45
    if side < 0:
        reach = np.minimum(reach, x)
    psi, found = _digamma(a), np.zeros_like(a)
    for node, weight in zip(*_quadrature(), strict=True):
        s = reach * (node + 1) / 2
        t = x + side * s
        ratio = np.exp((a - 1) * np.log1p(side * s / x) - side * s)
        found += weight * (np.log(t) - psi) * ratio
    return found * reach / 2


@cache
def _quadrature() -> tuple[np.ndarray, np.ndarray]:
    """Places and weights between -1 and 1; an import waits for none of them."""
    return np.polynomial.legendre.leggauss(128)


def _digamma(x: np.ndarray) -> np.ndarray:
    """The slope of lgamma for x > 0: up by ten, then its asymptotic series."""
    shift = sum(1 / (x + k) for k in range(10))
    y = x + 10
    r = 1 / (y * y)
    tail = r * (1 / 12 - r * (1 / 120 - r * (1 / 252 - r * (1 / 240 - r / 132))))
    return np.asarray(np.log(y) - 0.5 / y - tail - shift)


def _no_second(g: Expr, y: Expr, *xs: Expr, **_: Any) -> tuple[Expr, ...]:
    raise MissingRule(
        message("standard_gamma_grad", "how gamma samples move has no gradient itself",
                "a second gradient through rsample", "one gradient",
                "use log_prob with samples that are detached")
    )  # fmt: skip


standard_gamma_grad = host(
    "standard_gamma_grad", arity=2, batch=aligned,
    doc="How a standard gamma variable x moves with its concentration a while its probability "
    "stays: a (...), x (...) float -> (...).",
    shape=broadcast_rule("standard_gamma_grad"), dtype=float_rule, ref=gamma_slope,
    vjp=_no_second,
    sample=cases(lambda make, rng, d: [
        (make(3, 2, low=0.3, high=30), make(2, low=0.1, high=30), {})], smooth=False),
)  # fmt: skip


def _poisson(rate: np.ndarray, u: np.ndarray) -> np.ndarray:
    """The smallest k with P(X <= k) >= u."""
    rate, u = np.broadcast_arrays(*(np.asarray(v, np.float64) for v in (rate, u)))
    if not (rate >= 0).all():
        raise np.linalg.LinAlgError("a rate is negative or NaN")
    many = rate > _MANY
    few = np.where(many, 0.0, rate)
    term = np.exp(-few)
    reached, k = term, np.zeros_like(term)
    for count in range(1, int(few.max(initial=0) + 12 * np.sqrt(few.max(initial=0)) + 60)):
        going = reached < u
        if not going.any():
            break
        term = term * few / count
        reached = np.where(going, reached + term, reached)
        k = np.where(going, count, k)
    return np.where(many, _cornish_fisher(np.where(many, rate, 1.0), u), k)


def _cornish_fisher(rate: np.ndarray, u: np.ndarray) -> np.ndarray:
    """The quantile of large rates, to 1 / rate of a count."""
    z, root = TABLE["ndtri"].ref(u), np.sqrt(rate)
    found = rate + root * z + (z * z - 1) / 6 + (z - z * z * z) / (72 * root)
    return np.asarray(np.maximum(np.ceil(found - 0.5), 0))


poisson_quantile = host(
    "poisson_quantile", arity=2, batch=aligned,
    doc="The least count that a Poisson variable of this rate reaches with probability u: "
    "rate (...), u (...) float -> (...).",
    shape=broadcast_rule("poisson_quantile"), dtype=float_rule, ref=_poisson, vjp=no_gradient,
    sample=cases(lambda make, rng, d: [
        (make(3, 2, low=0, high=9), make(2, low=0, high=1), {})], smooth=False),
)  # fmt: skip
