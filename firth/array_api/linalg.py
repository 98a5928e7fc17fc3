"""Linear algebra, under the standard's names."""

from __future__ import annotations

from typing import Any

import firth
from firth import DType, Tensor


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
    """Sums of products along an axis, the first conjugated."""
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
