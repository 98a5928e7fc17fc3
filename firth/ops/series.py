"""Sums of Chebyshev polynomials: what special functions are made of, in one base op."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from firth.ir.op import Expr
from firth.ops.elementwise import elementwise, floating
from firth.ops.rules import uniform, with_attrs
from firth.ops.special_tables import Table


def _sum(x: Any, coefficients: Sequence[float]) -> Any:
    """By Clenshaw's recurrence, in the order in which kernels add."""
    b1, b2 = coefficients[-1] if len(coefficients) > 1 else 0.0, 0.0
    for c in coefficients[-2:0:-1]:
        b1, b2 = x * 2.0 * b1 - (b2 - c), b1
    return x * b1 - (b2 - coefficients[0])


def slopes(coefficients: Sequence[float]) -> tuple[float, ...]:
    """The coefficients of the derivative, exact but for their rounding."""
    found = [0.0] * (len(coefficients) + 1)
    for k in range(len(coefficients) - 1, 0, -1):
        found[k - 1] = found[k + 1] + 2 * k * coefficients[k]
    found[0] /= 2
    return tuple(found[: max(len(coefficients) - 1, 1)])


def _vjp(g: Expr, y: Expr, x: Expr, coefficients: Sequence[float]) -> tuple[Expr]:
    return (g * chebyshev(x, coefficients=slopes(coefficients)),)


_LONG = tuple((-0.6) ** k for k in range(14))

chebyshev = elementwise(
    "chebyshev", _sum, attrs=("coefficients",), operands=floating, vjp=_vjp,
    doc="c[0] + c[1] T_1(x) + c[2] T_2(x) + ... of Chebyshev polynomials, element by element, for "
    "x from -1 to 1: x (...) float -> (...).",
    sample=with_attrs(uniform((-1, 1)), *(
        {"coefficients": c} for c in (_LONG, _LONG[:6], (0.5, -2.0), (0.25,)))),
)  # fmt: skip


def series(table: Table, x: Any) -> Any:
    """The sum of a table at x, an expression or an array: meant for x in the table's range."""
    low, high, c = table
    t = x * (2.0 / (high - low)) - (high + low) / (high - low)
    return chebyshev(t, coefficients=c) if isinstance(t, Expr) else _sum(np.asarray(t), c)
