"""Composed arithmetic: exact cases and far ends."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from firth import ops
from firth.base import dtype as dt
from firth.ir.op import Op
from tests.table.table_tools import apply, expand_bodies, run


def body(op: Op, *args: np.ndarray, **attrs: object) -> np.ndarray:
    """The op's value from its body."""
    graph = apply(op, args, attrs)
    return run(graph.replace(expand_bodies(graph.outputs)), args)[0]


@given(st.integers(-(2**31), 2**31 - 1), st.integers(0, 40))
def test_integer_powers_are_exact(x: int, n: int) -> None:
    found = body(ops.power, np.array([x]), np.array([n]))
    wrapped = (pow(x, n, 2**64) + 2**63) % 2**64 - 2**63
    assert found[0] == wrapped
    assert body(ops.integer_pow, np.array([x]), exponent=n)[0] == wrapped


@given(st.integers(-128, 127), st.integers(-128, 127).filter(bool))
def test_whole_division_is_pythons(x: int, y: int) -> None:
    a, b = np.array([x], np.int64), np.array([y], np.int64)
    assert body(ops.div_floor, a, b)[0] == x // y
    quotient = abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1)
    assert body(ops.div_trunc, a, b)[0] == quotient
    assert body(ops.fmod, a, b)[0] == x - y * quotient


def test_hyperbolic_functions_do_not_overflow_early() -> None:
    x = np.array([89.0, -89.0], np.float32)
    assert np.isfinite(body(ops.sinh, x)).all() and np.isfinite(body(ops.cosh, x)).all()
    big = np.array([1e30], np.float32)
    np.testing.assert_allclose(body(ops.asinh, big), np.arcsinh(1e30), rtol=1e-6)
    np.testing.assert_allclose(body(ops.acosh, big), np.arccosh(1e30), rtol=1e-6)


def test_atan2_knows_the_signs_of_zeros() -> None:
    zeros = np.array([0.0, 0.0, -0.0, -0.0]), np.array([0.0, -0.0, 0.0, -0.0])
    found = body(ops.atan2, *zeros)
    np.testing.assert_array_equal(found, np.arctan2(*zeros))
    np.testing.assert_array_equal(np.signbit(found), np.signbit(np.arctan2(*zeros)))


def test_float_division_rounds_down_exactly() -> None:
    x, y = np.array([1.0, 0.3, -7.0]), np.array([0.1, 0.1, 2.0])
    np.testing.assert_array_equal(body(ops.div_floor, x, y), x // y)


def test_clamp_without_bounds_is_the_value() -> None:
    x = np.array([1, 2], np.int32)
    found = body(ops.clamp, x, min=None, max=None)
    assert found.dtype == dt.int32.np and (found == x).all()
