"""Complex functions at zeros, infinities, NaN and the ends of the range, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from firth import ops
from firth.base import dtype as dt
from firth.ir.graph import Graph
from firth.ir.op import Expr, input_node
from firth.ops.pairs import Pair, by_parts, parts, whole
from tests.table.table_tools import run

INF, NAN = np.inf, np.nan
LINE = np.array(
    [0.0, -0.0, 1.0, -1.0, 2.5, -2.5, 0.3, -0.3, INF, -INF, NAN, 1e300, -1e300, 1e-300, 710.2,
     -745.0]
)  # fmt: skip
GRID = np.empty((16, 16), np.complex128)
GRID.real, GRID.imag = LINE[:, None], LINE
NUMPY = {
    "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "asinh": np.arcsinh,
    "acosh": np.arccosh, "atanh": np.arctanh,
}  # fmt: skip
NAMES = (
    "abs sqrt exp log log1p sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh log2 log10 "
    "exp2 sign angle reciprocal isfinite isinf isnan"
).split()


def apply(name: str, z: np.ndarray, target: str = "cpu") -> np.ndarray:
    x = input_node(0, z.shape, dt.from_numpy(z.dtype))
    return run(Graph((x,), (ops.TABLE[name](x).node,)), [z], target)[0]


def agrees(a: np.ndarray, b: np.ndarray, signs: np.ndarray) -> np.ndarray:
    """Element by element: NaN with NaN, equal infinities, zeros with their sign where it counts."""
    with np.errstate(all="ignore"):
        near = np.abs(a - b) <= 1e-12 * (1 + np.abs(b))
        near &= ~signs | (b != 0) | (a != 0) | (np.signbit(a) == np.signbit(b))
        return np.where(np.isnan(b), np.isnan(a), near | (a == b) & ~(b == 0))


@pytest.mark.parametrize("name", NAMES)
def test_special_values_are_numpys(name: str) -> None:
    z = GRID.ravel()
    with np.errstate(all="ignore"):
        expected = NUMPY.get(name, getattr(np, name, None))(z)
    found = apply(name, z)
    assert found.dtype == expected.dtype
    if expected.dtype.kind != "c":
        assert agrees(found * 1.0, expected * 1.0, np.True_).all()
        return
    # beside NaN the other part has no sign that anybody promises
    undefined = np.isnan(z)
    free_re, free_im = np.isnan(expected.imag) | undefined, np.isnan(expected.real) | undefined
    # the array API standard wants 0 where C's zero turns its sign with the angle
    free_im |= (name == "tanh") & np.isinf(z.real)
    free_re |= (name == "tan") & np.isinf(z.imag)
    a, b = found, expected
    re = agrees(np.where(free_re, np.abs(a.real), a.real),
                np.where(free_re, np.abs(b.real), b.real), ~free_re)  # fmt: skip
    im = agrees(np.where(free_im, np.abs(a.imag), a.imag),
                np.where(free_im, np.abs(b.imag), b.imag), ~free_im)  # fmt: skip
    wrong = ~(re & im)
    assert not wrong.any(), list(zip(z[wrong], b[wrong], a[wrong], strict=True))[:5]


def test_expm1_where_numpy_gives_nan() -> None:
    z = np.array([complex(INF, 0), complex(-INF, INF), complex(1e-9, 1e-9), 0.5 + 2j])
    found = apply("expm1", z)
    assert found[0] == complex(INF, 0) and found[1] == -1
    np.testing.assert_allclose(found[2], 1e-9 + 1e-9j + (1e-9 + 1e-9j) ** 2 / 2, rtol=1e-14)
    np.testing.assert_allclose(found[3], np.exp(0.5 + 2j) - 1, rtol=1e-14)


@pytest.mark.parametrize("name", ["asin", "acos", "atan", "asinh", "acosh", "atanh", "sqrt", "log"])
def test_branch_cuts_follow_the_sign_of_zero(name: str) -> None:
    cut = np.array([complex(s * 2, z) for s in (1, -1) for z in (0.0, -0.0)])
    both = np.concatenate([cut, 1j * cut.conj()])
    np.testing.assert_allclose(
        apply(name, both), NUMPY.get(name, getattr(np, name, None))(both), rtol=1e-13
    )


@pytest.mark.parametrize("name", NAMES)
def test_single_precision_on_random_numbers(name: str) -> None:
    rng = np.random.default_rng(3)
    z = ((rng.standard_normal(500) + 1j * rng.standard_normal(500)) * 3).astype(np.complex64)
    expected = NUMPY.get(name, getattr(np, name, None))(z.astype(np.complex128))
    np.testing.assert_allclose(apply(name, z), expected, rtol=2e-5, atol=2e-6)


def test_powers_of_zero_and_to_zero() -> None:
    a = np.array([0, 0, 0, 2 + 1j, 0])
    b = np.array([0, 2, 1 + 1j, 0, -1 + 0j])
    x, y = input_node(0, a.shape, dt.complex128), input_node(1, b.shape, dt.complex128)
    found = run(Graph((x, y), (ops.pow(x, y).node,)), [a, b], "cpu")[0]
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(found, np.power(a, b), atol=0)


def test_division_by_large_small_and_zero() -> None:
    a = np.array([1e200 + 1e200j, 1 + 2j, 3 - 1j, 1 + 0j])
    b = np.array([2e200 - 1e200j, 1e-200 + 1e-200j, 2j, 0j])
    x, y = input_node(0, a.shape, dt.complex128), input_node(1, b.shape, dt.complex128)
    found = run(Graph((x, y), (ops.div(x, y).node,)), [a, b], "cpu")[0]
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(found, a / b, rtol=1e-15)


def test_parts_of_real_and_complex_expressions() -> None:
    z, x = Expr(input_node(0, (2,), dt.complex64)), Expr(input_node(1, (2,), dt.float32))
    assert [p.node.op.name for p in parts(z)] == ["real", "imag"]
    assert parts(x).re is x and parts(x).im.dtype is dt.float32
    assert whole(Pair(x, x)).dtype is dt.complex64 and whole(x) is x
    assert by_parts("no such op", abs) is abs
