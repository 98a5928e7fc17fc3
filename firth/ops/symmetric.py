"""Symmetric matrices that may be indefinite: L D L^T with pivots, as LAPACK packs it.

D has blocks of one and two rows (Bunch and Kaufman 1977). Complex matrices are symmetric, or
hermitian, whose factors are L D L^H.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from firth.base import dtype as dt
from firth.ir.node import Shape
from firth.ir.op import Expr
from firth.ops.complex import conj
from firth.ops.factor import pack, total
from firth.ops.host import host
from firth.ops.linalg import MATRICES, float_matrix, matrix_dtype, regular, solve_shape, square
from firth.ops.rules import broadcast, cases, count, no_gradient

_ALPHA = (1 + np.sqrt(17)) / 8  # bounds the growth of one step of two rows as of two steps


def _turned(x: np.ndarray, hermitian: bool) -> np.ndarray:
    return x.T.conj() if hermitian else x.T


def _size(x: np.ndarray) -> np.ndarray:
    """LAPACK's measure of complex numbers, which chooses pivots."""
    return np.abs(x.real) + np.abs(x.imag)


def _pivot(a: np.ndarray) -> tuple[int, int]:
    """The rows of the next block of D, 1 or 2, and the row that comes in their last place."""
    column = _size(a[1:, 0])
    here, top = _size(a[0, 0]), column.max(initial=0)
    if here >= _ALPHA * top or not top > 0:
        return 1, 0
    other = 1 + int(column.argmax())
    row = _size(a[other]).copy()
    row[other] = 0
    if here >= _ALPHA * top * (top / row.max()):
        return 1, 0
    return (1 if _size(a[other, other]) >= _ALPHA * row.max() else 2), other


def _factor(a: np.ndarray, hermitian: bool) -> tuple[np.ndarray, np.ndarray, int]:
    """(L below D's blocks, pivots, the first pivot that is zero) of one matrix's lower triangle."""
    low = np.tril(a)
    rest = low + _turned(np.tril(a, -1), hermitian)
    if hermitian:
        np.fill_diagonal(rest, rest.diagonal().real)
    n, k, info = len(a), 0, 0
    pivots = np.zeros(n, np.int32)
    while k < n:
        rows, other = _pivot(rest)
        swap = [rows - 1, other]
        rest[swap] = rest[swap[::-1]]
        rest[:, swap] = rest[:, swap[::-1]]
        pivots[k : k + rows] = k + other + 1 if rows == 1 else -(k + other + 1)
        block, below = rest[:rows, :rows], rest[rows:, :rows]
        low[k:, k : k + rows] = np.concatenate([np.tril(block), below])
        if rows == 1 and rest[0, 0] == 0:
            info = info or k + 1
            rest = rest[1:, 1:]
        else:
            low[k + rows :, k : k + rows] = factor = np.linalg.solve(block.T, below.T).T
            rest = rest[rows:, rows:] - factor @ _turned(below, hermitian)
        k += rows
    return low, pivots, info


def _each(a: np.ndarray, hermitian: bool) -> np.ndarray:
    lead, n = a.shape[:-2], a.shape[-1]
    found = [_factor(x, hermitian) for x in a.reshape(count(lead), n, n)]
    shapes = ((n, n), (n,), ())
    parts = [
        np.array([f[i] for f in found], a.dtype).reshape((*lead, *s)) for i, s in enumerate(shapes)
    ]
    return pack(lead, *parts)


ldl = host(
    "ldl", attrs=("hermitian",),
    doc="L D L^T of the lower triangle, L (ones on its diagonal left out) below D's blocks of 1 "
    "or 2 rows, then LAPACK's pivots (negative at blocks of 2), then the first pivot that is 0, "
    "packed end to end: (..., n, n) -> (..., n * n + n + 1).",
    shape=lambda a, hermitian: (*square("ldl", a)[:-2], total(a[-2:], a[-1:], ())),
    dtype=matrix_dtype("ldl"), ref=_each, vjp=no_gradient,
    sample=cases(lambda make, rng, d: [
        (make(*s), {"hermitian": h}) for s in ((3, 3), (2, 4, 4), (0, 0)) for h in (False, True)
    ], MATRICES, smooth=False),
)  # fmt: skip


