"""Special functions, with PyTorch's names: gamma, error, Bessel functions and polynomials."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from firth.base.errors import ArgumentError, message
from firth.ops.special_values import POLYNOMIALS
from firth.tensor import FUNCTIONS, Tensor
from firth.tensor.arguments import guarded
from firth.tensor.arithmetic import operand, unary
from firth.tensor.elementary import entr, floats, xlog1py, xlogy
from firth.tensor.record import apply

# Functions of firth itself, some under another name.
_SAME = {
    "digamma": "digamma", "erf": "erf", "erfc": "erfc", "erfinv": "erfinv", "exp2": "exp2",
    "expit": "sigmoid", "expm1": "expm1", "gammainc": "igamma", "gammaincc": "igammac",
    "gammaln": "lgamma", "i0": "i0", "log1p": "log1p", "log_softmax": "log_softmax",
    "logit": "logit", "logsumexp": "logsumexp", "modified_bessel_i0": "i0",
    "multigammaln": "mvlgamma", "polygamma": "polygamma", "psi": "digamma", "round": "round",
    "sinc": "sinc", "softmax": "softmax",
}  # fmt: skip
_UNARY = (
    "bessel_j0 bessel_j1 bessel_y0 bessel_y1 erfcx i0e i1 i1e log_ndtr modified_bessel_k0 "
    "modified_bessel_k1 ndtri scaled_modified_bessel_k0 scaled_modified_bessel_k1"
).split()


def ndtr(input: Tensor) -> Tensor:
    """The standard normal distribution: the area of the bell below x, element by element."""
    x = floats(input, "ndtr")
    return apply("mul", apply("erfc", apply("mul", x, -math.sqrt(0.5))), 0.5)


def zeta(input: Any, other: Any) -> Tensor:
    """The Hurwitz zeta function, the sum of (k + y)**-x over k = 0, 1, ..."""
    return apply("zeta", floats(input, "zeta"), floats(other, "zeta"))


def spherical_bessel_j0(input: Tensor) -> Tensor:
    """sin(x) / x, 1 at 0 and 0 at infinity, element by element."""
    x = floats(input, "spherical_bessel_j0")
    none = apply("equal", x, 0)
    ratio = apply("div", apply("sin", x), apply("where", none, 1.0, x))
    return apply("where", none, 1.0, apply("where", apply("isinf", x), 0.0, ratio))


def _polynomial(kind: str, shifted: bool) -> Callable[..., Tensor]:
    family, letter = kind.rsplit("_", 1)
    name = f"{'shifted_' if shifted else ''}{family}_polynomial_{letter}"

    def function(input: Any, n: Any) -> Tensor:
        x, degree = floats(input, name), operand(n, name)
        if shifted:
            x = apply("sub", apply("mul", x, 2.0), 1.0)
        if not isinstance(degree, Tensor):
            if degree != degree or abs(degree) == math.inf:
                raise ArgumentError(
                    message(name, "no such degree", str(degree), "a whole number", "use n=3")
                )
            degree = apply("full", shape=(), value=float(degree), dtype=x.dtype)
        return apply("polynomial", x, degree, kind=kind)

    function.__name__ = function.__qualname__ = name
    where = " at 2x - 1" if shifted else ""
    function.__doc__ = (
        f"The {family.capitalize()} polynomial {letter.upper()} of degree n{where}, element by "
        "element: x (...), n (...) -> (...); without gradient."
    )
    return function


_FOUND = {
    **{name: FUNCTIONS[other] for name, other in _SAME.items()},
    **{name: unary(name) for name in _UNARY},
    "modified_bessel_i1": unary("i1"),
}  # fmt: skip
for _kind in POLYNOMIALS:
    _made = [_polynomial(_kind, False)]
    if _kind.startswith("chebyshev"):
        _made.append(_polynomial(_kind, True))
    _FOUND.update({f.__name__: f for f in _made})
globals().update(_FOUND)

__all__ = [  # noqa: PLE0604
    "entr", "ndtr", "spherical_bessel_j0", "xlog1py", "xlogy", "zeta", *sorted(_FOUND),
]  # fmt: skip

guarded(globals(), __all__)
