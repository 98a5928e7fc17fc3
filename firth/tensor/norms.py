"""Norms of vectors and matrices under torch.linalg's names, and what is made of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from firth.base import dtype as dt
from firth.base.errors import DTypeError, ShapeError, message
from firth.tensor import reduce
from firth.tensor.composed import numpy_words
from firth.tensor.convert import cast
from firth.tensor.factorizations import matrices
from firth.tensor.handle import Tensor
from firth.tensor.linalg import default_tolerance, refuse, tolerance
from firth.tensor.record import apply, user_line
from firth.tensor.shape import axes_of, axis_of


def _inexact(name: str, x: Tensor, dtype: dt.DType | None) -> Tensor:
    if x.dtype.kind not in "fc":
        raise DTypeError(
            message(name, "norms are of floats", x.dtype.name, "a float or complex dtype",
                    "convert first, e.g. x.float()")
        ).at(user_line())  # fmt: skip
    return x if dtype is None else cast(x, dtype)


def vector_norm(
    x: Tensor,
    ord: float = 2,
    dim: Any = None,
    keepdim: bool = False,
    *,
    dtype: dt.DType | None = None,
) -> Tensor:
    """The p-norm over dims, of all elements without one; ord is any number, inf and -inf too.

    The slope is 0 where the norm is 0.
    """
    x = _inexact("vector_norm", x, dtype)
    if isinstance(ord, (str, bool)) or not isinstance(ord, (int, float)):
        raise refuse("vector_norm", "no such norm", repr(ord), "a number", "use matrix_norm")
    axes = tuple(range(x.ndim)) if dim is None or dim == () else axes_of("norm", dim, x.ndim)
    size = apply("abs", x)
    if ord in (math.inf, -math.inf):
        if 0 in (x.shape[a] for a in axes):
            raise refuse("vector_norm", "nothing has no largest element", f"shape {x.shape}",
                         "at least one element", "use another ord")  # fmt: skip
        return apply("amax" if ord > 0 else "amin", size, axes=axes, keepdims=bool(keepdim))
    if ord == 0:
        size = cast(apply("not_equal", x, 0), size.dtype)
    if ord in (0, 1):
        return apply("sum", size, axes=axes, keepdims=bool(keepdim))
    if ord == 2 and not x.dtype.is_complex:
        total = apply("sum", x * x, axes=axes, keepdims=bool(keepdim))
    elif ord == 2:
        parts = apply("real", x), apply("imag", x)
        total = apply("sum", sum(p * p for p in parts), axes=axes, keepdims=bool(keepdim))
    else:
        total = apply("sum", _power(size, ord), axes=axes, keepdims=bool(keepdim))
    return _root(total, ord)


def _power(size: Tensor, ord: float) -> Tensor:
    """size ** ord, with slope 0 where size is 0 and the power's would be infinite."""
    if ord >= 1:
        return apply("pow", size, float(ord))
    zero = apply("equal", size, 0)
    rest = apply("pow", apply("where", zero, 1.0, size), float(ord))
    return apply("where", zero, 0.0 if ord > 0 else math.inf, rest)


def _root(total: Tensor, ord: float) -> Tensor:
    zero = apply("equal", total, 0 if ord > 0 else math.inf)
    safe = apply("where", zero, 1.0, total)
    root = apply("sqrt", safe) if ord == 2 else apply("pow", safe, 1.0 / ord)
    return apply("where", zero, 0.0, root)


def matrix_norm(
    A: Tensor,
    ord: Any = "fro",
    dim: tuple[int, int] = (-2, -1),
    keepdim: bool = False,
    *,
    dtype: dt.DType | None = None,
) -> Tensor:
    """A norm of each matrix: 'fro', 'nuc', inf, -inf, 1, -1, 2 or -2, over two dims."""
    A = _inexact("matrix_norm", A, dtype)
    matrices("matrix_norm", A)
    if not isinstance(dim, (tuple, list)) or len(dim) != 2:
        raise refuse("matrix_norm", "a matrix has two dims", str(dim), "two dims", "leave it out")
    row, column = (axis_of("matrix_norm", d, A.ndim) for d in dim)
    if row == column:
        raise refuse("matrix_norm", "the dims are the same", str(dim), "two dims", "name two")
    if ord == "fro":
        return vector_norm(A, 2, (row, column), keepdim)
    if ord in ("nuc", 2, -2):
        sizes = apply("svdvals", A.movedim((row, column), (-2, -1)))
        found = _spectral(sizes, ord)
        if not keepdim:
            return found
        for axis in sorted((row, column)):
            found = found.unsqueeze(axis)
        return found
    if ord not in (1, -1, math.inf, -math.inf):
        raise refuse("matrix_norm", "no such norm", repr(ord),
                     "'fro', 'nuc', inf, -inf, 1, -1, 2 or -2", "leave it out")  # fmt: skip
    added, kept = (row, column) if abs(ord) == 1 else (column, row)
    sums = vector_norm(A, 1, added, True)
    if ord > 0 and not A.shape[kept]:
        sums = apply("sum", sums, axes=(kept,), keepdims=True)  # of nothing: zeros
    end = math.inf if ord > 0 else -math.inf
    found = vector_norm(sums, end, kept, True)
    return found if keepdim else found.squeeze(max(row, column)).squeeze(min(row, column))


