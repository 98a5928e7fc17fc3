"""The COO layout: an index for every stored value."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from firth.base.dtype import int64
from firth.base.errors import ArgumentError, message
from firth.sparse.base import SparseTensor
from firth.tensor import Size, Tensor, arange, cat, from_numpy, searchsorted, stack, zeros
from firth.tensor.creation import refuse_in_jit
from firth.tensor.reading import contents
from firth.tensor.record import apply
from firth.tensor.shape import axes_of, axis_of

if TYPE_CHECKING:
    from firth.sparse.csr import SparseCSR


class SparseCOO(SparseTensor):
    """Values (nnz, ...) at places (sparse dimensions, nnz); made by `sparse_coo_tensor`."""

    __slots__ = ("_coalesced", "_index")
    layout = "firth.sparse_coo"
    is_sparse, is_sparse_csr = True, False

    def __init__(
        self, index: Tensor, values: Tensor, shape: Sequence[int], coalesced: bool = False
    ) -> None:
        self._index = index
        self._values = values
        self.shape = Size(shape)
        self._coalesced = coalesced

    def _places(self) -> tuple[Tensor, ...]:
        return tuple(self._index[k] for k in range(self._index.shape[0]))

    def _with(self, values: Tensor) -> SparseCOO:
        return SparseCOO(self._index, values, self.shape, self._coalesced)

    def _same_places(self, other: SparseTensor) -> bool:
        return isinstance(other, SparseCOO) and other._index is self._index

    def _back(self, found: SparseCOO) -> SparseCOO:
        return found

    def __firth_parts__(self) -> tuple[tuple[Tensor, ...], tuple[Any, ...]]:
        return (self._index, self._values), (tuple(self.shape), self._coalesced)

    @classmethod
    def __firth_made__(cls, parts: Sequence[Tensor], rest: tuple[Any, ...]) -> SparseCOO:
        return cls(*parts, *rest)

    def __repr__(self) -> str:
        return self._text([("indices", self._index)])

    def is_coalesced(self) -> bool:
        """Whether each place is known to be there once, in order."""
        return self._coalesced

    def indices(self) -> Tensor:
        """The places: (sparse dimensions, nnz) int64; ArgumentError before coalesce()."""
        self._check_coalesced("indices")
        return self._index

    def values(self) -> Tensor:
        """The stored values: (nnz, ...); ArgumentError before coalesce()."""
        self._check_coalesced("values")
        return self._values

    def _indices(self) -> Tensor:
        return self._index

    def _check_coalesced(self, op: str) -> None:
        if not self._coalesced:
            raise ArgumentError(
                message(op, "places may be there more than once", "an uncoalesced tensor",
                        "each place once, in order", "call .coalesce() first")
            )  # fmt: skip

    def coalesce(self) -> SparseCOO:
        """Each place once, in order; values at equal places are added.

        How many places there are depends on values: refused in jit, unless it is coalesced already.
        """
        if self._coalesced:
            return self
        refuse_in_jit("coalesce", "the number of places depends on values",
                      "coalesce it before the jitted function")  # fmt: skip
        index = contents(self._index)
        extents = tuple(self.shape[: len(index)])
        flat = np.ravel_multi_index(tuple(index), extents) if len(index) and prod(extents) else (
            np.zeros(index.shape[1], np.int64)
        )  # fmt: skip
        places, inverse = np.unique(flat, return_inverse=True)
        fresh = np.array(np.unravel_index(places, extents)) if prod(extents) else index[:, :0]
        empty = zeros(len(places), *self._values.shape[1:], dtype=self.dtype)
        where = from_numpy(inverse.reshape(-1).astype(np.int64))
        values = apply("scatter", empty, self._values, where, axes=(0,), mode="add")
        shape = len(index), len(places)
        return SparseCOO(
            from_numpy(fresh.astype(np.int64).reshape(shape)), values, self.shape, True
        )

    def to_sparse_coo(self) -> SparseCOO:
        """The matrix itself."""
        return self

    def to_sparse_csr(self) -> SparseCSR:
        """The same matrix in the CSR layout."""
        from firth.sparse.csr import SparseCSR  # the two layouts know each other

        self._check_flat("to_sparse_csr", 2)
        whole = self.coalesce()
        rows, columns = whole._places()
        starts = searchsorted(rows, arange(self.shape[0] + 1))
        return SparseCSR(starts, columns, rows, whole._values, self.shape)

    def transpose(self, dim0: int, dim1: int) -> SparseCOO:
        """Two sparse dimensions swapped."""
        a = axis_of("transpose", dim0, self.ndim)
        b = axis_of("transpose", dim1, self.ndim)
        if max(a, b) >= self.sparse_dim():
            self._check_flat("transpose")
        order, shape = list(range(self.sparse_dim())), list(self.shape)
        order[a], order[b] = order[b], order[a]
        shape[a], shape[b] = shape[b], shape[a]
        places = self._places()
        return SparseCOO(stack([places[k] for k in order]), self._values, shape, a == b)

    def __getitem__(self, place: int) -> Any:
        if not isinstance(place, (int, np.integer)) or isinstance(place, bool):
            raise ArgumentError(
                message("getitem", "not an index of a sparse tensor", repr(place), "one int",
                        "use .to_dense()[...] for the rest")
            )  # fmt: skip
        refuse_in_jit("getitem", "the number of places depends on values", "use .to_dense()")
        index = contents(self._index)
        k = axis_of("getitem", place, self.shape[0])
        keep = np.flatnonzero(index[0] == k)
        values = apply("gather", self._values, from_numpy(keep.astype(np.int64)), axes=(0,))
        if self.sparse_dim() == 1:
            return values.sum(0)
        rest = from_numpy(np.ascontiguousarray(index[1:, keep]))
        return SparseCOO(rest, values, self.shape[1:], self._coalesced)

    # --- two matrices ----------------------------------------------------------------------------

    def _joined(self, other: SparseCOO) -> SparseCOO:
        index = cat([self._index, other._index], 1)
        return SparseCOO(index, cat([self._values, other._values]), self.shape)

    def _common(self, other: SparseCOO) -> SparseCOO:
        """The products at places that both have."""
        a, b = self.coalesce(), other.coalesce()
        refuse_in_jit("mul", "the number of common places depends on values", "use .to_dense()")
        extents = self.shape[: self.sparse_dim()]
        keys = [np.ravel_multi_index(tuple(contents(m._index)), extents) for m in (a, b)]
        _, left, right = np.intersect1d(*keys, assume_unique=True, return_indices=True)
        p, q = from_numpy(left.astype(np.int64)), from_numpy(right.astype(np.int64))
        values = apply("gather", a._values, p, axes=(0,)) * (
            apply("gather", b._values, q, axes=(0,))
        )
        return SparseCOO(apply("gather", a._index, p, axes=(1,)).T, values, self.shape, True)

    def _product(self, other: SparseCOO) -> SparseCOO:
        """(M, K) @ (K, N): every pair of (i, k) and (k, j) gives a term of (i, j)."""
        refuse_in_jit("matmul", "the places of a product of two sparse matrices depend on values",
                      "use .to_dense() on one of them")  # fmt: skip
        rows, inner = contents(self._index)
        b = other.coalesce()
        starts = np.searchsorted(contents(b._index)[0], np.arange(self.shape[1] + 1))
        counts = (starts[1:] - starts[:-1])[inner]
        p = np.repeat(np.arange(len(inner)), counts)
        first = np.repeat(starts[inner] - (np.cumsum(counts) - counts), counts)
        q = first + np.arange(len(p))
        index = np.stack([rows[p], contents(b._index)[1][q]])
        left = apply("gather", self._values, from_numpy(p.astype(np.int64)), axes=(0,))
        right = apply("gather", b._values, from_numpy(q.astype(np.int64)), axes=(0,))
        shape = self.shape[0], other.shape[1]
        return SparseCOO(from_numpy(index.astype(np.int64)), left * right, shape).coalesce()

    def _sum(self, dim: Any, keepdim: bool) -> Any:
        axes = axes_of("sum", dim, self.ndim)
        k = self.sparse_dim()
        inner = tuple(a - k + 1 for a in axes if a >= k)
        values = self._values.sum(inner, keepdim) if inner else self._values
        left = [a for a in range(k) if a not in axes]
        shape = [1 if a in axes else n for a, n in enumerate(self.shape)
                 if keepdim or a not in axes]  # fmt: skip
        if not left:
            return values.sum(0).reshape(shape)
        if keepdim:
            none = zeros(self._nnz(), dtype=int64)
            rows = [none if a in axes else place for a, place in enumerate(self._places())]
        else:
            rows = [place for a, place in enumerate(self._places()) if a in left]
        return SparseCOO(stack(rows), values, shape).coalesce()
