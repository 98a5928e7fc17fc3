"""Eigenvalues and singular values. Factorisations pack their results in one.

Where values coincide, the gradient leaves out how their vectors turn into each other: it is right
for results that do not depend on that.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from firth.ir.node import Shape
from firth.ir.op import Expr
from firth.ops.arrange import diagonal
from firth.ops.complex import real
from firth.ops.contract import matmul
from firth.ops.elementwise import where
from firth.ops.factor import hermitian, pack, total, unpack
from firth.ops.host import host
from firth.ops.linalg import (
    MATRICES,
    adjoint,
    column,
    conj,
    diagonals,
    eye,
    float_matrix,
    matrix,
    matrix_dtype,
    part,
    regular,
    row,
    solve,
    square,
)
from firth.ops.rules import cases, cast, complex_of, real_of

# --- symmetric ------------------------------------------------------------------------------------


def eigh_shapes(a: Shape) -> tuple[Shape, Shape]:
    """Shapes of values and vectors without batches."""
    n = square("eigh", a)[-1]
    return (n,), (n, n)


def _eigh(a: np.ndarray, uplo: str) -> np.ndarray:
    values, vectors = np.linalg.eigh(a if uplo else hermitian(a, uplo), uplo or "L")
    return pack(a.shape[:-2], values.astype(vectors.dtype), vectors)


def _apart(x: Expr, gaps: Expr) -> Expr:
    """x / gaps, 0 where there is no gap."""
    none = gaps == 0
    return where(none, 0, x / where(none, 1, gaps))


def _eigh_vjp(g: Expr, y: Expr, a: Expr, uplo: str) -> tuple[Expr]:
    """Giles 2008."""
    values, vectors = unpack(y, *eigh_shapes(a.shape))
    gvalues, gvectors = unpack(g, *eigh_shapes(a.shape))
    turn = _apart(matmul(adjoint(vectors), gvectors), row(values) - column(values))
    inner = turn + diagonals(gvalues)
    found = matmul(matmul(vectors, inner), adjoint(vectors))
    return ((found + adjoint(found)) * 0.5,)


def _symmetric(make: Any, *shape: int) -> np.ndarray:
    x = make(*shape)
    return np.asarray(x + np.swapaxes(x, -1, -2)).astype(x.dtype)


eigh = host(
    "eigh", attrs=("uplo",),
    doc="Eigenvalues in ascending order and eigenvectors in columns of symmetric matrices, packed "
    "end to end; uplo says which triangle is read, '' the mean of both: "
    "(..., n, n) -> (..., n + n * n).",
    shape=lambda a, uplo: (*a[:-2], total(*eigh_shapes(a))), dtype=matrix_dtype("eigh"),
    ref=_eigh, vjp=_eigh_vjp,
    sample=cases(lambda make, rng, d: [
        (_symmetric(make, *s), {"uplo": ""}) for s in ((3, 3), (2, 2, 2), (0, 0), (1, 1))
    ], MATRICES),
)  # fmt: skip


def _eigvalsh_vjp(g: Expr, y: Expr, a: Expr, uplo: str) -> tuple[Expr]:
    vectors = unpack(eigh(a, uplo=uplo), *eigh_shapes(a.shape))[1]
    return (matmul(vectors * cast(row(g), vectors.dtype), adjoint(vectors)),)


eigvalsh = host(
    "eigvalsh", attrs=("uplo",),
    doc="Eigenvalues of symmetric matrices in ascending order, uplo as for eigh: "
    "(..., n, n) -> (..., n) real.",
    shape=lambda a, uplo: square("eigvalsh", a)[:-1],
    dtype=lambda a, uplo: real_of(float_matrix("eigvalsh", a)),
    ref=lambda a, uplo: np.linalg.eigvalsh(a if uplo else hermitian(a, uplo), uplo or "L"),
    vjp=_eigvalsh_vjp,
    sample=cases(lambda make, rng, d: [
        (_symmetric(make, *s), {"uplo": ""}) for s in ((3, 3), (2, 2, 2), (0, 0))
    ], MATRICES),
)  # fmt: skip


# --- singular values ------------------------------------------------------------------------------


def svd_shapes(a: Shape, full: bool) -> tuple[Shape, Shape, Shape]:
    """Shapes of U, S and V's adjoint without batches."""
    m, n = matrix("svd", a)[-2:]
    k = min(m, n)
    return (m, m if full else k), (k,), (n if full else k, n)


def _svd(a: np.ndarray, full: bool) -> np.ndarray:
    u, s, vh = np.linalg.svd(a, full_matrices=full)
    return pack(a.shape[:-2], u, s.astype(u.dtype), vh)


