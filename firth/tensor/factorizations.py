"""Factorisations of matrices under torch.linalg's names, and torch's older ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from firth.base import dtype as dt
from firth.base.errors import ShapeError, message
from firth.tensor.handle import Tensor
from firth.tensor.linalg import (
    check_info,
    eye_like,
    mh,
    parts,
    real,
    refuse,
    solve_triangular,
    zero_pivot,
)
from firth.tensor.record import apply, user_line


class CholeskyInfo(NamedTuple):
    """Factors, and the order of the first leading minor that is not positive (0: none)."""

    L: Tensor
    info: Tensor


class Eigen(NamedTuple):
    """Eigenvalues, and eigenvectors in columns."""

    eigenvalues: Tensor
    eigenvectors: Tensor


class SingularValues(NamedTuple):
    """A = U diag(S) Vh."""

    U: Tensor
    S: Tensor
    Vh: Tensor


class OldSingularValues(NamedTuple):
    """A = U diag(S) V^H."""

    U: Tensor
    S: Tensor
    V: Tensor


class QR(NamedTuple):
    """A = Q R."""

    Q: Tensor
    R: Tensor


class LU(NamedTuple):
    """A = P L U."""

    P: Tensor
    L: Tensor
    U: Tensor


class LUFactors(NamedTuple):
    """Both triangles in one matrix, and the row that each row changed places with, from 1."""

    LU: Tensor
    pivots: Tensor


class LUFactorsInfo(NamedTuple):
    """LUFactors, and the number of the first pivot that is zero (0: none)."""

    LU: Tensor
    pivots: Tensor
    info: Tensor


class LDL(NamedTuple):
    """L below D's blocks, and LAPACK's pivots, from 1, negative at blocks of two rows."""

    LD: Tensor
    pivots: Tensor


class LDLInfo(NamedTuple):
    """LDL, and the number of the first pivot that is zero (0: none)."""

    LD: Tensor
    pivots: Tensor
    info: Tensor


class Reflectors(NamedTuple):
    """R above and Householder vectors below the diagonal, and their factors."""

    a: Tensor
    tau: Tensor


def matrices(name: str, A: Tensor) -> tuple[int, int]:
    """The extents of A's matrices; ShapeError where A has fewer than two dims."""
    if A.ndim < 2:
        raise ShapeError(
            message(name, "not a matrix", f"{A.ndim} dimensions", "(..., m, n)",
                    "reshape it, e.g. x[None] for one row")
        ).at(user_line())  # fmt: skip
    return A.shape[-2], A.shape[-1]


# --- Cholesky -------------------------------------------------------------------------------------


def cholesky(A: Tensor, *, upper: bool = False) -> Tensor:
    """Lower L with L L^H = A, or its adjoint (upper), of positive definite matrices:
    (..., n, n) -> (..., n, n). Only that triangle is read; LinAlgError where A is not definite.

    >>> from firth.tensor import tensor
    >>> cholesky(tensor([[4.0, 2.0], [2.0, 2.0]])).tolist()
    [[2.0, 0.0], [1.0, 1.0]]
    """
    found = apply("cholesky", A, uplo="U" if upper else "L")
    return mh(found) if upper else found


def cholesky_ex(A: Tensor, *, upper: bool = False, check_errors: bool = False) -> CholeskyInfo:
    """(L, info) as `cholesky`; NaN from the minor on that is not positive, and no error."""
    uplo = "U" if upper else "L"
    found = apply("cholesky", A, uplo=uplo, check=False)
    info = apply("cholesky_info", A.detach(), uplo=uplo)
    if check_errors:
        check_info("cholesky_ex", info, "a matrix is not positive definite")
    return CholeskyInfo(mh(found) if upper else found, info)


def old_cholesky(input: Tensor, upper: bool = False) -> Tensor:
    """As linalg.cholesky."""
    return cholesky(input, upper=upper)


def cholesky_solve(B: Tensor, L: Tensor, upper: bool = False) -> Tensor:
    """X with A X = B, from A's Cholesky factor: (..., n, k), (..., n, n) -> (..., n, k)."""
    return apply("cholesky_solve", B, L, upper=bool(upper))


def cholesky_inverse(L: Tensor, upper: bool = False) -> Tensor:
    """The inverse of A from its Cholesky factor: (..., n, n) -> (..., n, n)."""
    n = matrices("cholesky_inverse", L)[1]
    return cholesky_solve(eye_like(L, n), L, upper)


