"""Picking, placing and sorting against PyTorch."""

from __future__ import annotations

import pytest

import firth
from tests.tensor.parity import check

EXPRESSIONS = [
    "x.masked_fill(x>0,-9.)",
    "m.where(x>0,x,0.)",
    "m.where(x>0,x,x*2)",
    "x.masked_select(x>0)",
    "x.gather(1,m.tensor([[0,1],[2,3],[0,0]]))",
    "x.scatter(1,m.tensor([[0],[1],[2]]),5.)",
    "m.zeros(3,4).scatter_add(1,m.tensor([[0,0],[1,1],[2,2]]),x[:,:2])",
    "m.zeros(3,4).scatter_(1,m.tensor([[0],[1],[2]]),1)",
    "x.index_select(1,m.tensor([0,2]))",
    "x.index_add(0,m.tensor([0,0]),m.ones(2,4))",
    "x.topk(2)",
    "x.sort(1)",
    "x.argsort(0,descending=True)",
    "(x>0).nonzero()",
    "x.tril()",
    "x.triu(1)",
    "m.diag(x[0])",
    "x.diagonal()",
    "x.roll(1,0)",
    "x.clamp(0,1)",
    "x.clamp(min=0)",
    "x.clamp(max=0.5)",
    "x.addcmul(x,x,value=.5)",
    "x.lerp(x*2,0.5)",
    "m.unique(i%3)",
    "m.take_along_dim(x,x.argsort(1),1)",
]


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_as_pytorch(text: str) -> None:
    check(text)


def test_what_is_refused() -> None:
    with pytest.raises(TypeError, match="complex value"):
        firth.ones(2).masked_fill(firth.tensor(True), 1j)
    with pytest.raises(IndexError, match="no such dimension"):
        firth.tensor(1.0).roll(0, 0)
