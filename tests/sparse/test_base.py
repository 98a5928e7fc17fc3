"""Sparse matrices of both layouts against PyTorch: values and gradients in float64."""

from __future__ import annotations

import pytest

import firth
from firth.base.errors import FirthError
from tests.sparse.both import coo, csr, dense, same, torch

MAKERS = {"coo": coo, "csr": csr}
BOTH = {
    "s @ vector": lambda L, s: s @ dense(L, 3),
    "s @ matrix": lambda L, s: s @ dense(L, 3, 2),
    "matrix @ s": lambda L, s: dense(L, 2, 4) @ s,
    "matmul": lambda L, s: L.matmul(s, dense(L, 3, 2)),
    "mm": lambda L, s: L.mm(s, dense(L, 3, 2)),
    "mv": lambda L, s: L.mv(s, dense(L, 3)),
    "sparse.mm": lambda L, s: L.sparse.mm(s, dense(L, 3, 2)),
    "addmm": lambda L, s: L.addmm(dense(L, 4, 2), s, dense(L, 3, 2), beta=2.0, alpha=3.0),
    "to_dense": lambda L, s: s.to_dense(),
    "s * number": lambda L, s: s * 2.5,
    "number * s": lambda L, s: 2.5 * s,
    "s / number": lambda L, s: s / 4.0 if L is firth else s * 0.25,
    "-s": lambda L, s: -s,
    "s + s": lambda L, s: s + s,
    "s * s": lambda L, s: s * s,
    "s * dense": lambda L, s: s * dense(L, 4, 3),
    "dense + s": lambda L, s: dense(L, 4, 3) + s,
    "sum": lambda L, s: s.sum(),
    "sin": lambda L, s: s.sin(),
    "transposed": lambda L, s: s.t() @ dense(L, 4, 2),
    "csr": lambda L, s: s.to_sparse_csr() @ dense(L, 3, 2),
    "float": lambda L, s: s.float().to_dense().double(),
    "detach": lambda L, s: s.detach().clone(),
}


@pytest.mark.filterwarnings("ignore:Sparse")
@pytest.mark.parametrize("layout", MAKERS)
@pytest.mark.parametrize("name", BOTH)
def test_as_pytorch(name, layout):
    same(BOTH[name](firth, MAKERS[layout](firth)), BOTH[name](torch, MAKERS[layout](torch)))


DIFFERENTIABLE = [
    "s @ vector", "s @ matrix", "matrix @ s", "addmm", "to_dense", "s * number", "s + s", "s * s",
    "sum", "sin", "transposed", "s * dense",
]  # fmt: skip


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_gradients_of_the_values(name):
    """The gradient of a sparse leaf lies at its places, as the dense one does there."""
    function = BOTH[name]
    for make in (coo, csr):
        leaf = make(firth, requires_grad=True)
        whole = torch.tensor(leaf.to_dense().detach().numpy(), requires_grad=True)
        found = function(firth, leaf)
        found = found if isinstance(found, firth.Tensor) else found.to_dense()
        weights = dense(firth, *found.shape)
        (found * weights).sum().backward()
        right = whole if name == "to_dense" else function(torch, whole)
        (right * torch.tensor(weights.numpy())).sum().backward()
        places = leaf._places()
        want = firth.tensor(whole.grad.numpy())[places[0], places[1]]
        assert leaf.grad.layout == leaf.layout
        assert (leaf.grad._values - want).abs().max().item() < 1e-12


def test_both_operands_and_second_order():
    values = firth.tensor([1.0, 2.0, 3.0], dtype=firth.float64, requires_grad=True)
    x = dense(firth, 3, 2, requires_grad=True)
    s = firth.sparse_coo_tensor([[0, 1, 1], [0, 0, 2]], values, (2, 3))
    loss = ((s @ x) ** 2).sum()
    gx, gv = firth.autograd.grad(loss, [x, values], create_graph=True)
    ((gx**2).sum() + (gv**2).sum()).backward()

    v2 = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64, requires_grad=True)
    x2 = dense(torch, 3, 2, requires_grad=True)
    whole = torch.zeros(2, 3, dtype=torch.float64).index_put(
        (torch.tensor([0, 1, 1]), torch.tensor([0, 0, 2])), v2
    )
    hx, hv = torch.autograd.grad(((whole @ x2) ** 2).sum(), [x2, v2], create_graph=True)
    ((hx**2).sum() + (hv**2).sum()).backward()
    same(values.grad, v2.grad)
    same(x.grad, x2.grad)


def test_batches():
    s, x = coo(firth), dense(firth, 5, 3, 2)
    same(s @ x, coo(torch).to_dense() @ dense(torch, 5, 3, 2))
    same(csr(firth) @ x, csr(torch).to_dense() @ dense(torch, 5, 3, 2))
    left = dense(firth, 5, 2, 4)
    same(left @ s, dense(torch, 5, 2, 4) @ coo(torch).to_dense())


@pytest.mark.parametrize("make", [coo, csr])
def test_compiled(make):
    """As what a function captures, takes and gives; a training step of the values."""
    s, x = make(firth), dense(firth, 3, 2)
    want = s @ x
    captured = firth.jit(lambda x: s @ x)
    taken = firth.jit(lambda s, x: (s @ x, s * 2))
    for _ in range(2):
        same(captured(x), torch.tensor(want.numpy()))
        product, double = taken(s, x)
        same(product, torch.tensor(want.numpy()))
        assert double.layout == s.layout
        assert (double.to_dense() == s.to_dense() * 2).all()
    other = make(firth) * 3
    assert (taken(other, x)[0] - want * 3).abs().max().item() < 1e-12

    leaf = make(firth, requires_grad=True)
    optimizer = firth.optim.SGD([leaf._values], lr=0.1)

    @firth.jit
    def step(x):
        optimizer.zero_grad()
        loss = (leaf @ x).square().sum()
        loss.backward()
        optimizer.step()
        return loss

    losses = [step(x).item() for _ in range(4)]
    assert losses[3] < losses[0] and losses == sorted(losses, reverse=True)


def test_what_is_refused():
    s = coo(firth)
    with pytest.raises(FirthError, match="matmul: inner dimensions differ"):
        s @ firth.ones(4, 2, dtype=firth.float64)
    with pytest.raises(FirthError, match="matmul: the dtypes differ"):
        s @ firth.ones(3, 2)
    with pytest.raises(FirthError, match="add: not an operand of a sparse tensor"):
        s + 1
    with pytest.raises(FirthError, match="add: the shapes of sparse tensors differ"):
        s + s.t()
    with pytest.raises(FirthError, match="neither true nor false"):
        bool(s)
    with pytest.raises(FirthError, match="pow: not an operand"):
        s**0
    with pytest.raises(FirthError, match="maximum: not an operand of a sparse tensor"):
        firth.maximum(firth.ones(4, 3), s)
    with pytest.raises(FirthError, match="mv: not a vector"):
        s.mv(firth.ones(3, 2))
