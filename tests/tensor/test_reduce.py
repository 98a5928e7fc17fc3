"""Reductions against PyTorch."""

from __future__ import annotations

import pytest

from tests.tensor.parity import check, check_gradient

EXPRESSIONS = [
    "x.sum()",
    "x.sum(1)",
    "x.sum((0,1),keepdim=True)",
    "x.mean(-1)",
    "x.max()",
    "x.max(1)",
    "x.min(0,keepdim=True)",
    "x.max(1).values",
    "x.argmax()",
    "x.argmax(1)",
    "x.argmin(0,keepdim=True)",
    "x.var()",
    "x.std(1)",
    "x.var(1,unbiased=False)",
    "x.prod(1)",
    "i.sum()",
    "i.sum(1)",
    "i.prod(2)",
    "x.any(1)",
    "(x>0).all()",
    "x.softmax(1)",
    "x.log_softmax(-1)",
    "x.logsumexp(1)",
    "x.cumsum(1)",
    "x.norm()",
    "x.norm(dim=1)",
    "x.isclose(x)",
    "m.allclose(x,x)",
    "x.mean(dim=(0,1))",
    "m.cumprod(x,0)",
    "x[0:0].sum()",
    "x.pow(2).sum(1).sqrt()",
]


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_as_pytorch(text: str) -> None:
    check(text)


GRADIENTS = [
    "(x*x).sum()",
    "(x[0]*x[1]).sum()",
    "x.max(1).values.sum()",
    "(x@x.T).sum()",
    "x.softmax(1)[:,0].sum()",
    "x.log_softmax(1).mean()",
    "x[x>0].sum()",
    "x[[0,0,1]].pow(2).sum()",
    "m.cat([x,x*2]).pow(2).sum()",
    "x.var(1).sum()",
    "x.std()",
    "x.t().reshape(-1)[3:7].pow(2).sum()",
    "m.where(x>0,x*2,x*x).sum()",
    "(x.exp()/x.exp().sum(1,keepdim=True)).pow(2).sum()",
    "x.gather(1,m.tensor([[0,1],[2,3],[0,0]])).pow(2).sum()",
    "x.cumsum(0).pow(2).sum()",
    "x.norm()",
    "x.expand(2,3,4).pow(2).sum()",
    "x.clamp(-.5,.5).sum()",
    "(x*2).detach().mul(x).sum()",
    "x.tanh().sigmoid().relu().sum()",
    "x.amax(1).sum()",
    "x.sort(1).values[:,0].sum()",
    "x.topk(2).values.pow(2).sum()",
    "x.logsumexp(1).sum()",
    "x.prod(1).sum()",
    "x.abs().sqrt().sum()",
]


@pytest.mark.parametrize("text", GRADIENTS)
def test_gradients_as_pytorch(text: str) -> None:
    check_gradient(text)
