"""Special functions by NumPy alone, in float64, for arrays of any shape that broadcast."""

from __future__ import annotations

import math

import numpy as np

# B(2k) / (2k)!
_EULER = (
    1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000,
    1 / 74724249600, -3617 / 10670622842880000, 43867 / 5109094217170944000,
    -174611 / 802857662698291200000, 77683 / 14101100039391805440000,
)  # fmt: skip
_MOST = 20_000  # terms of a series that does not end by itself


def lgamma(x: float) -> float:
    """log |gamma(x)| of one number: infinite at 0, -1, -2, ..."""
    if math.isnan(x):
        return x
    if math.isinf(x) or (x <= 0 and x == math.floor(x)):
        return math.inf
    try:
        return math.lgamma(x)
    except OverflowError:
        return math.inf


def zeta(s: np.ndarray, q: np.ndarray) -> np.ndarray:
    """The Hurwitz zeta function: terms of (k + q)**-s up to q > 9, then Euler and Maclaurin."""
    s, q = (np.asarray(a, np.float64) for a in np.broadcast_arrays(s, q))
    a, total = q.copy(), np.zeros(s.shape)
    far = np.clip(s, 9, 40)  # where the series below is exact
    for _ in range(_MOST):
        more = a <= far
        if not more.any():
            break
        with np.errstate(all="ignore"):
            total = np.where(more, total + a**-s, total)
        a = np.where(more, a + 1, a)
    with np.errstate(all="ignore"):
        power = a**-s
        total += power * a / (s - 1) + power / 2
        factor, term = s, power / a
        for k, b in enumerate(_EULER):
            total += b * factor * term
            factor = factor * (s + 2 * k + 1) * (s + 2 * k + 2)
            term = term / (a * a)
        below = q <= 0
        pole, odd = below & (q == np.floor(q)), below & (s != np.floor(s))
        total = np.where(odd, np.nan, total)
        total = np.where(pole | (s == 1), np.inf, total)
    missing = (s < 1) | np.isnan(s) | np.isnan(q)
    return np.where(missing, np.nan, np.where(np.isposinf(q) & ~missing, 0.0, total))


def polygamma(n: int, x: np.ndarray) -> np.ndarray:
    """The n-th derivative of digamma, n of 1 or more."""
    sign = 1.0 if n % 2 else -1.0
    return sign * math.factorial(n) * zeta(np.asarray(n + 1.0), x)


def _leading(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """x**a exp(-x) / gamma(a), which both incomplete functions are multiples of."""
    logs = np.vectorize(lgamma, otypes=[np.float64])(a)
    return np.exp(a * np.log(x) - x - logs)


def igamma(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The lower regularised incomplete gamma function."""
    return _incomplete(a, x, upper=False)


def igammac(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The upper regularised incomplete gamma function."""
    return _incomplete(a, x, upper=True)


def _incomplete(a: np.ndarray, x: np.ndarray, upper: bool) -> np.ndarray:
    a, x = (np.asarray(v, np.float64) for v in np.broadcast_arrays(a, x))
    with np.errstate(all="ignore"):
        plain = (a > 0) & (x > 0) & np.isfinite(a) & np.isfinite(x)
        safe_a, safe_x = np.where(plain, a, 1.0), np.where(plain, x, 1.0)
        near = safe_x < safe_a + 1
        lower = _power_series(safe_a, np.where(near, safe_x, safe_a))
        rest = _fraction(safe_a, np.where(near, safe_a + 1, safe_x))
        found = np.where(near, 1 - lower, rest) if upper else np.where(near, lower, 1 - rest)
        # what is left has limits: 0 and infinity of either
        none = (x == 0) & (a > 0) | np.isinf(a) & np.isfinite(x) & (x >= 0)
        all_ = (a == 0) & (x > 0) | np.isinf(x) & (x > 0) & np.isfinite(a) & (a >= 0)
        edge = np.where(none, 0.0, np.where(all_, 1.0, np.nan))
        return np.where(plain, found, 1 - edge if upper else edge)


def _power_series(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    term = np.ones(a.shape)
    total = np.ones(a.shape)
    at = a.copy()
    for _ in range(_MOST):
        at = at + 1
        term = term * x / at
        total = total + term
        if not (term > total * 1e-17).any():
            break
    return total * _leading(a, x) / a


def _fraction(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Lentz's way through the continued fraction of the upper function."""
    tiny = 1e-300
    b = x + 1 - a
    c, d = np.full(a.shape, 1 / tiny), 1 / np.where(b == 0, tiny, b)
    h = d
    for i in range(1, _MOST):
        numerator = -i * (i - a)
        b = b + 2
        d = numerator * d + b
        c = b + numerator / c
        d = 1 / np.where(d == 0, tiny, d)
        c = np.where(c == 0, tiny, c)
        step = c * d
        h = h * step
        if not (np.abs(step - 1) > 1e-16).any():
            break
    return h * _leading(a, x)


# kind: (slope and constant of degree 1, then p(k+1) from k, x, p(k), p(k-1))
_RULES = {
    "chebyshev_t": ((1, 0), lambda k, x, q, p: 2 * x * q - p),
    "chebyshev_u": ((2, 0), lambda k, x, q, p: 2 * x * q - p),
    "chebyshev_v": ((2, -1), lambda k, x, q, p: 2 * x * q - p),
    "chebyshev_w": ((2, 1), lambda k, x, q, p: 2 * x * q - p),
    "hermite_h": ((2, 0), lambda k, x, q, p: 2 * x * q - 2 * k * p),
    "hermite_he": ((1, 0), lambda k, x, q, p: x * q - k * p),
    "laguerre_l": ((-1, 1), lambda k, x, q, p: ((2 * k + 1 - x) * q - k * p) / (k + 1)),
    "legendre_p": ((1, 0), lambda k, x, q, p: ((2 * k + 1) * x * q - k * p) / (k + 1)),
}
POLYNOMIALS = tuple(_RULES)


def polynomial(x: np.ndarray, n: np.ndarray, kind: str) -> np.ndarray:
    """The orthogonal polynomial of degree n at x, by its three-term recurrence."""
    x, degree = np.broadcast_arrays(np.asarray(x, np.float64), np.trunc(n))
    (slope, constant), step = _RULES[kind]
    low, high = np.ones(x.shape), slope * x + constant
    out = np.where(degree == 0, 1.0, np.where(degree == 1, high, 0.0))
    finite = degree[np.isfinite(degree)]
    most = int(finite.max()) if finite.size else 0
    with np.errstate(all="ignore"):
        for k in range(1, min(most, _MOST)):
            low, high = high, step(k, x, high, low)
            out = np.where(degree == k + 1, high, out)
    return np.where(np.isnan(x) & (degree > 0), np.nan, out)
