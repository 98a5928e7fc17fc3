"""Comparisons and logic with bodies."""

from __future__ import annotations

import math

import numpy as np

from firth.base import dtype as dt
from firth.ir.op import Expr
from firth.ops.elementwise import (
    abs,
    bitwise_and,
    bitwise_not,
    bitwise_or,
    bitwise_xor,
    equal,
    less,
    less_equal,
    not_equal,
)
from firth.ops.operands import counted, elementwise, promoted, truths
from firth.ops.rules import ANY, EVERY, cast, uniform


def _two(text: str, kind: str = "number") -> str:
    return f"{text}, with broadcasting: x (...), y (...) {kind} -> (...)."


greater = elementwise(
    "greater", np.greater, arity=2, operands=counted, to_bool=True, doc=_two("x > y"),
    lower=lambda x, y: less(y, x), sample=uniform((-2, 2), (-2, 2), dtypes=EVERY),
)  # fmt: skip
greater_equal = elementwise(
    "greater_equal", np.greater_equal, arity=2, operands=counted, to_bool=True, doc=_two("x >= y"),
    lower=lambda x, y: less_equal(y, x), sample=uniform((-2, 2), (-2, 2), dtypes=EVERY),
)  # fmt: skip


def _truth(x: Expr) -> Expr:
    return cast(x, dt.bool_)


logical_and = elementwise(
    "logical_and", np.logical_and, arity=2, operands=truths, to_bool=True,
    doc=_two("Whether both are not 0", "any dtype"),
    lower=lambda x, y: bitwise_and(_truth(x), _truth(y)),
    sample=uniform((-2, 2), (-2, 2), dtypes=ANY),
)  # fmt: skip
logical_or = elementwise(
    "logical_or", np.logical_or, arity=2, operands=truths, to_bool=True,
    doc=_two("Whether one of them is not 0", "any dtype"),
    lower=lambda x, y: bitwise_or(_truth(x), _truth(y)),
    sample=uniform((-2, 2), (-2, 2), dtypes=ANY),
)  # fmt: skip
logical_xor = elementwise(
    "logical_xor", np.logical_xor, arity=2, operands=truths, to_bool=True,
    doc=_two("Whether exactly one of them is not 0", "any dtype"),
    lower=lambda x, y: bitwise_xor(_truth(x), _truth(y)),
    sample=uniform((-2, 2), (-2, 2), dtypes=ANY),
)  # fmt: skip
logical_not = elementwise(
    "logical_not", np.logical_not, operands=truths, to_bool=True,
    doc="Whether x is 0: x (...) any dtype -> (...) bool.",
    lower=lambda x: bitwise_not(_truth(x)), sample=uniform((-2, 2), dtypes=ANY),
)  # fmt: skip


def _is_false(x: Expr) -> Expr:
    return not_equal(x, x)


isnan = elementwise(
    "isnan", np.isnan, operands=promoted, to_bool=True,
    doc="Whether x is NaN: x (...) any dtype -> (...) bool.",
    lower=_is_false, sample=uniform((-2, 2), dtypes=ANY),
)  # fmt: skip
isinf = elementwise(
    "isinf", np.isinf, operands=promoted, to_bool=True,
    doc="Whether x is infinite: x (...) any dtype -> (...) bool.",
    lower=lambda x: equal(abs(x), math.inf) if x.dtype.kind in "fc" else not_equal(x, x),
    sample=uniform((-2, 2), dtypes=ANY),
)  # fmt: skip
isfinite = elementwise(
    "isfinite", np.isfinite, operands=promoted, to_bool=True,
    doc="Whether x is neither infinite nor NaN: x (...) any dtype -> (...) bool.",
    lower=lambda x: less(abs(x), math.inf) if x.dtype.kind == "f" else equal(x, x),
    sample=uniform((-2, 2), dtypes=ANY),
)  # fmt: skip
