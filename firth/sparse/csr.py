"""The CSR layout: where each row begins, and a column for every stored value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from firth.base.errors import ArgumentError, message
from firth.sparse.base import SparseTensor
from firth.sparse.coo import SparseCOO
from firth.tensor import Size, Tensor, arange, searchsorted, stack
from firth.tensor.record import apply
from firth.tensor.shape import axis_of


class SparseCSR(SparseTensor):
    """Values (nnz) row after row, beside their columns; made by `sparse_csr_tensor`."""

    __slots__ = ("_columns", "_rows", "_starts")
    layout = "firth.sparse_csr"
    is_sparse, is_sparse_csr = False, True

    def __init__(
        self, starts: Tensor, columns: Tensor, rows: Tensor, values: Tensor, shape: Sequence[int]
    ) -> None:
        self._starts = starts
        self._columns = columns
        self._rows = rows
        self._values = values
        self.shape = Size(shape)

    def _places(self) -> tuple[Tensor, ...]:
        return self._rows, self._columns

    def _with(self, values: Tensor) -> SparseCSR:
        return SparseCSR(self._starts, self._columns, self._rows, values, self.shape)

    def _same_places(self, other: SparseTensor) -> bool:
        return isinstance(other, SparseCSR) and (
            other._starts is self._starts and other._columns is self._columns
        )

    def _back(self, found: SparseCOO) -> SparseCSR:
        return found.to_sparse_csr()

    def __firth_parts__(self) -> tuple[tuple[Tensor, ...], tuple[Any, ...]]:
        return (self._starts, self._columns, self._rows, self._values), (tuple(self.shape),)

    @classmethod
    def __firth_made__(cls, parts: Sequence[Tensor], rest: tuple[Any, ...]) -> SparseCSR:
        return cls(*parts, *rest)

    def __repr__(self) -> str:
        return self._text([("crow_indices", self._starts), ("col_indices", self._columns)])

    def crow_indices(self) -> Tensor:
        """Where the values of each row begin, and the end of the last: (M + 1) int64."""
        return self._starts

    def col_indices(self) -> Tensor:
        """The column of each value: (nnz) int64."""
        return self._columns

    def values(self) -> Tensor:
        """The stored values: (nnz)."""
        return self._values

    def coalesce(self) -> SparseCSR:
        """The matrix itself: a CSR matrix is taken to have each place once."""
        return self

    def to_sparse_coo(self) -> SparseCOO:
        """The same matrix in the COO layout; rows may list their columns in any order."""
        return SparseCOO(stack([self._rows, self._columns]), self._values, self.shape)

    def to_sparse_csr(self) -> SparseCSR:
        """The matrix itself."""
        return self

    def transpose(self, dim0: int, dim1: int) -> SparseCSR:
        """The transposed matrix, in this layout again."""
        if axis_of("transpose", dim0, 2) == axis_of("transpose", dim1, 2):
            return self
        order = self._columns.argsort(stable=True)
        rows, columns, values = (
            apply("gather", x, order, axes=(0,)) for x in (self._columns, self._rows, self._values)
        )
        starts = searchsorted(rows, arange(self.shape[1] + 1))
        return SparseCSR(starts, columns, rows, values, self.shape[::-1])

    def sum(self, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:
        """The sum of all elements, or over dims with keepdim=True, sparse in this layout."""
        if dim is None:
            return super().sum(None, keepdim, dtype)
        if not keepdim:
            raise ArgumentError(
                message("sum", "a CSR tensor has two dimensions", "keepdim=False", "keepdim=True",
                        "keep the dimensions, or use .to_sparse_coo() first")
            )  # fmt: skip
        found = super().sum(dim, keepdim, dtype)
        return found if isinstance(found, Tensor) else found.to_sparse_csr()
