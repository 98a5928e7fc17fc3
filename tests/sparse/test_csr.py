"""The CSR layout against PyTorch."""

from __future__ import annotations

import pytest

import firth
from firth.base.errors import FirthError
from tests.sparse.both import coo, csr, dense, same, torch


def test_parts():
    mine, right = coo(firth).to_sparse_csr(), coo(torch).to_sparse_csr()
    for name in ("crow_indices", "col_indices", "values"):
        assert getattr(mine, name)().tolist() == getattr(right, name)().tolist()
    assert "layout=firth.sparse_csr" in repr(mine)
    assert mine.is_sparse_csr and not mine.is_sparse


def test_transposed_stays_csr():
    turned = csr(firth).t()
    same(turned, csr(torch).to_dense().t().to_sparse_csr())
    assert turned.crow_indices().tolist() == [0, 2, 3, 5]
    step = firth.jit(lambda x: csr_leaf.t() @ x)
    csr_leaf = csr(firth)
    same(step(dense(firth, 4, 2)), csr(torch).to_dense().t() @ dense(torch, 4, 2))


@pytest.mark.filterwarnings("ignore:Sparse")
def test_products_and_sums():
    same(csr(firth) @ csr(firth).t(), csr(torch) @ csr(torch).t())
    for dim in (0, 1):
        same(csr(firth).sum(dim, keepdim=True), csr(torch).sum(dim, keepdim=True))
    with pytest.raises(FirthError, match="sum: a CSR tensor has two dimensions"):
        csr(firth).sum(0)
