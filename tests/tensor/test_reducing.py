"""Sources put in with a reduction, against PyTorch."""

import pytest

import firth
from firth.base.errors import ArgumentError
from tests.tensor.parity import check

TEXTS = """
m.zeros(3).scatter_reduce(0, m.tensor([0, 0, 2]), m.arange(3.0), "mean")
m.ones(3).scatter_reduce(0, m.tensor([0, 0, 2]), m.arange(3.0), "amax", include_self=False)
m.ones(3).scatter_reduce(0, m.tensor([0, 0, 2]), m.arange(3.0), "prod", include_self=False)
m.arange(3).scatter_reduce(0, m.tensor([0, 0, 2]), m.arange(3), "mean", include_self=False)
m.arange(3).scatter_reduce(0, m.tensor([1, 1]), m.arange(2), "amin", include_self=False)
"""


@pytest.mark.parametrize("text", TEXTS.strip().splitlines())
def test_as_in_pytorch(text):
    check(text)


def test_product_with_a_zero_has_the_right_slopes():
    x = firth.ones(2, requires_grad=True)
    s = firth.tensor([0.0, 3.0, 2.0], requires_grad=True)
    x.scatter_reduce(0, firth.tensor([0, 0, 1]), s, "prod").sum().backward()
    assert s.grad.tolist() == [3.0, 0.0, 1.0]
    assert x.grad.tolist() == [0.0, 2.0]


def test_unknown_reductions():
    with pytest.raises(ArgumentError, match="scatter_reduce: no such reduction; got 'middle'"):
        firth.ones(3).scatter_reduce(0, firth.tensor([0]), firth.ones(1), "middle")
