"""Linear algebra by NumPy's LAPACK: inverses, solving, determinants, the exponential.

Every op takes batches, (..., m, n). Gradients are expressions, so that they have gradients.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.base.errors import DTypeError, LinAlgError, ShapeError, message
from firth.ir.node import Shape
from firth.ir.op import TABLE, Expr
from firth.ops import blocked
from firth.ops.arrange import tril, triu
from firth.ops.contract import matmul, product_dtype
from firth.ops.elementwise import where
from firth.ops.host import host
from firth.ops.movement import concatenate, permute, slice_
from firth.ops.reduce import sum_
from firth.ops.rules import (
    ANY_NUMBER,
    broadcast,
    cases,
    composed,
    iota,
    promote,
    reshape,
    zeros_like,
)

MATRICES = (dt.float32, dt.float64)  # dtypes of samples
_ALLOWED = (*MATRICES, dt.complex64, dt.complex128)


# --- rules ----------------------------------------------------------------------------------------


def matrix(name: str, x: Shape) -> Shape:
    """The shape itself; ShapeError unless it has two dimensions."""
    if len(x) < 2:
        raise ShapeError(
            message(name, "not a matrix", f"{len(x)} dimensions, shape {x}", "(..., m, n)",
                    "reshape it, e.g. x[None] for one row")
        )  # fmt: skip
    return x


def square(name: str, x: Shape) -> Shape:
    """The shape itself; ShapeError unless it is of square matrices."""
    if matrix(name, x)[-1] != x[-2]:
        raise ShapeError(
            message(name, "the matrix is not square", f"{x}", "(..., n, n)",
                    "for other shapes there are lstsq, pinv, svd and qr")
        )  # fmt: skip
    return x


def float_matrix(name: str, *dtypes: DType) -> DType:
    """The dtype of float32, float64 or complex matrices; DTypeError for others."""
    half = [d for d in dtypes if d.kind == "f" and d not in _ALLOWED]
    found = half[0] if half else promote(dtypes)
    if found not in _ALLOWED:
        raise DTypeError(
            message(name, "matrices of this dtype have no factorisation", found.name,
                    "float32, float64, complex64 or complex128",
                    "convert first, e.g. x.float()")
        )  # fmt: skip
    return found


def matrix_dtype(name: str) -> Any:
    """A dtype rule: `float_matrix` of the sources."""
    return lambda *dtypes, **_: float_matrix(name, *dtypes)


def singular(name: str, a: np.ndarray) -> LinAlgError:
    """The error that says which matrix of a batch is singular."""
    return failed(name, a, np.linalg.inv, "a matrix is singular", "matrices of full rank",
                  "add a small multiple of eye(n), or use pinv or lstsq")  # fmt: skip


def failed(
    name: str, a: np.ndarray, attempt: Any, wrong: str, expected: str, fix: str
) -> LinAlgError:
    """The error of a batch of which NumPy refuses a matrix; it names the first one."""
    got = f"shape {a.shape}"
    for place in np.ndindex(a.shape[:-2]):
        try:
            attempt(a[place])
        except np.linalg.LinAlgError:
            got = f"number {place[0] if len(place) == 1 else place} of {a.shape}" if place else got
            break
    return LinAlgError(message(name, wrong, got, expected, fix))


# --- expressions ----------------------------------------------------------------------------------


def conj(x: Expr) -> Expr:
    """The complex conjugate."""
    return TABLE["conj"](x) if x.dtype.is_complex else x


def turned(x: Expr) -> Expr:
    """The matrices transposed: (..., m, n) -> (..., n, m)."""
    return permute(x, axes=(*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


def adjoint(x: Expr) -> Expr:
    """The matrices transposed and conjugated."""
    return conj(turned(x))


def eye(n: int) -> Expr:
    """Where the diagonal is: (n, n) bool."""
    return iota((n, n), 0) == iota((n, n), 1)


def diagonals(x: Expr) -> Expr:
    """Matrices with these diagonals: (..., n) -> (..., n, n)."""
    return where(eye(x.shape[-1]), reshape(x, (*x.shape[:-1], 1, x.shape[-1])), 0)


def column(x: Expr) -> Expr:
    """x (..., n) -> (..., n, 1)."""
    return reshape(x, (*x.shape, 1))


def row(x: Expr) -> Expr:
    """x (..., n) -> (..., 1, n)."""
    return reshape(x, (*x.shape[:-1], 1, x.shape[-1]))


def part(x: Expr, axis: int, start: int, stop: int) -> Expr:
    """x[start:stop] along one axis, counted from the end."""
    place = x.ndim + axis
    return slice_(
        x, starts=tuple(start if a == place else 0 for a in range(x.ndim)),
        sizes=tuple(stop - start if a == place else n for a, n in enumerate(x.shape)),
        steps=(1,) * x.ndim,
    )  # fmt: skip


def regular(make: Any, *shape: int) -> np.ndarray:
    """Samples far from singular: (..., n, n)."""
    x = make(*shape)
    return np.asarray(x + 4 * np.eye(shape[-1])).astype(x.dtype)


# --- inverse --------------------------------------------------------------------------------------


def _inv(a: np.ndarray, check: bool) -> np.ndarray:
    try:
        return np.linalg.inv(a)
    except np.linalg.LinAlgError:
        if check:
            raise singular("inv", a) from None
        return _each(np.linalg.inv, a)


def _each(attempt: Any, *arrays: np.ndarray) -> np.ndarray:
    """One matrix after the other; NaN where NumPy refuses."""
    batch = np.broadcast_shapes(*(a.shape[:-2] for a in arrays))
    whole = [np.broadcast_to(a, (*batch, *a.shape[-2:])) for a in arrays]
    out = np.full(whole[-1].shape, np.nan, np.result_type(*arrays))
    for place in np.ndindex(batch):
        try:
            out[place] = attempt(*(a[place] for a in whole))
        except np.linalg.LinAlgError:
            continue
    return out


inv = host(
    "inv", attrs=("check",), defaults={"check": True},
    doc="The inverse of each matrix; where there is none LinAlgError, or NaN without check: "
    "(..., n, n) -> (..., n, n).",
    shape=lambda a, check: square("inv", a), dtype=matrix_dtype("inv"), ref=_inv,
    vjp=lambda g, y, a, check: (-matmul(matmul(adjoint(y), g), adjoint(y)),),
    sample=cases(lambda make, rng, d: [
        (regular(make, *s), {}) for s in ((3, 3), (2, 2, 2), (0, 0), (2, 0, 3, 3))
    ], MATRICES),
)  # fmt: skip


# --- solving --------------------------------------------------------------------------------------


def solve_shape(name: str) -> Any:
    """A shape rule: matrices and right sides of as many rows -> as the right sides."""

    def rule(a: Shape, b: Shape, **_: Any) -> Shape:
        square(name, a)
        if matrix(name, b)[-2] != a[-1]:
            raise ShapeError(
                message(name, "the right sides do not fit the matrix", f"{a} and {b}",
                        f"(..., {a[-1]}, k)", "a vector b is a matrix of one column: b[:, None]")
            )  # fmt: skip
        return (*broadcast(name, a[:-2], b[:-2]), *b[-2:])

    return rule


def _solve(a: np.ndarray, b: np.ndarray, check: bool) -> np.ndarray:
    try:
        return np.linalg.solve(a, b)
    except np.linalg.LinAlgError:
        if check:
            raise singular("solve", a) from None
        return _each(np.linalg.solve, a, b)


def _solve_vjp(g: Expr, y: Expr, a: Expr, b: Expr, check: bool) -> tuple[Expr, Expr]:
    found = solve(adjoint(a), g, check=check)
    return -matmul(found, adjoint(y)), found


solve = host(
    "solve", arity=2, attrs=("check",), defaults={"check": True},
    doc="X with A X = B, for each matrix; where A is singular LinAlgError, or NaN without check: "
    "a (..., n, n), b (..., n, k) -> (..., n, k).",
    shape=solve_shape("solve"), dtype=matrix_dtype("solve"), ref=_solve, vjp=_solve_vjp,
    sample=cases(lambda make, rng, d: [
        (regular(make, 3, 3), make(3, 2), {}), (regular(make, 2, 2, 2), make(2, 1), {}),
        (regular(make, 0, 0), make(0, 2), {}), (regular(make, 2, 2), make(3, 2, 0), {}),
    ], MATRICES),
)  # fmt: skip


def _triangular_vjp(
    g: Expr, y: Expr, a: Expr, b: Expr, upper: bool, unit: bool
) -> tuple[Expr, Expr]:
    found = solve_triangular(adjoint(a), g, upper=not upper, unit=unit)
    whole = -matmul(found, adjoint(y))
    inside = triu(whole, diagonal=int(unit)) if upper else tril(whole, diagonal=-int(unit))
    return inside, found


solve_triangular = host(
    "solve_triangular", arity=2, attrs=("upper", "unit"), defaults={"unit": False},
    doc="X with tri(A) X = B, tri(A) the upper or lower triangle of A, with ones on its diagonal "
    "where unit says so: a (..., n, n), b (..., n, k) -> (..., n, k). A zero there gives infinity.",
    shape=solve_shape("solve_triangular"), dtype=matrix_dtype("solve_triangular"),
    ref=blocked.substitute, vjp=_triangular_vjp,
    sample=cases(lambda make, rng, d: [
        (regular(make, 3, 3), make(3, 2), {"upper": True}),
        (regular(make, 2, 3, 3), make(3, 1), {"upper": False}),
        (regular(make, 3, 3), make(2, 3, 2), {"upper": False, "unit": True}),
        (regular(make, 0, 0), make(0, 2), {"upper": True}),
    ], MATRICES),
)  # fmt: skip


# --- determinants ---------------------------------------------------------------------------------


def _adjugate(a: np.ndarray) -> np.ndarray:
    """From the singular values, so that it exists for singular matrices too."""
    u, s, vh = np.linalg.svd(a)
    n = s.shape[-1]
    others = np.where(np.eye(n, dtype=bool), 1, s[..., None, :]).prod(-1)  # product of all but one
    sign = np.linalg.det(u) * np.linalg.det(vh)
    found = np.swapaxes(vh.conj(), -1, -2) * others[..., None, :] @ np.swapaxes(u.conj(), -1, -2)
    return found * sign[..., None, None]


def _adjugate_vjp(g: Expr, y: Expr, a: Expr) -> tuple[Expr]:
    """Of det(A) times the inverse of A, which is the same where there is one."""
    inverse = adjoint(inv(a, check=False))
    change = sum_(g * conj(adjoint(inverse)), axes=(g.ndim - 2, g.ndim - 1), keepdims=True)
    return (change * adjoint(y) - matmul(matmul(inverse, g), adjoint(y)),)


adjugate = host(
    "adjugate",
    doc="The transposed cofactors of each matrix, det(A) times its inverse where there is one: "
    "(..., n, n) -> (..., n, n).",
    shape=lambda a: square("adjugate", a), dtype=matrix_dtype("adjugate"), ref=_adjugate,
    vjp=_adjugate_vjp,
    sample=cases(lambda make, rng, d: [
        (regular(make, *s), {}) for s in ((3, 3), (2, 2, 2), (0, 0))
    ], MATRICES),
)  # fmt: skip

det = host(
    "det",
    doc="The determinant of each matrix: (..., n, n) -> (...).",
    shape=lambda a: square("det", a)[:-2], dtype=matrix_dtype("det"), ref=np.linalg.det,
    vjp=lambda g, y, a: (column(column(g)) * adjoint(adjugate(a)),),
    sample=cases(lambda make, rng, d: [
        (make(*s), {}) for s in ((3, 3), (2, 2, 2), (1, 1), (0, 0))
    ], MATRICES),
)  # fmt: skip


def _slogdet(a: np.ndarray) -> np.ndarray:
    sign, logarithm = np.linalg.slogdet(a)
    return np.stack([sign, logarithm.astype(sign.dtype)], -1)


def _slogdet_vjp(g: Expr, y: Expr, a: Expr) -> tuple[Expr]:
    change = part(g, -1, 1, 2)
    if g.dtype.is_complex:  # the sign turns with the imaginary part of the trace
        turn = TABLE["imag"](conj(part(g, -1, 0, 1)) * part(y, -1, 0, 1))
        change = TABLE["complex"](TABLE["real"](change), -turn)
    return (column(change) * adjoint(inv(a)),)


slogdet = host(
    "slogdet",
    doc="Sign and logarithm of the absolute value of each determinant: (..., n, n) -> (..., 2).",
    shape=lambda a: (*square("slogdet", a)[:-2], 2), dtype=matrix_dtype("slogdet"), ref=_slogdet,
    vjp=_slogdet_vjp,
    sample=cases(lambda make, rng, d: [
        (regular(make, *s), {}) for s in ((3, 3), (2, 2, 2), (0, 0))
    ], MATRICES),
)  # fmt: skip


# --- pseudo-inverse and exponential ---------------------------------------------------------------


def _pinv(a: np.ndarray, atol: float, rtol: float | None, hermitian: bool) -> np.ndarray:
    if a.size == 0:
        return np.zeros((*a.shape[:-2], a.shape[-1], a.shape[-2]), a.dtype)
    if rtol is None:
        rtol = float(np.finfo(a.dtype).eps) * max(a.shape[-2:])
    if hermitian:
        s, v = np.linalg.eigh(a)
        u, sizes = v, np.abs(s)
    else:
        u, s, vh = np.linalg.svd(a, full_matrices=False)
        v, sizes = np.swapaxes(vh.conj(), -1, -2), s
    limit = np.maximum(atol, rtol * sizes.max(-1, keepdims=True))
    inverse = np.where(sizes > limit, 1 / np.where(sizes > limit, s, 1), 0)
    return (v * inverse[..., None, :]) @ np.swapaxes(u.conj(), -1, -2)


def _pinv_vjp(g: Expr, y: Expr, a: Expr, **_: Any) -> tuple[Expr]:
    """Golub and Pereyra 1973, at constant rank."""
    turned_g, back = adjoint(g), adjoint(y)
    k = matmul(turned_g, y)
    kb = matmul(k, back)
    rest = matmul(matmul(back, y), turned_g - matmul(k, a))
    return (kb - adjoint(matmul(y, k)) - matmul(matmul(a, y), kb) + rest,)


pinv = host(
    "pinv", attrs=("atol", "rtol", "hermitian"), defaults={"hermitian": False},
    doc="The pseudo-inverse of each matrix (Moore, Penrose); singular values up to "
    "max(atol, rtol * the largest) count as 0, without an rtol eps * max(m, n) of it: "
    "(..., m, n) -> (..., n, m).",
    shape=lambda a, **_: (*matrix("pinv", a)[:-2], a[-1], a[-2]),
    dtype=matrix_dtype("pinv"), ref=_pinv, vjp=_pinv_vjp,
    sample=cases(lambda make, rng, d: [
        (make(*s), {"atol": 0.0, "rtol": 1e-6}) for s in ((3, 2), (2, 2, 3), (0, 2), (3, 0))
    ], MATRICES),
)  # fmt: skip


def _exp_vjp(g: Expr, y: Expr, a: Expr) -> tuple[Expr]:
    """The exponential of [[A', g], [0, A']] has the gradient in its upper right (Najfeld 1995)."""
    n, turned_a = a.shape[-1], adjoint(a)
    top = concatenate(turned_a, g, axis=a.ndim - 1)
    below = concatenate(zeros_like(a), turned_a, axis=a.ndim - 1)
    whole = matrix_exp(concatenate(top, below, axis=a.ndim - 2))
    return (part(part(whole, -2, 0, n), -1, n, 2 * n),)


matrix_exp = host(
    "matrix_exp",
    doc="The exponential of each matrix, the sum of A^k / k!: (..., n, n) -> (..., n, n).",
    shape=lambda a: square("matrix_exp", a), dtype=matrix_dtype("matrix_exp"),
    ref=blocked.exponential, vjp=_exp_vjp,
    sample=cases(lambda make, rng, d: [
        (make(*s), {}) for s in ((3, 3), (2, 2, 2), (0, 0), (1, 1))
    ], MATRICES),
)  # fmt: skip

# --- vector product -------------------------------------------------------------------------------


def _cross_shape(a: Shape, b: Shape, axis: int) -> Shape:
    if len(a) != len(b) or not 0 <= axis < len(a) or a[axis] != 3 or b[axis] != 3:
        raise ShapeError(
            message("cross", "these are not vectors of three", f"{a} and {b}, axis {axis}",
                    "as many dims, and extent 3 along the axis", "name another axis")
        )  # fmt: skip
    return broadcast("cross", a, b)


def _cross_lower(a: Expr, b: Expr, axis: int) -> Expr:
    x, y = ([part(z, axis - a.ndim, i, i + 1) for i in range(3)] for z in (a, b))
    pairs = ((1, 2), (2, 0), (0, 1))
    return concatenate(*(x[i] * y[j] - x[j] * y[i] for i, j in pairs), axis=axis)


cross = composed(
    "cross", arity=2, attrs=("axis",), shape=_cross_shape, lower=_cross_lower,
    dtype=lambda a, b, axis: product_dtype("cross", a, b),
    ref=lambda a, b, axis: np.cross(a, b, axis=axis),
    doc="The vector product along an axis of extent 3: x, y (..., 3, ...) -> (..., 3, ...); other "
    "dims broadcast.",
    sample=cases(lambda make, rng, d: [
        (make(4, 3), make(4, 3), {"axis": 1}), (make(3, 1, 2), make(3, 5, 2), {"axis": 0}),
        (make(3), make(3), {"axis": 0}), (make(0, 3), make(1, 3), {"axis": 1}),
    ], ANY_NUMBER),
)  # fmt: skip
