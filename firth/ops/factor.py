"""Factorisations of matrices: Cholesky, QR, LU. Those with several results pack them in one.

`cholesky` reads one triangle, but its gradient is symmetric, as if the mean of both were read: a
step along the gradient keeps a symmetric matrix symmetric.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.base.errors import DTypeError, MissingRule, ShapeError, message
from firth.ir.node import Shape
from firth.ir.op import Expr
from firth.ops import blocked
from firth.ops.arrange import tril, triu
from firth.ops.contract import matmul
from firth.ops.elementwise import where
from firth.ops.host import host
from firth.ops.index import take_along_axis
from firth.ops.linalg import (
    MATRICES,
    adjoint,
    eye,
    failed,
    float_matrix,
    matrix,
    matrix_dtype,
    part,
    regular,
    solve_shape,
    solve_triangular,
    square,
)
from firth.ops.movement import concatenate
from firth.ops.rules import (
    COMPLEX,
    cases,
    cast,
    composed,
    conj,
    count,
    expand_to,
    no_gradient,
    reshape,
)
from firth.ops.sort import argsort

# --- several results in one -----------------------------------------------------------------------


def pack(lead: Shape, *parts: np.ndarray) -> np.ndarray:
    """Results of batches `lead`, each flattened, end to end: (*lead, total)."""
    dtype = np.result_type(parts[0])
    flat = [p.reshape(*lead, count(p.shape[len(lead) :])).astype(dtype) for p in parts]
    return np.concatenate(flat, -1)


def unpack(packed: Expr, *shapes: Shape) -> list[Expr]:
    """What `pack` packed, by the shapes behind the batches."""
    out, start = [], 0
    for shape in shapes:
        stop = start + count(shape)
        out.append(reshape(part(packed, -1, start, stop), (*packed.shape[:-1], *shape)))
        start = stop
    return out


def repack(*parts: tuple[Expr, int]) -> Expr:
    """Expressions packed, each given with the number of its own dimensions."""
    flat = []
    for x, own in parts:
        lead = x.shape[: x.ndim - own]
        flat.append(reshape(x, (*lead, count(x.shape[x.ndim - own :]))))
    return concatenate(*flat, axis=flat[0].ndim - 1)


def total(*shapes: Sequence[int]) -> int:
    """How many elements all parts have."""
    return sum(count(tuple(s)) for s in shapes)


# --- Cholesky -------------------------------------------------------------------------------------


def hermitian(a: np.ndarray, uplo: str) -> np.ndarray:
    """The symmetric matrices that a triangle, or the mean of both (uplo ""), stands for."""
    turned = np.swapaxes(a.conj(), -1, -2)
    if uplo == "":
        return (a + turned) / 2
    return a if uplo == "L" else turned  # NumPy reads the lower triangle


def _cholesky(a: np.ndarray, uplo: str, check: bool) -> np.ndarray:
    whole = hermitian(a, uplo)
    try:
        return np.linalg.cholesky(whole)
    except np.linalg.LinAlgError:
        if check:
            raise failed(
                "cholesky", whole, np.linalg.cholesky, "a matrix is not positive definite",
                "symmetric matrices whose eigenvalues are all above 0",
                "add a small multiple of eye(n), or look whether it is symmetric at all",
            ) from None  # fmt: skip
    found = np.full(whole.shape, np.nan, whole.dtype)
    for place in np.ndindex(whole.shape[:-2]):
        k = int(_order(whole[place]))
        good = whole.shape[-1] if k == 0 else k - 1
        found[place] = np.tril(np.where(np.tri(whole.shape[-1]), found[place], 0))
        found[place][:good, :good] = np.linalg.cholesky(whole[place][:good, :good])
    return found


def _cholesky_vjp(g: Expr, y: Expr, a: Expr, uplo: str, check: bool) -> tuple[Expr]:
    """Murray 2016, Differentiation of the Cholesky decomposition."""
    inner = tril(matmul(adjoint(y), g))
    inner = where(eye(inner.shape[-1]), inner * 0.5, inner)
    left = solve_triangular(adjoint(y), inner, upper=True)
    whole = adjoint(solve_triangular(adjoint(y), adjoint(left), upper=True))
    return ((whole + adjoint(whole)) * 0.5,)


def _definite(make: Any, *shape: int) -> np.ndarray:
    x = make(*shape)
    return np.asarray(x @ np.swapaxes(x, -1, -2) + np.eye(shape[-1])).astype(x.dtype)


cholesky = host(
    "cholesky", attrs=("uplo", "check"), defaults={"check": True},
    doc="Lower L with L times its adjoint = A, for each symmetric positive definite matrix; uplo "
    "says which triangle is read, '' the mean of both. Without check rows from the first minor "
    "that is not positive are NaN: (..., n, n) -> (..., n, n).",
    shape=lambda a, **_: square("cholesky", a), dtype=matrix_dtype("cholesky"), ref=_cholesky,
    vjp=_cholesky_vjp,
    sample=cases(lambda make, rng, d: [
        (_definite(make, *s), {"uplo": ""}) for s in ((3, 3), (2, 2, 2), (0, 0))
    ], MATRICES),
)  # fmt: skip


def _order(a: np.ndarray) -> int:
    """The order of the first leading minor that is not positive; 0: none."""
    low, high = 0, a.shape[-1] + 1  # minors up to low are positive, the one of order high is not
    while high - low > 1:
        middle = (low + high) // 2
        try:
            np.linalg.cholesky(a[:middle, :middle])
            low = middle
        except np.linalg.LinAlgError:
            high = middle
    return high if high <= a.shape[-1] else 0


def _cholesky_info(a: np.ndarray, uplo: str) -> np.ndarray:
    whole = hermitian(a, uplo)
    found = np.zeros(a.shape[:-2], np.int32)
    try:
        np.linalg.cholesky(whole)
    except np.linalg.LinAlgError:
        for place in np.ndindex(found.shape):
            found[place] = _order(whole[place])
    return found


cholesky_info = host(
    "cholesky_info", attrs=("uplo",),
    doc="The order of the first leading minor that is not positive, 0 where the matrix is positive "
    "definite: (..., n, n) -> (...) int32.",
    shape=lambda a, uplo: square("cholesky_info", a)[:-2], dtype=lambda a, uplo: dt.int32,
    ref=_cholesky_info, vjp=no_gradient,
    sample=cases(lambda make, rng, d: [
        (_definite(make, 2, 2), {"uplo": "L"}), (make(2, 3, 3), {"uplo": "U"}),
    ], MATRICES, smooth=False),
)  # fmt: skip


def _factor_dtype(name: str) -> Any:
    return lambda *dtypes, **_: float_matrix(name, *dtypes)


def _cholesky_solve(b: Expr, factor: Expr, upper: bool) -> Expr:
    low = adjoint(factor) if upper else factor
    return solve_triangular(adjoint(low), solve_triangular(low, b, upper=False), upper=True)


def _cholesky_solve_vjp(g: Expr, y: Expr, b: Expr, factor: Expr, upper: bool) -> tuple[Expr, Expr]:
    """Of A = L L^H, whose factor counts as a whole: a step keeps A symmetric."""
    back = cholesky_solve(conj(g), factor, upper=upper)  # rules are given conj(g), give conjugates
    both = matmul(back, adjoint(y))
    both = both + adjoint(both)
    return conj(back), conj(-(matmul(factor, both) if upper else matmul(both, factor)))


def _product_solve(b: np.ndarray, factor: np.ndarray, upper: bool) -> np.ndarray:
    low = np.swapaxes(np.triu(factor).conj(), -1, -2) if upper else np.tril(factor)
    return np.linalg.solve(low @ np.swapaxes(low.conj(), -1, -2), b)


cholesky_solve = composed(
    "cholesky_solve", family="contraction", arity=2, attrs=("upper",), defaults={"upper": False},
    doc="X with A X = B from A's Cholesky factor: b (..., n, k), factor (..., n, n) -> "
    "(..., n, k).",
    shape=lambda b, factor, upper: solve_shape("cholesky_solve")(factor, b),
    dtype=_factor_dtype("cholesky_solve"), ref=_product_solve, lower=_cholesky_solve,
    vjp=_cholesky_solve_vjp,
    sample=cases(lambda make, rng, d: [
        (make(3, 2), regular(make, 3, 3), {}),
        (make(2, 3, 1), regular(make, 3, 3), {"upper": True}),
    ], (*MATRICES, *COMPLEX), smooth=False),
)  # fmt: skip


# --- QR -------------------------------------------------------------------------------------------


def qr_shapes(a: Shape, mode: str) -> tuple[Shape, Shape]:
    """Shapes of Q and R without batches; of Q in mode "r" too, where it is not computed."""
    m, n = matrix("qr", a)[-2:]
    k = m if mode == "complete" else min(m, n)
    return (m, k), (k, n)


def _qr(a: np.ndarray, mode: str) -> np.ndarray:
    if mode == "r":
        r = np.linalg.qr(a, "r")
        return pack(a.shape[:-2], r)
    return pack(a.shape[:-2], *np.linalg.qr(a, mode))


def _qr_shape(a: Shape, mode: str) -> Shape:
    q, r = qr_shapes(a, mode)
    return (*a[:-2], total(r) if mode == "r" else total(q, r))


def _over(x: Expr, r: Expr) -> Expr:
    """X R^-H for an upper R."""
    return adjoint(solve_triangular(r, adjoint(x), upper=True))


def _mirrored(x: Expr) -> Expr:
    """The hermitian matrix of an upper triangle."""
    both = triu(x) + adjoint(triu(x))
    return where(eye(x.shape[-1]), both * 0.5, both)


def _qr_vjp(g: Expr, y: Expr, a: Expr, mode: str) -> tuple[Expr]:
    """Walter, Lehmann and Lamour 2012; a wide matrix is a square one beside the rest."""
    m, n = a.shape[-2:]
    if mode == "r" or (mode == "complete" and m > n):
        raise MissingRule(
            message("qr", "this mode has no gradient", f"mode {mode!r} of a {m} by {n} matrix",
                    "mode 'reduced'", "use qr(A, mode='reduced')")
        )  # fmt: skip
    q, r = unpack(y, *qr_shapes(a.shape, mode))
    gq, gr = unpack(g, *qr_shapes(a.shape, mode))
    if m >= n:
        return (_qr_square(gq, gr, q, r),)
    beside = part(a, -1, m, n)
    gv = part(gr, -1, m, n)
    gq = gq + matmul(beside, adjoint(gv))
    left = _qr_square(gq, part(gr, -1, 0, m), q, part(r, -1, 0, m))
    return (concatenate(left, matmul(q, gv), axis=a.ndim - 1),)


def _qr_square(gq: Expr, gr: Expr, q: Expr, r: Expr) -> Expr:
    inner = matmul(gr, adjoint(r)) - matmul(adjoint(q), gq)
    return _over(gq + matmul(q, _mirrored(inner)), r)


qr = host(
    "qr", attrs=("mode",),
    doc="Q with orthonormal columns and upper R, Q R = A, packed end to end; mode as in "
    "firth.linalg.qr, 'r' has R alone: (..., m, n) -> (..., m * k + k * n).",
    shape=_qr_shape, dtype=matrix_dtype("qr"), ref=_qr, vjp=_qr_vjp,
    sample=cases(lambda make, rng, d: [
        (make(*s), {"mode": "reduced"}) for s in ((3, 3), (2, 3, 2), (2, 3), (0, 2), (2, 0))
    ] + [(make(2, 2), {"mode": "complete"})], MATRICES),
)  # fmt: skip


def _geqrf(a: np.ndarray) -> np.ndarray:
    h, tau = np.linalg.qr(a, "raw")
    return pack(a.shape[:-2], np.swapaxes(h, -1, -2), tau)


geqrf = host(
    "geqrf",
    doc="LAPACK's QR: R above and Householder vectors below the diagonal, then their factors, "
    "packed end to end: (..., m, n) -> (..., m * n + min(m, n)).",
    shape=lambda a: (*matrix("geqrf", a)[:-2], total(a[-2:], (min(a[-2:]),))),
    dtype=matrix_dtype("geqrf"), ref=_geqrf, vjp=no_gradient,
    sample=cases(lambda make, rng, d: [(make(3, 2), {}), (make(2, 2, 3), {})], MATRICES,
                 smooth=False),
)  # fmt: skip


# --- LU -------------------------------------------------------------------------------------------


def lu_shapes(a: Shape) -> tuple[Shape, Shape, Shape]:
    """Shapes of the triangles in one matrix, pivots and order, without batches."""
    m, n = matrix("lu", a)[-2:]
    return (m, n), (min(m, n),), (m,)


def _lu(a: np.ndarray) -> np.ndarray:
    return pack(a.shape[:-2], *blocked.factor(a))


def rows_back(x: Expr, order: Expr) -> Expr:
    """Rows where they stood before they were put in order: (..., m, n), (..., m) numbers."""
    places = argsort(cast(order, dt.int64), axis=order.ndim - 1, descending=False)
    places = expand_to(reshape(places, (*places.shape, 1)), x.shape)
    return take_along_axis(x, places, axis=x.ndim - 2)


def _lu_vjp(g: Expr, y: Expr, a: Expr) -> tuple[Expr]:
    """Of the square block of leading rows and columns, and what lies beside or below it."""
    m, n = a.shape[-2:]
    k = min(m, n)
    found, _, order = unpack(y, *lu_shapes(a.shape))
    change = unpack(g, *lu_shapes(a.shape))[0]
    block, gblock = (part(part(x, -2, 0, k), -1, 0, k) for x in (found, change))
    one = where(eye(k), 1, tril(block, diagonal=-1))
    low = matmul(adjoint(one), tril(gblock, diagonal=-1))
    high = matmul(triu(gblock), adjoint(triu(block)))
    if m < n:
        wide, gwide = (part(x, -1, k, n) for x in (found, change))
        low = low - matmul(gwide, adjoint(wide))
    if m > n:
        tall, gtall = (part(x, -2, k, m) for x in (found, change))
        high = high - matmul(adjoint(tall), gtall)
    inner = _over(tril(low, diagonal=-1) + triu(high), block)
    back = solve_triangular(adjoint(one), inner, upper=True, unit=True)
    if m < n:
        right = solve_triangular(adjoint(one), gwide, upper=True, unit=True)
        back = concatenate(back, right, axis=a.ndim - 1)
    if m > n:
        back = concatenate(back, _over(gtall, block), axis=a.ndim - 2)
    return (rows_back(back, order),)


lu = host(
    "lu",
    doc="LU with partial pivoting: both triangles in one matrix (ones on L's diagonal left out), "
    "the row each row changed places with, and the order of the rows, packed end to end: "
    "(..., m, n) -> (..., m * n + min(m, n) + m).",
    shape=lambda a: (*matrix("lu", a)[:-2], total(*lu_shapes(a))),
    dtype=matrix_dtype("lu"), ref=_lu, vjp=_lu_vjp,
    sample=cases(lambda make, rng, d: [
        (make(*s), {}) for s in ((3, 3), (2, 3, 2), (2, 3), (0, 0), (60, 55))
    ], MATRICES),
)  # fmt: skip


def _rows_of(pivots: Shape) -> Shape:
    if not pivots:
        raise ShapeError(
            message("pivots_order", "pivots are a list for each matrix", "shape ()",
                    "(..., k)", "pass the pivots that lu_factor gives")
        )  # fmt: skip
    return pivots


def _positions_dtype(pivots: DType) -> DType:
    if pivots.kind not in "iu":
        raise DTypeError(
            message("pivots_order", "pivots are no integers", pivots.name, "int32 or int64",
                    "pass the pivots that lu_factor gives")
        )  # fmt: skip
    return dt.int64


def _pivots_order(pivots: np.ndarray, rows: int) -> np.ndarray:
    lead = pivots.shape[:-1]
    order = np.tile(np.arange(rows), (count(lead), 1))
    which = np.arange(len(order))
    for i, place in enumerate(pivots.reshape(len(order), pivots.shape[-1]).T.astype(np.int64) - 1):
        if not ((place >= 0) & (place < rows)).all():
            raise np.linalg.LinAlgError(f"a pivot lies outside of 1 to {rows}")
        order[which, i], order[which, place] = order[which, place], order[which, i]
    return order.reshape(*lead, rows)


pivots_order = host(
    "pivots_order", attrs=("rows",),
    doc="The order of rows after each row i, from the first, has changed places with row "
    "pivots[i], counted from 1: pivots (..., k) integer -> (..., rows) int64.",
    shape=lambda pivots, rows: (*_rows_of(pivots)[:-1], rows),
    dtype=lambda pivots, rows: _positions_dtype(pivots),
    ref=_pivots_order, vjp=no_gradient,
    sample=cases(lambda make, rng, d: [
        (np.array([[2, 3, 3], [1, 3, 3]], d.np), {"rows": 4}),
        (np.zeros((0, 2), d.np), {"rows": 2}),
    ], (dt.int32, dt.int64), smooth=False),
)  # fmt: skip
