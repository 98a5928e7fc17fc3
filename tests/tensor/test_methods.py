"""The methods and properties of a tensor."""

from __future__ import annotations

import pytest

import firth
from tests.tensor.parity import check


@pytest.mark.parametrize("text", [
    "x.T", "x.mT", "x.ndim", "x.is_leaf", "x.requires_grad", "x.itemsize", "x.nbytes",
    "x.grad is None", "x.dim()", "list(x.shape)", "x.data", "x.is_cuda", "x.element_size()",
    "len(list(x))", "x in [x]", "hash(x) == hash(x)", "x.is_floating_point()",
])  # fmt: skip
def test_as_pytorch(text: str) -> None:
    check(text)


def test_every_public_method_says_what_it_does() -> None:
    missing = [
        n for n in dir(firth.Tensor)
        if not n.startswith("_") and not (getattr(firth.Tensor, n).__doc__ or "").strip()
    ]  # fmt: skip
    assert not missing


def test_every_public_function_says_what_it_does() -> None:
    missing = [
        n for n in firth.__all__ if callable(getattr(firth, n)) and not getattr(firth, n).__doc__
    ]
    assert not missing
