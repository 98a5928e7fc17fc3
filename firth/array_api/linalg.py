"""Linear algebra, under the standard's names. Matrices are in the last two axes of any stack."""

from __future__ import annotations

from typing import Any

import firth
from firth import DType, Tensor
from firth.base.errors import ShapeError, message
from firth.tensor.arguments import guarded


def matmul(x1: Tensor, x2: Tensor, /) -> Tensor:
    """The matrix product."""
    return firth.matmul(x1, x2)


def matrix_transpose(x: Tensor, /) -> Tensor:
    """The last two axes swapped."""
    return firth.transpose(x, -1, -2)


def tensordot(x1: Tensor, x2: Tensor, /, *, axes: Any = 2) -> Tensor:
    """Sums of products over axes of both."""
    return firth.tensordot(x1, x2, axes)


def vecdot(x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor:
    """Sums of products along an axis of equal extents, the first conjugated."""
    x1, x2 = _of_one_rank(x1, x2)
    if x1.shape[axis] != x2.shape[axis]:
        raise ShapeError(
            message("vecdot", "the vectors have different lengths",
                    f"{tuple(x1.shape)} and {tuple(x2.shape)}, axis {axis}", "equal extents there",
                    "name another axis")
        )  # fmt: skip
    product = firth.multiply(x1.conj() if x1.dtype.is_complex else x1, x2)
    return firth.sum(product, axis, dtype=product.dtype)


def outer(x1: Tensor, x2: Tensor, /) -> Tensor:
    """Every product of two vectors' elements."""
    return firth.outer(x1, x2)


def diagonal(x: Tensor, /, *, offset: int = 0) -> Tensor:
    """A diagonal of the last two axes."""
    return firth.diagonal(x, offset, -2, -1)


def trace(x: Tensor, /, *, offset: int = 0, dtype: DType | None = None) -> Tensor:
    """The sum of a diagonal of the last two axes."""
    line = diagonal(x, offset=offset)
    if dtype is None and x.dtype.kind == "u":
        dtype = firth.uint64
    return firth.sum(line, -1, dtype=dtype)


def cross(x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor:
    """The vector product of vectors of three elements along an axis."""
    return firth.linalg.cross(*_of_one_rank(x1, x2), dim=axis)  # type: ignore[no-any-return]


def _of_one_rank(x1: Tensor, x2: Tensor) -> list[Tensor]:
    """Both with as many axes, new ones in front."""
    ndim = max(x1.ndim, x2.ndim)
    return [x.reshape((1,) * (ndim - x.ndim) + tuple(x.shape)) for x in (x1, x2)]


def cholesky(x: Tensor, /, *, upper: bool = False) -> Tensor:
    """The triangle L of L @ L^H, or its conjugate transpose."""
    return firth.linalg.cholesky(x, upper=upper)  # type: ignore[no-any-return]


def det(x: Tensor, /) -> Tensor:
    """The determinant."""
    return firth.linalg.det(x)  # type: ignore[no-any-return]


def slogdet(x: Tensor, /) -> Any:
    """(sign, logabsdet) of the determinant."""
    return firth.linalg.slogdet(x)


def inv(x: Tensor, /) -> Tensor:
    """The inverse."""
    return firth.linalg.inv(x)  # type: ignore[no-any-return]


def solve(x1: Tensor, x2: Tensor, /) -> Tensor:
    """The x of x1 @ x = x2: one vector, or matrices that broadcast against x1's."""
    if 1 < x2.ndim < x1.ndim:  # not a stack of vectors
        x2 = firth.reshape(x2, (1,) * (x1.ndim - x2.ndim) + tuple(x2.shape))
    return firth.linalg.solve(x1, x2)  # type: ignore[no-any-return]


def eigh(x: Tensor, /) -> Any:
    """(eigenvalues, eigenvectors) of a Hermitian matrix."""
    return firth.linalg.eigh(x)


def eigvalsh(x: Tensor, /) -> Tensor:
    """The eigenvalues of a Hermitian matrix."""
    return firth.linalg.eigvalsh(x)  # type: ignore[no-any-return]


def eig(x: Tensor, /) -> Any:
    """(eigenvalues, eigenvectors) of a matrix, complex."""
    return firth.linalg.eig(x)


def eigvals(x: Tensor, /) -> Tensor:
    """The eigenvalues of a matrix, complex."""
    return firth.linalg.eigvals(x)  # type: ignore[no-any-return]


def qr(x: Tensor, /, *, mode: str = "reduced") -> Any:
    """(Q, R): orthonormal columns, and a triangle."""
    return firth.linalg.qr(x, mode)


def svd(x: Tensor, /, *, full_matrices: bool = True) -> Any:
    """(U, S, Vh): singular vectors and values."""
    return firth.linalg.svd(x, full_matrices)


def svdvals(x: Tensor, /) -> Tensor:
    """The singular values."""
    return firth.linalg.svdvals(x)  # type: ignore[no-any-return]


def pinv(x: Tensor, /, *, rtol: Any = None) -> Tensor:
    """The pseudo-inverse."""
    return firth.linalg.pinv(x, rtol=rtol)  # type: ignore[no-any-return]


def matrix_rank(x: Tensor, /, *, rtol: Any = None) -> Tensor:
    """How many singular values are above rtol times the largest."""
    return firth.linalg.matrix_rank(x, rtol=rtol)  # type: ignore[no-any-return]


def matrix_power(x: Tensor, n: int, /) -> Tensor:
    """A matrix multiplied with itself n times; n below 0 takes the inverse."""
    return firth.linalg.matrix_power(x, n)  # type: ignore[no-any-return]


def matrix_norm(x: Tensor, /, *, keepdims: bool = False, ord: Any = "fro") -> Tensor:
    """A norm of matrices: 'fro', 'nuc', 1, 2, inf and their negatives."""
    return firth.linalg.matrix_norm(x, "fro" if ord is None else ord, keepdim=keepdims)  # type: ignore[no-any-return]


def vector_norm(
    x: Tensor, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False,
    ord: float = 2,
) -> Tensor:  # fmt: skip
    """The norm of vectors along axes (all without one; each number is a vector where axis=())."""
    if axis == ():
        size = firth.abs(x)
        return (size != 0).to(size.dtype) if ord == 0 else size
    return firth.linalg.vector_norm(x, ord, axis, keepdims)  # type: ignore[no-any-return]


guarded(globals())
