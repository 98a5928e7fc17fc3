"""Writes firth/ops/special_tables.py: Chebyshev coefficients of special functions, by mpmath.

python -m tests.ops.special_tables > firth/ops/special_tables.py
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import Any

import mpmath as mp

mp.mp.dps = 50
_EXACT = mp.mpf(10) ** -17  # coefficients below this share of the largest are left out


def fit(f: Callable[[Any], Any], low: Any, high: Any, most: int = 60) -> list[float]:
    """Chebyshev coefficients c of f on [low, high]: f(x) = c0 + c1 T1(t) + ..., t in [-1, 1]."""
    low, high = mp.mpf(low), mp.mpf(high)
    nodes = [mp.cos(mp.pi * (k + mp.mpf(1) / 2) / most) for k in range(most)]
    values = [f((high - low) / 2 * t + (high + low) / 2) for t in nodes]
    found = []
    for j in range(most):
        terms = (v * mp.cos(mp.pi * j * (k + mp.mpf(1) / 2) / most) for k, v in enumerate(values))
        found.append(2 * mp.fsum(terms) / most)
    found[0] /= 2
    largest = max(abs(c) for c in found)
    while len(found) > 1 and abs(found[-1]) < _EXACT * largest:
        found.pop()
    assert len(found) < most, "the function is not smooth enough here"
    return [float(c) for c in found]


def _root(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The function of x from one of its square, with the limit at 0 from beside it."""
    return lambda s: f(mp.sqrt(s) if s > 0 else mp.mpf(10) ** -20)


def _far(order: int, which: int) -> Callable[[Any], Any]:
    """P (0) or Q (1) of the Hankel expansion as a function of (8 / x)**2."""

    def value(z: Any) -> Any:
        x = 8 / mp.sqrt(z)
        chi = x - (2 * order + 1) * mp.pi / 4
        scale = mp.sqrt(mp.pi * x / 2)
        j, y = mp.besselj(order, x), mp.bessely(order, x)
        p = scale * (j * mp.cos(chi) + y * mp.sin(chi))
        q = scale * (y * mp.cos(chi) - j * mp.sin(chi))
        return p if which == 0 else q * x / 8

    return value


def _size(order: int) -> Callable[[Any], Any]:
    """sqrt(P**2 + Q**2) as a function of (8 / x)**2."""
    p, q = _far(order, 0), _far(order, 1)
    return lambda z: mp.sqrt(p(z) ** 2 + q(z) ** 2 * z)


def _phase(order: int) -> Callable[[Any], Any]:
    """atan(Q / P) * x / 8 as a function of (8 / x)**2."""
    p, q = _far(order, 0), _far(order, 1)
    return lambda z: mp.atan(q(z) * mp.sqrt(z) / p(z)) / mp.sqrt(z)


def _stirling(s: Any) -> Any:
    """What Stirling's formula for the logarithm of gamma(x) lacks, times x, where s = 1 / x**2."""
    x = 1 / mp.sqrt(s)
    return (mp.loggamma(x) - (x - 0.5) * mp.log(x) + x - mp.log(2 * mp.pi) / 2) * x


def _stirling_slope(s: Any) -> Any:
    """log(x) - 1 / (2 x) - digamma(x), times x**2, where s = 1 / x**2."""
    x = 1 / mp.sqrt(s)
    return (mp.log(x) - 1 / (2 * x) - mp.digamma(x)) * x * x


def _erfinv(w: Any) -> Any:
    """erfinv(x) / x where w = -log(1 - x**2)."""
    x = mp.sqrt(-mp.expm1(-w)) if w > 0 else mp.mpf(10) ** -25
    if w < mp.mpf("1e-30"):
        return mp.sqrt(mp.pi) / 2
    rest = mp.exp(-w) / (1 + x)  # 1 - x
    guess = mp.erfinv(x) if w < 30 else mp.sqrt(w - mp.log(w) / 2)
    return mp.findroot(lambda y: mp.log(mp.erfc(y)) - mp.log(rest), guess) / x


