"""Movement against PyTorch."""

from __future__ import annotations

import pytest

import firth
from tests.tensor.parity import check

EXPRESSIONS = [
    "x.reshape(2,6)",
    "x.view(-1)",
    "x.permute(1,0)",
    "x.transpose(0,1).contiguous()",
    "x.T.reshape(-1)",
    "x.unsqueeze(0).expand(2,3,4)",
    "i.flatten(1)",
    "i.unflatten(2,(2,2))",
    "x.chunk(2,1)",
    "x.split(2)",
    "x.split([1,3],dim=1)",
    "x.unbind(1)",
    "m.cat([x,x],1)",
    "m.stack([x,x],1)",
    "x.repeat(2,1)",
    "x.flip(0)",
    "x.stride()",
    "x.t().stride()",
    "x.t().is_contiguous()",
    "x.reshape(3,2,2).movedim(0,-1)",
    "x.narrow(1,1,2)",
    "x.squeeze()",
    "x[1:].T[2:]",
    "x.flatten()[3]",
]


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_as_pytorch(text: str) -> None:
    check(text)


def test_an_empty_tensor_that_is_joined_still_promotes() -> None:
    empty = firth.zeros(0, dtype=firth.float64)
    assert firth.cat([empty, firth.ones(2, 2)]).dtype is firth.float64
    few = firth.cat([firth.zeros(0, dtype=firth.uint16), firth.zeros(1, dtype=firth.uint8)])
    assert few.dtype is firth.uint16
