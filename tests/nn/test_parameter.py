"""firth.nn.parameter."""

from __future__ import annotations

import firth
from firth import nn


def test_it_is_a_leaf_that_requires_grad() -> None:
    p = nn.Parameter(firth.tensor([1.0, 2.0]) * 2)
    assert isinstance(p, firth.Tensor)
    assert p.is_leaf
    assert p.requires_grad
    assert p.tolist() == [2.0, 4.0]
    assert not isinstance(p * 2, nn.Parameter)
    (p * p).sum().backward()
    assert p.grad.tolist() == [4.0, 8.0]


def test_it_does_not_follow_its_source() -> None:
    source = firth.tensor([1.0, 2.0])
    p = nn.Parameter(source)
    source += 1
    assert p.tolist() == [1.0, 2.0]


def test_without_gradient() -> None:
    assert not nn.Parameter(firth.tensor([1.0]), requires_grad=False).requires_grad


def test_repr() -> None:
    assert repr(nn.Parameter(firth.tensor([1.0]))).startswith("Parameter containing:\ntensor([1.")
