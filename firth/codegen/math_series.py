"""Chebyshev sums on lanes of float32 or float64: a loop over a table of coefficients."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from firth.codegen.builder import Index
from firth.codegen.math_lanes import Lanes
from firth.codegen.types import literal, scalar_type

_AT_ONCE = 2  # terms in one turn of the loop: an even number
_SHORT = 12  # terms that are not worth a loop


def seen(coefficients: Sequence[float], mantissa: int) -> Sequence[float]:
    """Without the last terms, as many as together cannot change a sum of the largest's size."""
    left = max(map(abs, coefficients)) * 2.0 ** -(mantissa + 4)
    count = len(coefficients)
    while count > 1 and (left := left - abs(coefficients[count - 1])) >= 0:
        count -= 1
    return coefficients[:count]


def chebyshev(m: Lanes, x: str, coefficients: Sequence[float]) -> str:
    """c[0] + c[1] T_1(x) + c[2] T_2(x) + ... by Clenshaw's recurrence b = (2 x) b1 - (b2 - c).

    Two of four b have the other sign here, so that it is b = (2 x) b1 + (b2 + c), or with -2 x, of
    the same bits. The second sum does not wait for b1: the chain of terms is one multiplication and
    addition long, and the chains of several vectors run beside each other.
    """
    b = m.b
    c = [-v if k % 4 in (2, 3) else v for k, v in enumerate(seen(coefficients, m.mantissa))]
    nothing = m.const(0.0)

    def term(factor: str, b1: str, b2: str, now: str) -> str:
        return m.fma(factor, b1, now if b2 == nothing else m.add(b2, now))

    with b.at(b.depth_of(x)):  # a sum of what does not change in a loop stands before it
        b1, b2 = m.const(c[-1]) if len(c) > 1 else nothing, nothing
        twice = m.add(x, x)
        factors = (twice, m.neg(twice))  # of terms with even and odd numbers
        inner = list(enumerate(c))[-2:0:-1]
        first = len(inner) % _AT_ONCE if len(inner) > _SHORT else len(inner)
        for k, now in inner[:first]:
            b1, b2 = term(factors[k % 2], b1, b2, m.const(now)), b1
        rest = inner[first:]
        table = _table(m, [now for _, now in rest])

        def turn(i: Index, carried: list[str]) -> list[str]:
            b1, b2 = carried
            element, size = scalar_type(m.dtype), m.dtype.itemsize
            for place, (k, _) in enumerate(rest[:_AT_ONCE]):
                number = b.load(element, b.gep(element, table, b.add(i, place)), size)
                b1, b2 = term(factors[k % 2], b1, b2, b.splat(number, element, m.lanes)), b1
            return [b1, b2]

        b1, b2 = b.loop(0, len(rest), _AT_ONCE, [(m.type, b1), (m.type, b2)], turn)
        return term(x, b1, b2, m.const(c[0]))


def _table(m: Lanes, numbers: Sequence[float]) -> str:
    """The name of a constant array of them."""
    element = scalar_type(m.dtype)
    rows = ", ".join(f"{element} {literal(c, m.dtype)}" for c in numbers)
    name = f"@firth_table_{hashlib.sha256(rows.encode()).hexdigest()[:16]}"
    if numbers:
        m.b.helper(name, f"{name} = internal constant [{len(numbers)} x {element}] [{rows}]")
    return name
