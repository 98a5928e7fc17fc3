"""Making sparse tensors, with every index checked first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from firth.base.dtype import DType, int64
from firth.base.errors import ArgumentError, DTypeError, IndexOutOfRange, ShapeError, message
from firth.sparse.base import SparseTensor
from firth.sparse.coo import SparseCOO
from firth.sparse.csr import SparseCSR
from firth.tensor import Tensor, arange, from_numpy, searchsorted, tensor
from firth.tensor.creation import refuse_in_jit
from firth.tensor.reading import contents
from firth.tensor.record import apply, local


def _index(op: str, name: str, data: Any, ndim: int) -> Tensor:
    found = data if isinstance(data, Tensor) else tensor(data)
    if found.dtype.kind not in "iu" and found.numel():
        raise DTypeError(
            message(op, f"{name} are no integers", found.dtype.name, "int64", "cast with .long()")
        )
    if found.ndim != ndim:
        raise ShapeError(
            message(op, f"{name} of other dimensions", str(tuple(found.shape)),
                    f"{ndim} of them", "one row for each sparse dimension" if ndim == 2 else
                    "a vector; batches of matrices are not supported")
        )  # fmt: skip
    return found.detach() if found.dtype is int64 else found.long()


def _values(op: str, data: Any, dtype: DType | None, requires_grad: bool, nnz: int) -> Tensor:
    found = data if isinstance(data, Tensor) else tensor(data, dtype=dtype)
    found = found if dtype is None else found.to(dtype)
    if not found.ndim or found.shape[0] != nnz:
        raise ShapeError(
            message(op, "not one value for each place", str(tuple(found.shape)),
                    f"({nnz}, ...)", "give as many values as places")
        )  # fmt: skip
    return found.detach().requires_grad_(True) if requires_grad else found


def _check_extents(op: str, size: Any) -> tuple[int, ...]:
    shape = tuple(size)
    if any(isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 0 for n in shape):
        raise ShapeError(
            message(op, "not a shape", str(shape), "extents of 0 or more", "give whole numbers")
        )
    return tuple(int(n) for n in shape)


def _check_inside(op: str, name: str, places: np.ndarray, extent: int) -> None:
    wrong = np.flatnonzero((places < 0) | (places >= extent))
    if wrong.size:
        raise IndexOutOfRange(
            message(op, f"{name} is outside, at place {wrong[0]}", str(places[wrong[0]]),
                    f"0 to {extent - 1}", "check the indices or the size")
        )  # fmt: skip


def sparse_coo_tensor(
    indices: Any, values: Any, size: Sequence[int] | None = None, *, dtype: DType | None = None,
    device: Any = None, requires_grad: bool = False, is_coalesced: bool | None = None,
    check_invariants: bool | None = None,
) -> SparseCOO:  # fmt: skip
    """A sparse tensor of values at indices: (K, nnz) int64, (nnz, ...) -> K sparse dimensions.

    Values at equal places are added. requires_grad=True makes the values a leaf; otherwise
    gradients flow into `values`. Raises IndexOutOfRange for indices outside of size.

    >>> s = sparse_coo_tensor([[0, 1, 1], [2, 0, 2]], [3.0, 4.0, 5.0], (2, 3))
    >>> s.to_dense().tolist()
    [[0.0, 0.0, 3.0], [4.0, 0.0, 5.0]]
    >>> (s @ firth.ones(3)).tolist()
    [3.0, 9.0]
    """
    op = "sparse_coo_tensor"
    index = _index(op, "indices", indices, 2)
    count, nnz = index.shape
    found = _values(op, values, dtype, requires_grad, nnz)
    if size is None:
        refuse_in_jit(op, "the size depends on the indices' values", "give the size")
        most = contents(index).max(1, initial=-1) + 1
        size = (*(int(n) for n in most), *found.shape[1:])
    shape = _check_extents(op, size)
    if len(shape) != count + found.ndim - 1 or shape[count:] != tuple(found.shape[1:]):
        raise ShapeError(
            message(op, "indices and values do not fit the size",
                    f"{count} rows of indices, values {tuple(found.shape)}, size {shape}",
                    "one extent for each row of indices, then those of one value",
                    "change the size")
        )  # fmt: skip
    if local.rec.jit is None:  # inside jit every scatter checks its own
        for k, row in enumerate(contents(index)):
            _check_inside(op, f"an index of dimension {k}", row, shape[k])
    return SparseCOO(index, found, shape, bool(is_coalesced))


def sparse_csr_tensor(
    crow_indices: Any, col_indices: Any, values: Any, size: Sequence[int] | None = None, *,
    dtype: DType | None = None, device: Any = None, requires_grad: bool = False,
    check_invariants: bool | None = None,
) -> SparseCSR:  # fmt: skip
    """A sparse matrix row by row: row i has the values crow[i] to crow[i + 1].

    crow_indices (M + 1), col_indices (nnz), values (nnz) -> (M, N). requires_grad=True makes the
    values a leaf; otherwise gradients flow into `values`. Raises IndexOutOfRange for columns
    outside of size, ArgumentError for rows that do not follow one another.

    >>> sparse_csr_tensor([0, 1, 3], [2, 0, 2], [3.0, 4.0, 5.0], (2, 3)).to_dense().tolist()
    [[0.0, 0.0, 3.0], [4.0, 0.0, 5.0]]
    """
    op = "sparse_csr_tensor"
    starts = _index(op, "crow_indices", crow_indices, 1)
    columns = _index(op, "col_indices", col_indices, 1)
    nnz = columns.shape[0]
    found = _values(op, values, dtype, requires_grad, nnz)
    if size is None:
        refuse_in_jit(op, "the size depends on the indices' values", "give the size")
        size = starts.shape[0] - 1, int(contents(columns).max(initial=-1)) + 1
    shape = _check_extents(op, size)
    if len(shape) != 2 or shape[0] + 1 != starts.shape[0] or found.ndim != 1:
        raise ShapeError(
            message(op, "the parts do not fit the size",
                    f"{starts.shape[0]} row starts, values {tuple(found.shape)}, size {shape}",
                    "(M + 1) row starts, (nnz) values, size (M, N)", "change the size")
        )  # fmt: skip
    if local.rec.jit is None:
        _check_inside(op, "a column", contents(columns), shape[1])
        rows = contents(starts)
        if rows[0] != 0 or rows[-1] != nnz or np.any(np.diff(rows) < 0):
            raise ArgumentError(
                message(op, "rows do not follow one another", str(rows.tolist()[:8]),
                        f"0 first, {nnz} last, none less than the one before",
                        "check crow_indices")
            )  # fmt: skip
    rows_of = searchsorted(starts, arange(nnz), right=True) - 1
    return SparseCSR(starts, columns, rows_of, found, shape)


def to_sparse(x: Tensor, sparse_dim: int | None = None, *, layout: Any = None) -> SparseTensor:
    """The elements that are not 0, in the COO layout (or the one named); read at once."""
    refuse_in_jit("to_sparse", "the number of places depends on values",
                  "call it before the jitted function")  # fmt: skip
    count = x.ndim if sparse_dim is None else sparse_dim
    if not 0 <= count <= x.ndim:
        raise ArgumentError(
            message("to_sparse", "no such number of sparse dimensions", str(sparse_dim),
                    f"0 to {x.ndim}", "leave it out")
        )  # fmt: skip
    held = (contents(x) != 0).reshape(*x.shape[:count], -1).any(-1)
    places = np.stack(np.nonzero(held)) if count else np.zeros((0, int(held)), np.int64)
    index = from_numpy(places.astype(np.int64))
    if count:
        rows = [index[k] for k in range(count)]
        values = apply("gather", x, *rows, axes=tuple(range(count)))
    else:
        values = x.unsqueeze(0)[: int(held)]
    found = SparseCOO(index, values, x.shape, True)
    return found.to_sparse_csr() if "csr" in str(layout) else found


def to_sparse_csr(x: Tensor) -> SparseCSR:
    """The elements of a matrix that are not 0, in the CSR layout; read at once."""
    return to_sparse(x).to_sparse_csr()


def sparse_mask(x: Tensor, mask: SparseTensor) -> SparseTensor:
    """The elements of a dense tensor at the places of a sparse one."""
    mask._check_shape("sparse_mask", x)  # type: ignore[arg-type]
    places = mask._places()
    return mask._with(apply("gather", x, *places, axes=tuple(range(len(places)))))
