"""Linear algebra by NumPy's LAPACK: solving and determinants. Every op takes batches (..., n, n).

`cholesky` and its kin read one triangle of a symmetric matrix, but their gradients are symmetric,
as if both were read: a step along a gradient keeps the matrix symmetric.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.base.errors import DTypeError, LinAlgError, ShapeError, message
from firth.ir.node import Shape
from firth.ir.op import Expr
from firth.ops.contract import matmul
from firth.ops.host import host
from firth.ops.movement import permute
from firth.ops.rules import cases, promote

REAL = (dt.float32, dt.float64)


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
    found = promote(dtypes)
    if found not in (*REAL, dt.complex64, dt.complex128):
        raise DTypeError(
            message(name, "matrices of this dtype have no factorisation", found.name,
                    "float32, float64, complex64 or complex128",
                    "convert first, e.g. x.float()")
        )  # fmt: skip
    return found


def turned(x: Expr) -> Expr:
    """The matrices transposed: (..., m, n) -> (..., n, m)."""
    return permute(x, axes=(*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


def regular(make: Any, rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Samples far from singular: (..., n, n)."""
    x = make(*shape)
    return np.asarray(x + 3 * np.eye(shape[-1])).astype(x.dtype)


# --- inverse --------------------------------------------------------------------------------------


def _inv(a: np.ndarray) -> np.ndarray:
    try:
        return np.linalg.inv(a)
    except np.linalg.LinAlgError:
        raise singular("inv", a) from None


def singular(name: str, a: np.ndarray) -> LinAlgError:
    """The error that says which matrix of a batch is singular."""
    return LinAlgError(
        message(name, "a matrix is singular", _first_singular(a), "matrices of full rank",
                "add a small multiple of eye(n), or use pinv or lstsq")
    )  # fmt: skip


def _first_singular(a: np.ndarray) -> str:
    for place in np.ndindex(a.shape[:-2]):
        try:
            np.linalg.inv(a[place])
        except np.linalg.LinAlgError:
            return (
                f"number {place[0] if len(place) == 1 else place} of {a.shape}"
                if place
                else (f"shape {a.shape}")
            )
    return f"shape {a.shape}"


inv = host(
    "inv",
    doc="The inverse of each matrix; LinAlgError where there is none: (..., n, n) -> (..., n, n).",
    shape=lambda a: square("inv", a), dtype=lambda a: float_matrix("inv", a), ref=_inv,
    vjp=lambda g, y, a: (-matmul(matmul(turned(y), g), turned(y)),),
    sample=cases(lambda make, rng, d: [
        (regular(make, rng, *s), {}) for s in ((3, 3), (2, 2, 2), (0, 0), (2, 0, 3, 3))
    ], REAL),
)  # fmt: skip
