"""Matrix products against PyTorch."""

from __future__ import annotations

import pytest

import firth
from tests.tensor.parity import check

EXPRESSIONS = [
    "x@x.T",
    "m.matmul(x,x.t())",
    "m.einsum('ij,kj->ik',x,x)",
    "m.einsum('bij->bi',i)",
    "m.einsum('ii->i',m.ones(3,3))",
    "m.einsum('bij,bkj->bik',i,i)",
    "m.outer(x[0],x[1])",
    "m.bmm(m.ones(2,3,4),m.ones(2,4,5))",
]


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_as_pytorch(text: str) -> None:
    check(text)


@pytest.mark.parametrize("text", [
    "m.einsum('ij->', x)", "m.einsum('ij->ji', x)", "m.einsum('ij,jk,kl->il', x, x.T, x)",
    "m.einsum('...j,kj->k...', i.float(), x[:, :1])", "m.einsum('i...,...', x, x[:1])",
    "m.einsum('b...j,...j->...', i, i[1, :1])", "m.einsum('...ii->...i', m.ones(2,3,3))",
    "m.einsum('...', x)",
    "m.einsum('ij,ij->i', x, x)", "m.einsum('i,j', x[0], x[1])", "x.mv(x[0])", "x[0].dot(x[1])",
    "m.addmm(m.ones(3, 3), x, x.T, alpha=2)", "x[0] @ x.T", "m.ones(2, 1, 3, 4) @ m.ones(5, 4, 2)",
])  # fmt: skip
def test_more_as_pytorch(text: str) -> None:
    check(text)


def test_mistakes() -> None:
    with pytest.raises(firth.FirthError, match="matmul"):
        firth.zeros(2, 3) @ firth.zeros(2, 3)
    with pytest.raises(firth.FirthError, match="dimensions"):
        firth.zeros(3).mm(firth.zeros(3, 3))
    with pytest.raises(firth.FirthError, match="equation"):
        firth.einsum("ijk->i", firth.zeros(2, 2))
    with pytest.raises(firth.FirthError, match="einsum: operands of different dtypes"):
        firth.einsum("i,i->", firth.zeros(2), firth.zeros(2, dtype=firth.int64))