# --- eigenvalues and singular values --------------------------------------------------------------


def _triangle(name: str, UPLO: str) -> str:
    if UPLO not in ("L", "U", "l", "u"):
        raise refuse(name, "no such triangle", repr(UPLO), "'L' or 'U'", "leave it out")
    return UPLO.upper()


def eigh(A: Tensor, UPLO: str = "L") -> Eigen:
    """(eigenvalues in ascending order, eigenvectors) of symmetric or hermitian matrices:
    (..., n, n) -> (..., n), (..., n, n). Only the triangle UPLO is read."""
    packed = apply("eigh", A, uplo=_triangle("eigh", UPLO))
    n = A.shape[-1]
    values, vectors = parts(packed, (n,), (n, n))
    return Eigen(real(values), vectors)


def eigvalsh(A: Tensor, UPLO: str = "L") -> Tensor:
    """Eigenvalues of symmetric matrices in ascending order: (..., n, n) -> (..., n)."""
    return apply("eigvalsh", A, uplo=_triangle("eigvalsh", UPLO))


def eig(A: Tensor) -> Eigen:
    """(eigenvalues, eigenvectors of length 1), complex and in no order:
    (..., n, n) -> (..., n), (..., n, n)."""
    packed = apply("eig", A)
    n = A.shape[-1]
    return Eigen(*parts(packed, (n,), (n, n)))


def eigvals(A: Tensor) -> Tensor:
    """Eigenvalues, complex and in no order: (..., n, n) -> (..., n)."""
    return apply("eigvals", A)


def svd(A: Tensor, full_matrices: bool = True, *, driver: str | None = None) -> SingularValues:
    """(U, S, Vh), singular values in descending order: (..., m, n) -> (..., m, m), (..., k),
    (..., n, n), or (..., m, k), (..., k), (..., k, n) when not full_matrices; k = min(m, n)."""
    m, n = matrices("svd", A)
    k, full = min(m, n), bool(full_matrices)
    u, s, vh = parts(apply("svd", A, full=full), (m, m if full else k), (k,), (n if full else k, n))
    return SingularValues(u, real(s), vh)


def svdvals(A: Tensor, *, driver: str | None = None) -> Tensor:
    """Singular values in descending order: (..., m, n) -> (..., min(m, n))."""
    return apply("svdvals", A)


def old_svd(input: Tensor, some: bool = True, compute_uv: bool = True) -> OldSingularValues:
    """(U, S, V), reduced unless some=False; zeros for U and V without compute_uv."""
    m, n = matrices("svd", input)
    if compute_uv:
        u, s, vh = svd(input, not some)
        return OldSingularValues(u, s, mh(vh))
    lead = tuple(input.shape[:-2])
    zeros = [apply("full", shape=(*lead, k, k), value=0, dtype=input.dtype) for k in (m, n)]
    return OldSingularValues(zeros[0], svdvals(input), zeros[1])


# --- QR -------------------------------------------------------------------------------------------


def qr(A: Tensor, mode: str = "reduced") -> QR:
    """(Q, R), Q with orthonormal columns, R upper: (..., m, n) -> (..., m, k), (..., k, n) with
    k = min(m, n), or m in mode 'complete'; mode 'r' leaves Q empty.

    Gradients: mode 'reduced', and 'complete' where m <= n.
    """
    if mode not in ("reduced", "complete", "r"):
        raise refuse("qr", "no such mode", repr(mode), "'reduced', 'complete' or 'r'",
                     "leave it out")  # fmt: skip
    m, n = matrices("qr", A)
    k = m if mode == "complete" else min(m, n)
    packed = apply("qr", A, mode=mode)
    if mode == "r":
        empty = apply("full", shape=(0,), value=0, dtype=A.dtype)
        return QR(empty, packed.reshape(*A.shape[:-2], k, n))
    return QR(*parts(packed, (m, k), (k, n)))


def old_qr(input: Tensor, some: bool = True) -> QR:
    """(Q, R), reduced unless some=False."""
    return qr(input, "reduced" if some else "complete")


def geqrf(input: Tensor) -> Reflectors:
    """(a, tau): LAPACK's QR, for `householder_product` and `ormqr`."""
    m, n = matrices("geqrf", input)
    return Reflectors(*parts(apply("geqrf", input), (m, n), (min(m, n),)))


