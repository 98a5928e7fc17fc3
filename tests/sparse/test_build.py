"""Making sparse tensors; what is refused before any work."""

from __future__ import annotations

import pytest

import firth
from firth.base.errors import FirthError, IndexOutOfRange
from tests.sparse.both import coo, csr, dense, same, torch

COO = [
    ([[0, 5], [0, 1]], [1.0, 2.0], (2, 3), "an index of dimension 0 is outside, at place 1; got 5"),
    ([[0, 1], [0, -1]], [1.0, 2.0], (2, 3), "an index of dimension 1 is outside"),
    ([[0, 1], [0, 1]], [1.0], (2, 3), "not one value for each place"),
    ([[0, 1], [0, 1]], [1.0, 2.0], (2, 3, 4), "do not fit the size"),
    ([[0, 1], [0, 1]], [1.0, 2.0], (2, -3), "not a shape"),
    ([0, 1], [1.0, 2.0], (2, 3), "indices of other dimensions"),
    ([[0.5, 1.0]], [1.0, 2.0], (2,), "indices are no integers"),
]
CSR = [
    ([0, 2, 1], [0, 1], [1.0, 2.0], (2, 3), "rows do not follow one another"),
    ([0, 1, 1], [0, 1], [1.0, 2.0], (2, 3), "rows do not follow one another"),
    ([1, 1, 2], [0, 1], [1.0, 2.0], (2, 3), "rows do not follow one another"),
    ([0, 1, 2], [0, 3], [1.0, 2.0], (2, 3), "a column is outside, at place 1; got 3"),
    ([0, 1, 2], [0, 1], [1.0], (2, 3), "not one value for each place"),
    ([0, 1], [0], [1.0], (2, 3), "the parts do not fit the size"),
    ([[0, 1]], [0], [1.0], (1, 3), "crow_indices of other dimensions"),
]


@pytest.mark.parametrize("indices, values, size, words", COO)
def test_coo_is_checked(indices, values, size, words):
    with pytest.raises(FirthError, match=f"sparse_coo_tensor: .*{words}"):
        firth.sparse_coo_tensor(indices, values, size)


@pytest.mark.parametrize("rows, columns, values, size, words", CSR)
def test_csr_is_checked(rows, columns, values, size, words):
    with pytest.raises(FirthError, match=f"sparse_csr_tensor: .*{words}"):
        firth.sparse_csr_tensor(rows, columns, values, size)


def test_inside_jit_the_scatter_checks():
    @firth.jit
    def build(index, values, x):
        return firth.sparse_coo_tensor(index, values, (2, 3)) @ x

    values, x = firth.ones(2), firth.ones(3)
    assert build(firth.tensor([[0, 1], [2, 0]]), values, x).tolist() == [1.0, 1.0]
    with pytest.raises(IndexOutOfRange):
        build(firth.tensor([[0, 7], [2, 0]]), values, x).tolist()


def test_sizes_are_inferred():
    assert firth.sparse_coo_tensor([[0, 4], [2, 0]], [1.0, 2.0]).shape == (5, 3)
    assert firth.sparse_csr_tensor([0, 1, 2], [3, 0], [1.0, 2.0]).shape == (2, 4)
    empty = firth.sparse_coo_tensor(firth.zeros(2, 0, dtype=firth.int64), firth.zeros(0), (2, 3))
    same(empty.coalesce(), torch.zeros(2, 3).to_sparse())
    assert (empty @ firth.ones(3)).tolist() == [0.0, 0.0]


def test_from_dense():
    x = [[0.0, 2.0, 0.0], [3.0, 0.0, 4.0]]
    leaf = firth.tensor(x, requires_grad=True)
    mine = leaf.to_sparse()
    same(mine, torch.tensor(x).to_sparse())
    (mine @ firth.ones(3)).sum().backward()
    assert leaf.grad.tolist() == [[0.0, 1.0, 0.0], [1.0, 0.0, 1.0]]
    same(firth.tensor(x).to_sparse_csr(), torch.tensor(x).to_sparse_csr())
    same(firth.tensor(x).to_sparse(1), torch.tensor(x).to_sparse(1))
    same(dense(firth, 4, 3).sparse_mask(coo(firth).coalesce()),
         dense(torch, 4, 3).sparse_mask(coo(torch).coalesce()))  # fmt: skip
    assert csr(firth, dtype=firth.float32).dtype is firth.float32
