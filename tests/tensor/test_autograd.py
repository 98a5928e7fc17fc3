"""`firth.autograd` has PyTorch's names."""

from __future__ import annotations

import firth
from firth.tensor import autograd


def test_the_names_are_there() -> None:
    assert firth.autograd is autograd
    for name in autograd.__all__:
        assert getattr(autograd, name) is not None
    assert autograd.no_grad is firth.no_grad