def _svd_vjp(g: Expr, y: Expr, a: Expr, full: bool) -> tuple[Expr]:
    """Townsend 2016; what full matrices have besides is no function of A."""
    m, n = a.shape[-2:]
    k = min(m, n)
    u, s, vh = unpack(y, *svd_shapes(a.shape, full))
    gu, gs, gvh = unpack(g, *svd_shapes(a.shape, full))
    u, gu = (part(x, -1, 0, k) for x in (u, gu))
    vh, gvh = (part(x, -2, 0, k) for x in (vh, gvh))
    along, across = matmul(adjoint(u), gu), matmul(vh, adjoint(gvh))
    gaps = row(s) * row(s) - column(s) * column(s)
    inner = _apart(along - adjoint(along), gaps) * row(s)
    inner = inner + column(s) * _apart(across - adjoint(across), gaps) + diagonals(gs)
    if a.dtype.is_complex:  # U and V turn together
        turn = where(eye(k), along - adjoint(along), 0)
        inner = inner + _apart(turn, row(s) * 2)
    left = matmul(u, inner)
    if m > k:
        left = left + _apart(gu - matmul(u, along), row(s))
    found = matmul(left, vh)
    if n > k:
        rest = gvh - matmul(adjoint(across), vh)
        found = found + matmul(u, _apart(rest, column(s)))
    return (found,)


svd = host(
    "svd", attrs=("full",),
    doc="U, singular values in descending order and V's adjoint, U diag(S) V^H = A, packed end to "
    "end; full has square U and V: (..., m, n) -> (..., m * k + k + k * n).",
    shape=lambda a, full: (*a[:-2], total(*svd_shapes(a, full))), dtype=matrix_dtype("svd"),
    ref=_svd, vjp=_svd_vjp,
    sample=cases(lambda make, rng, d: [
        (make(*s), {"full": False}) for s in ((3, 3), (2, 3, 2), (2, 3), (0, 2), (2, 0))
    ], MATRICES),
)  # fmt: skip


def _svdvals_vjp(g: Expr, y: Expr, a: Expr) -> tuple[Expr]:
    u, _, vh = unpack(svd(a, full=False), *svd_shapes(a.shape, False))
    return (matmul(u * cast(row(g), u.dtype), vh),)


svdvals = host(
    "svdvals",
    doc="Singular values in descending order: (..., m, n) -> (..., min(m, n)) real.",
    shape=lambda a: (*matrix("svdvals", a)[:-2], min(a[-2:])),
    dtype=lambda a: real_of(float_matrix("svdvals", a)),
    ref=lambda a: np.linalg.svd(a, compute_uv=False), vjp=_svdvals_vjp,
    sample=cases(lambda make, rng, d: [
        (make(*s), {}) for s in ((3, 3), (2, 3, 2), (2, 3), (0, 2))
    ], MATRICES),
)  # fmt: skip


# --- any square matrix ----------------------------------------------------------------------------


def _eig(a: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eig(a)
    complexes = np.result_type(a, np.complex64)
    return pack(a.shape[:-2], values.astype(complexes), vectors.astype(complexes))


def _from_complex(x: Expr, a: Expr) -> Expr:
    """The gradient of a real source is the real part."""
    return x if a.dtype.is_complex else real(x)


def _eig_vjp(g: Expr, y: Expr, a: Expr) -> tuple[Expr]:
    """Boeddeker et al. 2017; vectors have length 1."""
    values, vectors = unpack(y, *eigh_shapes(a.shape))
    gvalues, gvectors = unpack(g, *eigh_shapes(a.shape))
    turned = adjoint(vectors)
    inner = matmul(turned, gvectors)
    along = cast(real(diagonal(inner)), vectors.dtype)
    inner = inner - matmul(turned, vectors) * row(along)
    gaps = conj(row(values) - column(values))
    inner = _apart(where(eye(a.shape[-1]), 0, inner), gaps) + diagonals(gvalues)
    return (_from_complex(matmul(solve(turned, inner), turned), a),)


eig = host(
    "eig",
    doc="Eigenvalues and eigenvectors of length 1 in columns, in no order, packed end to end: "
    "(..., n, n) -> (..., n + n * n) complex.",
    shape=lambda a: (*a[:-2], total(*eigh_shapes(a))),
    dtype=lambda a: complex_of(float_matrix("eig", a)), ref=_eig, vjp=_eig_vjp,
    sample=cases(lambda make, rng, d: [
        (regular(make, *s), {}) for s in ((3, 3), (2, 2, 2), (0, 0))
    ], MATRICES, smooth=False),
)  # fmt: skip


def _eigvals_vjp(g: Expr, y: Expr, a: Expr) -> tuple[Expr]:
    turned = adjoint(unpack(eig(a), *eigh_shapes(a.shape))[1])
    return (_from_complex(solve(turned, column(g) * turned), a),)


def _eigvals(a: np.ndarray) -> np.ndarray:
    return np.linalg.eigvals(a).astype(np.result_type(a, np.complex64))


eigvals = host(
    "eigvals",
    doc="Eigenvalues in no order: (..., n, n) -> (..., n) complex.",
    shape=lambda a: square("eigvals", a)[:-1],
    dtype=lambda a: complex_of(float_matrix("eigvals", a)), ref=_eigvals, vjp=_eigvals_vjp,
    sample=cases(lambda make, rng, d: [
        (regular(make, *s), {}) for s in ((3, 3), (2, 2, 2), (0, 0))
    ], MATRICES, smooth=False),
)  # fmt: skip