TABLES: dict[str, tuple[Callable[[Any], Any], Any, Any]] = {
    "STIRLING": (_stirling, "1e-20", "0.015625"),
    "STIRLING_SLOPE": (_stirling_slope, "1e-20", "0.015625"),
    # of the square of the distance to a whole number
    "SINE": (_root(lambda x: mp.sinpi(x) / (mp.pi * x)), 0, "0.25"),
    "COTANGENT": (_root(lambda x: mp.pi * x * mp.cospi(x) / mp.sinpi(x)), 0, "0.25"),
    "I0_SMALL": (_root(lambda x: mp.besseli(0, x)), 0, 4),
    "I1_SMALL": (_root(lambda x: mp.besseli(1, x) / x), 0, 4),
    "I0_NEAR": (lambda x: mp.exp(-x) * mp.besseli(0, x), 0, 8),
    "I0_FAR": (lambda u: mp.exp(-8 / u) * mp.sqrt(8 / u) * mp.besseli(0, 8 / u), "1e-4", 1),
    "I1_NEAR": (lambda x: mp.exp(-x) * mp.besseli(1, x) / x if x else mp.mpf(1) / 2, 0, 8),
    "I1_FAR": (lambda u: mp.exp(-8 / u) * mp.sqrt(8 / u) * mp.besseli(1, 8 / u), "1e-4", 1),
    "K0_NEAR": (_root(lambda x: mp.besselk(0, x) + mp.log(x / 2) * mp.besseli(0, x)), 0, 4),
    "K0_FAR": (lambda u: mp.exp(2 / u) * mp.sqrt(2 / u) * mp.besselk(0, 2 / u), "1e-4", 1),
    "K1_NEAR": (
        _root(lambda x: x * (mp.besselk(1, x) - mp.log(x / 2) * mp.besseli(1, x))), 0, 4),
    "K1_FAR": (lambda u: mp.exp(2 / u) * mp.sqrt(2 / u) * mp.besselk(1, 2 / u), "1e-4", 1),
    "J0_NEAR": (_root(lambda x: mp.besselj(0, x)), 0, 64),
    "J1_NEAR": (_root(lambda x: mp.besselj(1, x) / x), 0, 64),
    "Y0_NEAR": (_root(lambda x: mp.bessely(0, x) - 2 / mp.pi * mp.log(x) * mp.besselj(0, x)),
                0, 64),
    "Y1_NEAR": (_root(lambda x: (mp.bessely(1, x) - 2 / mp.pi * (
        mp.log(x) * mp.besselj(1, x) - 1 / x)) / x), 0, 64),
    "WAVE_0": (_size(0), "1e-8", 1), "PHASE_0": (_phase(0), "1e-8", 1),
    "WAVE_1": (_size(1), "1e-8", 1), "PHASE_1": (_phase(1), "1e-8", 1),
    # t = (x - 3.75) / (x + 3.75)
    "ERFCX": (lambda t: (1 + 2 * _at(t)) * mp.exp(_at(t) ** 2) * mp.erfc(_at(t)), -1, "0.9999"),
    "ERFINV_NEAR": (_erfinv, 0, "6.25"),
    "ERFINV_FAR": (lambda u: _erfinv(1 / u**2) * u, mp.mpf(1) / 28, "0.4"),
}  # fmt: skip


def _at(t: Any) -> Any:
    return mp.mpf("3.75") * (1 + t) / (1 - t)


def main() -> None:
    """The text of the module."""
    print('"""Chebyshev coefficients of special functions, written by tests/ops/special_tables.py.')
    print('\nEach: (low, high, coefficients) of one function on [low, high].\n"""')
    print("\nfrom __future__ import annotations\n")
    print("Table = tuple[float, float, tuple[float, ...]]\n")
    for name, (f, low, high) in TABLES.items():
        print(f"{name}: Table = ({float(low)}, {float(high)}, (")
        print(textwrap.fill(", ".join(repr(c) for c in fit(f, low, high)) + ",", 99,
                            initial_indent="    ", subsequent_indent="    "))  # fmt: skip
        print("))  # fmt: skip")


if __name__ == "__main__":
    main()