def _spectral(sizes: Tensor, ord: Any) -> Tensor:
    if ord == "nuc":
        return sizes.sum(-1)
    if not sizes.shape[-1] and ord == 2:
        return sizes.sum(-1)
    if not sizes.shape[-1]:
        raise refuse("matrix_norm", "an empty matrix has no singular value", f"{sizes.shape}",
                     "at least one", "use 'fro' or 'nuc'")  # fmt: skip
    return reduce.amax(sizes, -1) if ord == 2 else reduce.amin(sizes, -1)


def norm(
    A: Tensor,
    ord: Any = None,
    dim: Any = None,
    keepdim: bool = False,
    *,
    dtype: dt.DType | None = None,
) -> Tensor:
    """The 2-norm of all elements; with ord or dim a vector norm (one dim) or matrix norm (two)."""
    if ord is None:
        return vector_norm(A, 2, dim, keepdim, dtype=dtype)
    if isinstance(dim, (tuple, list)) and len(dim) == 2:
        return matrix_norm(A, ord, tuple(dim), keepdim, dtype=dtype)
    if dim is None and A.ndim == 2:
        return matrix_norm(A, ord, (0, 1), keepdim, dtype=dtype)
    if dim is None and A.ndim > 2 or isinstance(ord, str) and (dim is not None or A.ndim != 2):
        raise ShapeError(
            message("norm", "neither a vector nor a matrix", f"shape {tuple(A.shape)}, dim {dim}",
                    "one or two dims", "say over which dims")
        ).at(user_line())  # fmt: skip
    return vector_norm(A, ord, dim, keepdim, dtype=dtype)


def cond(A: Tensor, p: Any = None) -> Tensor:
    """The condition number of each matrix in a norm (2 without p); inf where it is singular."""
    if p in (None, 2, -2):
        sizes = apply("svdvals", A)
        if not sizes.shape[-1]:
            return sizes.sum(-1)
        most, least = reduce.amax(sizes, -1), reduce.amin(sizes, -1)
        return least / most if p == -2 else most / least
    inverse = matrix_norm(apply("inv", A, check=False), p)
    found = matrix_norm(A, p) * inverse
    return apply("where", apply("isnan", inverse), math.inf, found)


def matrix_rank(
    A: Tensor, tol: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None
) -> Tensor:
    """How many singular values are above max(atol, rtol * the largest): (..., m, n) -> (...)."""
    matrices("matrix_rank", A)
    if tol is not None:
        atol, rtol = tol, 0.0
    A = A.detach()
    sizes = apply("abs", apply("eigvalsh", A, uplo="L")) if hermitian else apply("svdvals", A)
    absolute, relative = default_tolerance("matrix_rank", A, atol, rtol)
    return (sizes > tolerance(sizes, absolute, relative)).sum(-1)


def frobenius_norm(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """The square root of the sum of squares over dims."""
    return vector_norm(input, 2, dim, keepdim)


def nuclear_norm(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """The sum of singular values, over two dims."""
    return matrix_norm(input, "nuc", (-2, -1) if dim is None else dim, keepdim)


def old_norm(
    self: Tensor,
    p: Any = "fro",
    dim: Any = None,
    keepdim: bool = False,
    dtype: dt.DType | None = None,
) -> Tensor:
    """The vector p-norm over dims, of all elements without one; 'nuc' is of the last two."""
    x = _inexact("norm", self, dtype)
    if p == "nuc":
        return nuclear_norm(x, dim, keepdim)
    return vector_norm(x, 2 if p in ("fro", None) else p, dim, keepdim)


METHODS: dict[str, Callable[..., Any]] = {"norm": numpy_words(old_norm)}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    **METHODS, "frobenius_norm": frobenius_norm, "nuclear_norm": nuclear_norm,
}  # fmt: skip

# What only firth.linalg shows.
LINALG: dict[str, Callable[..., Any]] = {
    "cond": cond, "matrix_norm": matrix_norm, "matrix_rank": matrix_rank, "norm": norm,
    "vector_norm": vector_norm,
}  # fmt: skip