def _blocks(pivots: np.ndarray) -> list[tuple[int, int, int]]:
    """(first row, rows, the row that came in its last place) of each block of D."""
    out, k = [], 0
    while k < len(pivots):
        rows = 1 if pivots[k] > 0 else 2
        other = abs(int(pivots[k])) - 1
        if not 0 <= other < len(pivots) or k + rows > len(pivots):
            raise np.linalg.LinAlgError(f"no such pivot: {pivots[k]} of row {k + 1}")
        out.append((k, rows, other))
        k += rows
    return out


def _solve_one(b: np.ndarray, low: np.ndarray, pivots: np.ndarray, hermitian: bool) -> np.ndarray:
    x = b.copy()
    blocks = _blocks(pivots[0])
    for k, rows, other in blocks:
        stop = k + rows
        x[[stop - 1, other]] = x[[other, stop - 1]]
        x[stop:] -= low[stop:, k:stop] @ x[k:stop]
        block = np.tril(low[k:stop, k:stop])
        block += _turned(np.tril(block, -1), hermitian)
        x[k:stop] = np.linalg.solve(block, x[k:stop])
    for k, rows, other in reversed(blocks):
        stop = k + rows
        x[k:stop] -= _turned(low[stop:, k:stop], hermitian) @ x[stop:]
        x[[stop - 1, other]] = x[[other, stop - 1]]
    return x


def _solve(b: np.ndarray, low: np.ndarray, pivots: np.ndarray, hermitian: bool) -> np.ndarray:
    n, k = b.shape[-2:]
    lead = np.broadcast_shapes(b.shape[:-2], low.shape[:-2], pivots.shape[:-2])
    own = ((n, k), (n, n), (1, n))
    whole = (
        np.broadcast_to(x, lead + s).reshape(count(lead), *s)
        for x, s in zip((b, low, pivots), own, strict=True)
    )
    found = [_solve_one(*rows, hermitian) for rows in zip(*whole, strict=True)]
    return np.array(found, np.result_type(b, low)).reshape(*lead, n, k)


def _solve_vjp(
    g: Expr, y: Expr, b: Expr, low: Expr, pivots: Expr, hermitian: bool
) -> tuple[Expr | None, ...]:
    """Of the right side alone: `ldl` has no gradient, so nothing could use the factors'."""
    if hermitian or g.dtype.kind != "c":
        return ldl_solve(g, low, pivots, hermitian=hermitian), None, None
    return conj(ldl_solve(conj(g), low, pivots, hermitian=hermitian)), None, None


def _solve_shape(b: Shape, low: Shape, pivots: Shape, hermitian: bool) -> Shape:
    found = solve_shape("ldl_solve")(low, b)
    return (*broadcast("ldl_solve", found[:-2], pivots[:-2]), *found[-2:])


def _draw_solve(make: Any, rng: Any, d: dt.DType) -> list[tuple[Any, ...]]:
    swapped, pairs = np.array([[2, 2, 3]], np.int32), np.array([[-3, -3, 3]], np.int32)
    return [
        (make(3, 2), regular(make, 3, 3), swapped, {"hermitian": False}),
        (make(2, 3, 1), regular(make, 3, 3), pairs, {"hermitian": True}),
    ]


ldl_solve = host(
    "ldl_solve", arity=3, attrs=("hermitian",),
    doc="X with A X = B from A's `ldl`: b (..., n, k), factors (..., n, n), pivots (..., 1, n) "
    "integer -> (..., n, k). The factors have no gradient.",
    shape=_solve_shape, dtype=lambda b, low, pivots, hermitian: float_matrix("ldl_solve", b, low),
    ref=_solve, vjp=_solve_vjp,
    sample=cases(_draw_solve, MATRICES, smooth=False),
)  # fmt: skip
