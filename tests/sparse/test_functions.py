"""firth.sparse's functions against PyTorch."""

from __future__ import annotations

import pytest

import firth
from firth.base.errors import FirthError
from tests.sparse.both import coo, csr, dense, same, torch


@pytest.mark.parametrize("dim", [0, 1])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax(name, dim):
    same(getattr(firth.sparse, name)(coo(firth), dim), getattr(torch.sparse, name)(coo(torch), dim))


def test_softmax_has_gradients():
    mine, right = coo(firth, requires_grad=True), coo(torch, requires_grad=True)
    (firth.sparse.softmax(mine, 1).to_dense() * dense(firth, 4, 3)).sum().backward()
    (torch.sparse.softmax(right, 1).to_dense() * dense(torch, 4, 3)).sum().backward()
    places = mine._places()
    want = firth.tensor(right.grad.to_dense().numpy())[places[0], places[1]]
    assert (mine.grad._values - want).abs().max().item() < 1e-12


@pytest.mark.filterwarnings("ignore:Sparse")
def test_products():
    options = {"beta": 2.0, "alpha": 3.0}
    for name, make, shapes in (
        ("addmm", coo, ((4, 2), (3, 2))), ("sampled_addmm", csr, ((4, 2), (2, 3)))
    ):  # fmt: skip
        mine, right = (
            [dense(L, *shapes[0]), make(L), dense(L, *shapes[1])] for L in (firth, torch)
        )
        if name == "sampled_addmm":  # its sparse one comes first
            mine[:2], right[:2] = mine[1::-1], right[1::-1]
        same(getattr(firth.sparse, name)(*mine, **options),
             getattr(torch.sparse, name)(*right, **options))  # fmt: skip


def test_what_is_refused():
    with pytest.raises(FirthError, match=r"sparse\.mm: no sparse tensor"):
        firth.sparse.mm(firth.ones(2, 2), firth.ones(2, 2))
    with pytest.raises(FirthError, match=r"sparse\.sampled_addmm: the product has another shape"):
        firth.sparse.sampled_addmm(csr(firth), dense(firth, 4, 2), dense(firth, 2, 2))
    with pytest.raises(FirthError, match="mm: not a matrix"):
        firth.sparse.mm(coo(firth), dense(firth, 3))