def _reflections(name: str, A: Tensor, tau: Tensor) -> tuple[Tensor, Tensor]:
    """(V, T): the product of all reflections is 1 - V T V^H (Schreiber and Van Loan 1989)."""
    m, n = matrices(name, A)
    k = tau.shape[-1] if tau.ndim else 0
    if not tau.ndim or k > min(m, n) or tuple(tau.shape[:-1]) != tuple(A.shape[:-2]):
        raise ShapeError(
            message(name, "the factors do not fit the vectors", f"{A.shape} and {tau.shape}",
                    "(..., m, n) and (..., k) with k at most m and n", "take both from geqrf")
        ).at(user_line())  # fmt: skip
    low = A[..., :k].tril(-1)
    vectors = low + eye_like(A, m)[:, :k]
    inner = (mh(vectors) @ vectors).triu(1)
    scaled = tau.unsqueeze(-1)
    left = inner * scaled
    right = eye_like(A, k) * scaled
    return vectors, solve_triangular(left, right, upper=True, unitriangular=True)


def householder_product(A: Tensor, tau: Tensor) -> Tensor:
    """The first n columns of a product of Householder reflections 1 - tau v v^H, v below A's
    diagonal: (..., m, n), (..., k) -> (..., m, n)."""
    vectors, inner = _reflections("householder_product", A, tau)
    m, n = A.shape[-2:]
    if m < n:
        raise ShapeError(
            message("householder_product", "more columns than rows", str(tuple(A.shape)),
                    "(..., m, n) with m >= n", "take A from geqrf of a tall matrix")
        ).at(user_line())  # fmt: skip
    return eye_like(A, m)[:, :n] - vectors @ (inner @ mh(vectors[..., :n, :]))


def ormqr(
    input: Tensor, tau: Tensor, other: Tensor, left: bool = True, transpose: bool = False
) -> Tensor:
    """The product of other with the whole Q of Householder reflections, or with its adjoint."""
    vectors, inner = _reflections("ormqr", input, tau)
    inner = mh(inner) if transpose else inner
    if left:
        return other - vectors @ (inner @ (mh(vectors) @ other))
    return other - ((other @ vectors) @ inner) @ mh(vectors)


# --- LU -------------------------------------------------------------------------------------------


def _pivoted(name: str, pivot: bool) -> None:
    if not pivot:
        raise refuse(name, "LU needs pivoting here", "pivot=False", "pivot=True", "leave it out")


def _lu(A: Tensor) -> list[Tensor]:
    m, n = matrices("lu", A)
    return parts(apply("lu", A), (m, n), (min(m, n),), (m,))


def _permutation(order: Tensor, dtype: dt.DType) -> Tensor:
    """P with P[order[i], i] = 1: (..., m) -> (..., m, m)."""
    m = order.shape[-1]
    rows = apply("iota", extent=m, dtype=dt.int64).reshape(m, 1)
    return apply("cast", apply("equal", rows, order.unsqueeze(-2)), dtype=dtype)


def _triangles(packed: Tensor) -> tuple[Tensor, Tensor]:
    m, n = packed.shape[-2:]
    k = min(m, n)
    ones = apply("eye", rows=m, columns=k, dtype=packed.dtype)
    return packed[..., :k].tril(-1) + ones, packed[..., :k, :].triu()


def lu(A: Tensor, *, pivot: bool = True) -> LU:
    """(P, L, U) with P L U = A: (..., m, n) -> (..., m, m), (..., m, k), (..., k, n)."""
    _pivoted("lu", pivot)
    packed, _, order = _lu(A)
    order = apply("cast", real(order).detach(), dtype=dt.int64)
    return LU(_permutation(order, A.dtype), *_triangles(packed))


def lu_factor(A: Tensor, *, pivot: bool = True) -> LUFactors:
    """(LU, pivots) for `lu_solve`: (..., m, n) -> (..., m, n), (..., min(m, n)) int32.

    LinAlgError where a square matrix is singular is left to `lu_solve`'s infinities.
    """
    _pivoted("lu_factor", pivot)
    packed, pivots, _ = _lu(A)
    return LUFactors(packed, apply("cast", real(pivots).detach(), dtype=dt.int32) + 1)


def lu_factor_ex(A: Tensor, *, pivot: bool = True, check_errors: bool = False) -> LUFactorsInfo:
    """(LU, pivots, info) as `lu_factor`."""
    k = min(matrices("lu_factor_ex", A))
    found = LUFactorsInfo(*lu_factor(A, pivot=pivot), zero_pivot(A[..., :k, :k]))
    if check_errors:
        check_info("lu_factor_ex", found.info, "a pivot is zero")
    return found


