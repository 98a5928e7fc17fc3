"""The functions of torch.sparse."""

from __future__ import annotations

import builtins
from typing import Any

from firth.base.dtype import DType
from firth.base.errors import DTypeError, ShapeError, message
from firth.sparse.base import SparseTensor
from firth.tensor import Tensor, full, zeros
from firth.tensor.record import apply
from firth.tensor.shape import axis_of


def _sparse(op: str, value: Any) -> SparseTensor:
    if not isinstance(value, SparseTensor):
        raise DTypeError(
            message(op, "no sparse tensor", type(value).__name__, "a sparse tensor",
                    "use firth.sparse_coo_tensor or .to_sparse()")
        )  # fmt: skip
    return value


def mm(mat1: Any, mat2: Any) -> Any:
    """The product of matrices, at least one of them sparse; of two sparse ones it is sparse.

    >>> s = firth.sparse_coo_tensor([[0, 1], [1, 0]], [2.0, 3.0], (2, 2))
    >>> mm(s, firth.ones(2, 1)).tolist()
    [[2.0], [3.0]]
    """
    if not isinstance(mat1, SparseTensor):
        _sparse("sparse.mm", mat2)
        return mat1 @ mat2
    return mat1.mm(mat2)


def addmm(mat: Tensor, mat1: Any, mat2: Any, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta * mat + alpha * (mat1 @ mat2) with mat1 sparse: (M, K), (K, N) -> (M, N)."""
    product = mm(mat1, mat2)
    found: Tensor = mat * beta + product * alpha
    return found


def sum(input: SparseTensor, dim: Any = None, dtype: DType | None = None) -> Any:
    """The sum of all elements, or over dims: sparse as long as a sparse dimension is left."""
    return _sparse("sparse.sum", input).sum(dim, dtype=dtype)


def sampled_addmm(
    input: SparseTensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1
) -> SparseTensor:
    """beta * input + alpha * (mat1 @ mat2) at the places of input (M, N) only: (M, K), (K, N)."""
    source = _sparse("sparse.sampled_addmm", input)
    source._check_flat("sparse.sampled_addmm", 2)
    if (mat1.shape[0], mat2.shape[-1]) != tuple(source.shape):
        raise ShapeError(
            message("sparse.sampled_addmm", "the product has another shape",
                    f"{tuple(mat1.shape)} @ {tuple(mat2.shape)}", str(tuple(source.shape)),
                    "transpose one of them")
        )  # fmt: skip
    rows, columns = source._places()
    left = apply("gather", mat1, rows, axes=(0,))
    right = apply("gather", mat2, columns, axes=(1,))
    return source._with(source._values * beta + (left * right).sum(1) * alpha)


def softmax(input: SparseTensor, dim: int, *, dtype: DType | None = None) -> SparseTensor:
    """softmax along a dim over the stored elements; the others count as minus infinity."""
    whole, low, total, group = _shares("sparse.softmax", input, dim, dtype)
    return whole._with(low.exp() / apply("gather", total, *group, axes=_all(total)))


def log_softmax(input: SparseTensor, dim: int, *, dtype: DType | None = None) -> SparseTensor:
    """log_softmax along a dim over the stored elements; the others count as minus infinity."""
    whole, low, total, group = _shares("sparse.log_softmax", input, dim, dtype)
    return whole._with(low - apply("gather", total.log(), *group, axes=_all(total)))


def _all(x: Tensor) -> tuple[int, ...]:
    return tuple(range(x.ndim))


def _shares(op: str, input: SparseTensor, dim: int, dtype: DType | None) -> Any:
    """The values less the largest of their group, the sums of exp of those, and the groups."""
    whole = _sparse(op, input if dtype is None else input.to(dtype)).coalesce()
    whole._check_flat(op)
    axis = axis_of(op, dim, whole.ndim)
    group = [p for k, p in enumerate(whole._places()) if k != axis]
    shape = [n for k, n in enumerate(whole.shape) if k != axis]
    if not group:
        group, shape = [zeros(whole._nnz(), dtype=whole._places()[0].dtype)], [1]
    axes = tuple(range(builtins.max(len(shape), 1)))
    most = apply("scatter", full(shape, float("-inf"), dtype=whole.dtype), whole._values.detach(),
                 *group, axes=axes, mode="maximum")  # fmt: skip
    low = whole._values - apply("gather", most, *group, axes=axes)
    total = apply("scatter", zeros(*shape, dtype=whole.dtype), low.exp(), *group, axes=axes,
                  mode="add")  # fmt: skip
    return whole, low, total, group
