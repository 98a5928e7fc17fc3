"""What LAPACK has and NumPy lacks: substitution, LU and the exponential, in NumPy, by blocks.

All of them work on batches at once, (..., n, n), and raise nothing: a zero pivot gives infinities
or NaN, as a division does.
"""

from __future__ import annotations

import numpy as np

_BLOCK = 48  # rows that are done one by one; the rest is products of matrices


def substitute(a: np.ndarray, b: np.ndarray, upper: bool, unit: bool) -> np.ndarray:
    """X with tri(A) X = B, tri(A) the triangle of A: (..., n, n), (..., n, k) -> (..., n, k).

    unit: ones stand on the diagonal, whatever A holds there.
    """
    if upper:  # turned around, an upper triangle is a lower one
        flipped = substitute(a[..., ::-1, ::-1], b[..., ::-1, :], False, unit)
        return flipped[..., ::-1, :]
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    x = np.array(np.broadcast_to(b, (*batch, *b.shape[-2:])), np.result_type(a, b))
    n = a.shape[-1]
    for start in range(0, n, _BLOCK):
        stop = min(start + _BLOCK, n)
        if start:
            x[..., start:stop, :] -= a[..., start:stop, :start] @ x[..., :start, :]
        for i in range(start, stop):
            if i > start:
                row = a[..., i : i + 1, start:i] @ x[..., start:i, :]
                x[..., i, :] -= row[..., 0, :]
            if not unit:
                x[..., i, :] /= a[..., i, i, None]
    return x


def factor(a: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """LU with partial pivoting: (LU, pivots, order).

    a: (..., m, n). LU: both triangles in one (..., m, n). pivots: (..., k), row i changes places
    with row pivots[i], in turn. order: (..., m), the rows of a as they stand in L U.
    """
    lead, (m, n) = a.shape[:-2], a.shape[-2:]
    count = int(np.prod(lead))
    x = np.array(a, order="C").reshape(count, m, n)
    k = min(m, n)
    pivots = np.zeros((count, k), np.int64)
    order = np.tile(np.arange(m), (count, 1))
    which = np.arange(count)
    for start in range(0, k, _BLOCK):
        stop = min(start + _BLOCK, k)
        if count == 1:
            _eliminate(x[0], pivots[0], order[0], start, stop)
        for i in range(start, stop) if count > 1 else ():
            row = i + np.argmax(np.abs(x[:, i:, i]), -1)
            pivots[:, i] = row
            x[which, i], x[which, row] = x[which, row], x[which, i]
            order[which, i], order[which, row] = order[which, row], order[which, i]
            pivot = x[:, i, i, None]
            below = x[:, i + 1 :, i]
            below[...] = np.where(pivot == 0, below, below / np.where(pivot == 0, 1, pivot))
            x[:, i + 1 :, i + 1 : stop] -= below[:, :, None] * x[:, i, None, i + 1 : stop]
        if stop < n:
            panel = x[:, start:stop, start:stop]
            x[:, start:stop, stop:] = substitute(panel, x[:, start:stop, stop:], False, True)
            x[:, stop:, stop:] -= x[:, stop:, start:stop] @ x[:, start:stop, stop:]
    return x.reshape(a.shape), pivots.reshape(*lead, k), order.reshape(*lead, m)


def _eliminate(x: np.ndarray, pivots: np.ndarray, order: np.ndarray, start: int, stop: int) -> None:
    """What `factor` does to a block's columns, for one matrix: a third of the calls, and so of the
    time where it is small."""
    for i in range(start, stop):
        row = pivots[i] = i + np.abs(x[i:, i]).argmax()
        if row != i:
            x[[i, row]], order[[i, row]] = x[[row, i]], order[[row, i]]
        pivot, below = x[i, i], x[i + 1 :, i]
        if pivot != 0:
            below /= pivot
        x[i + 1 :, i + 1 : stop] -= np.multiply.outer(below, x[i, i + 1 : stop])


# Higham, The scaling and squaring method for the matrix exponential revisited, 2005.
_PADE = (
    64764752532480000.0, 32382376266240000.0, 7771770303897600.0, 1187353796428800.0,
    129060195264000.0, 10559470521600.0, 670442572800.0, 33522128640.0, 1323241920.0, 40840800.0,
    960960.0, 16380.0, 182.0, 1.0,
)  # fmt: skip
_THETA = 5.371920351148152  # 1-norm up to which the approximation is good to double precision


def exponential(a: np.ndarray) -> np.ndarray:
    """The exponential of matrices, in double precision: (..., n, n) -> (..., n, n)."""
    x = a.astype(np.result_type(a, np.float64))
    if x.size == 0:
        return x
    norm = np.abs(x).sum(-2).max(-1)
    finite = np.isfinite(norm)
    norm = np.where(finite, norm, 0)
    squarings = np.ceil(np.log2(np.maximum(norm / _THETA, 1))).astype(np.int64)
    x = np.where(finite[..., None, None], x, 0) / np.exp2(squarings)[..., None, None]
    b, one = _PADE, np.eye(x.shape[-1])
    x2 = x @ x
    x4 = x2 @ x2
    x6 = x4 @ x2
    odd = (
        x6 @ (b[13] * x6 + b[11] * x4 + b[9] * x2) + b[7] * x6 + b[5] * x4 + b[3] * x2 + b[1] * one
    )
    even = (
        x6 @ (b[12] * x6 + b[10] * x4 + b[8] * x2) + b[6] * x6 + b[4] * x4 + b[2] * x2 + b[0] * one
    )
    odd = x @ odd
    found = np.linalg.solve(even - odd, even + odd)
    for step in range(int(squarings.max(initial=0))):
        found = np.where((squarings > step)[..., None, None], found @ found, found)
    return np.where(finite[..., None, None], found, np.nan)