def lu_solve(
    LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False
) -> Tensor:
    """X with A X = B (left) or X A = B, or with A's adjoint, from A's `lu_factor`."""
    if not left:
        return mh(lu_solve(LU, pivots, mh(B), adjoint=not adjoint))
    order = apply("pivots_order", pivots, rows=LU.shape[-2])
    permutation = _permutation(order, LU.dtype)
    if not adjoint:
        middle = solve_triangular(LU, permutation.mT @ B, upper=False, unitriangular=True)
        return solve_triangular(LU, middle, upper=True)
    middle = solve_triangular(mh(LU), B, upper=False)
    return permutation @ solve_triangular(mh(LU), middle, upper=True, unitriangular=True)


def old_lu_solve(b: Tensor, LU_data: Tensor, LU_pivots: Tensor) -> Tensor:
    """X with A X = b from A's factors."""
    return lu_solve(LU_data, LU_pivots, b)


def old_lu(A: Tensor, pivot: bool = True, get_infos: bool = False) -> Any:
    """(LU, pivots), and info with get_infos."""
    return lu_factor_ex(A, pivot=pivot) if get_infos else lu_factor(A, pivot=pivot)


def lu_unpack(
    LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True
) -> LU:
    """(P, L, U) from `lu_factor`'s results; what is not asked for is empty."""
    empty = apply("full", shape=(0,), value=0, dtype=LU_data.dtype)
    low, high = _triangles(LU_data) if unpack_data else (empty, empty)
    if not unpack_pivots:
        return LU(empty, low, high)
    order = apply("pivots_order", LU_pivots, rows=LU_data.shape[-2])
    return LU(_permutation(order, LU_data.dtype), low, high)


# --- symmetric and indefinite ---------------------------------------------------------------------


def ldl_factor(A: Tensor, *, hermitian: bool = False) -> LDL:
    """(LD, pivots) for `ldl_solve`: (..., n, n) -> (..., n, n), (..., n) int32, of the lower
    triangles of symmetric matrices, which may be indefinite. No gradient."""
    found = ldl_factor_ex(A, hermitian=hermitian)
    return LDL(found.LD, found.pivots)


def ldl_factor_ex(A: Tensor, *, hermitian: bool = False, check_errors: bool = False) -> LDLInfo:
    """(LD, pivots, info) as `ldl_factor`."""
    packed = apply("ldl", A.detach(), hermitian=bool(hermitian))
    n = A.shape[-1]
    low, *whole = parts(packed, (n, n), (n,), (1,))
    pivots, info = (apply("cast", real(x), dtype=dt.int32) for x in whole)
    found = LDLInfo(low, pivots, info[..., 0])
    if check_errors:
        check_info("ldl_factor_ex", found.info, "a pivot is zero")
    return found


def ldl_solve(LD: Tensor, pivots: Tensor, B: Tensor, *, hermitian: bool = False) -> Tensor:
    """X with A X = B from A's `ldl_factor`: (..., n, n), (..., n), (..., n, k) -> (..., n, k).

    Gradients of B alone.
    """
    return apply("ldl_solve", B, LD, pivots.unsqueeze(-2), hermitian=bool(hermitian))


METHODS: dict[str, Callable[..., Any]] = {
    "cholesky": old_cholesky, "cholesky_inverse": cholesky_inverse,
    "cholesky_solve": cholesky_solve, "geqrf": geqrf, "lu": old_lu, "lu_solve": old_lu_solve,
    "orgqr": householder_product, "ormqr": ormqr, "qr": old_qr, "svd": old_svd,
}  # fmt: skip
FUNCTIONS: dict[str, Callable[..., Any]] = {**METHODS, "lu_unpack": lu_unpack}

# What only firth.linalg shows.
LINALG: dict[str, Callable[..., Any]] = {
    "cholesky": cholesky, "cholesky_ex": cholesky_ex, "eig": eig, "eigh": eigh,
    "eigvals": eigvals, "eigvalsh": eigvalsh, "householder_product": householder_product,
    "ldl_factor": ldl_factor, "ldl_factor_ex": ldl_factor_ex, "ldl_solve": ldl_solve,
    "lu": lu, "lu_factor": lu_factor, "lu_factor_ex": lu_factor_ex, "lu_solve": lu_solve,
    "qr": qr, "svd": svd, "svdvals": svdvals,
}  # fmt: skip
