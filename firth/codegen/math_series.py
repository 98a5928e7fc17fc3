"""Chebyshev sums on lanes of float32 or float64: a loop over a table of coefficients."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from firth.codegen.builder import Index
from firth.codegen.math_lanes import Lanes
from firth.codegen.types import literal, scalar_type

_AT_ONCE = 4  # terms in one turn of the loop


def seen(coefficients: Sequence[float], mantissa: int) -> Sequence[float]:
    """Without the last terms, as many as together cannot change a sum of the largest's size."""
    left = max(map(abs, coefficients)) * 2.0 ** -(mantissa + 4)
    count = len(coefficients)
    while count > 1 and (left := left - abs(coefficients[count - 1])) >= 0:
        count -= 1
    return coefficients[:count]


def chebyshev(m: Lanes, x: str, coefficients: Sequence[float]) -> str:
    """c[0] + c[1] T_1(x) + c[2] T_2(x) + ... by Clenshaw's recurrence.

    b = (2 x) b1 - (b2 - c): the difference does not wait for b1, so that the chain of terms is one
    multiplication and addition long, and the chains of several vectors run beside each other.
    """
    c = seen(coefficients, m.mantissa)
    b = m.b

    nothing = m.const(0.0)

    def term(double: str, b1: str, b2: str, now: str) -> str:
        if b2 == nothing:
            return m.fma(double, b1, now)
        late = m.sub(b2, now)
        return m.fma(double, b1, m.neg(late)) if m.fused else m.sub(m.mul(double, b1), late)

    with b.at(b.depth_of(x)):  # a sum of what does not change in a loop stands before it
        last, before = m.const(c[-1]) if len(c) > 1 else nothing, nothing
        double = m.add(x, x)
        inner = c[-2:0:-1]
        first = len(inner) % _AT_ONCE if len(inner) > _AT_ONCE else len(inner)
        for now in inner[:first]:
            last, before = term(double, last, before, m.const(now)), last
        table = _table(m, inner[first:])

        def turn(i: Index, carried: list[str]) -> list[str]:
            b1, b2 = carried
            element, bytes_ = scalar_type(m.dtype), m.dtype.itemsize
            for k in range(_AT_ONCE):
                number = b.load(element, b.gep(element, table, b.add(i, k)), bytes_)
                b1, b2 = term(double, b1, b2, b.splat(number, element, m.lanes)), b1
            return [b1, b2]

        left = len(inner) - first
        last, before = b.loop(0, left, _AT_ONCE, [(m.type, last), (m.type, before)], turn)
        return term(x, last, before, m.const(c[0]))


def _table(m: Lanes, numbers: Sequence[float]) -> str:
    """The name of a constant array of them."""
    element = scalar_type(m.dtype)
    rows = ", ".join(f"{element} {literal(c, m.dtype)}" for c in numbers)
    name = f"@firth_table_{hashlib.sha256(rows.encode()).hexdigest()[:16]}"
    if numbers:
        m.b.helper(name, f"{name} = internal constant [{len(numbers)} x {element}] [{rows}]")
    return name
