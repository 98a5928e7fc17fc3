"""The COO layout against PyTorch."""

from __future__ import annotations

import pytest

import firth
from firth.base.errors import FirthError, RecordingError
from tests.sparse.both import coo, dense, same, torch


def test_coalesce():
    mine, right = coo(firth), coo(torch)
    assert not mine.is_coalesced() and mine._nnz() == 6
    with pytest.raises(FirthError, match="values: places may be there more than once"):
        mine.values()
    mine, right = mine.coalesce(), right.coalesce()
    assert mine.indices().tolist() == right.indices().tolist()
    assert mine.values().tolist() == right.values().tolist()
    assert mine.coalesce() is mine
    assert "nnz=5, layout=firth.sparse_coo" in repr(mine)


@pytest.mark.parametrize("name, function", [
    ("sum 0", lambda L, s: s.sum(0)), ("sum 1", lambda L, s: L.sparse.sum(s, 1)),
    ("sum both", lambda L, s: s.coalesce().sum((0, 1))), ("row", lambda L, s: s[0]),
    ("row from the end", lambda L, s: s[-1]), ("norm", lambda L, s: s.coalesce().norm()),
    ("product", lambda L, s: s @ s.t()), ("sparse.mm", lambda L, s: L.sparse.mm(s.t(), s)),
    ("minus", lambda L, s: s - s.coalesce() * 3), ("both", lambda L, s: s * (s.coalesce() * 3)),
    ("to coo", lambda L, s: s.to_sparse_csr().to_sparse() if L is firth else s.coalesce()),
])  # fmt: skip
def test_as_pytorch(name, function):
    same(function(firth, coo(firth)), function(torch, coo(torch)))


def test_product_of_two_and_its_gradients():
    a, b = coo(firth, requires_grad=True), (coo(firth).t() * 2).detach().requires_grad_()
    product = a @ b
    same(product, coo(torch) @ (coo(torch).t() * 2))
    weights = dense(firth, 4, 4)
    (product.to_dense() * weights).sum().backward()
    left = torch.tensor(a.to_dense().detach().numpy(), requires_grad=True)
    right = torch.tensor(b.to_dense().detach().numpy(), requires_grad=True)
    ((left @ right) * torch.tensor(weights.numpy())).sum().backward()
    for mine, whole in ((a, left), (b, right)):
        want = firth.tensor(whole.grad.numpy())[mine._places()[0], mine._places()[1]]
        assert (mine.grad._values - want).abs().max().item() < 1e-12


def test_dense_dimensions():
    index, values = [[0, 2, 0]], [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
    mine, right = (L.sparse_coo_tensor(L.tensor(index), L.tensor(values), (3, 2))
                   for L in (firth, torch))  # fmt: skip
    same(mine, right)
    same(mine.sum(0), right.sum(0))
    same(mine.coalesce() * 2, right.coalesce() * 2)
    assert (mine.sparse_dim(), mine.dense_dim()) == (1, 1)
    with pytest.raises(FirthError, match="matmul: not for these dimensions"):
        mine @ firth.ones(2)


def test_sizes_that_depend_on_values_are_refused_in_jit():
    s = coo(firth)
    for function in (lambda x: s.coalesce().values() * x, lambda x: (s @ s.t()).to_dense() * x):
        with pytest.raises(RecordingError):
            firth.jit(function)(firth.ones((), dtype=firth.float64))
