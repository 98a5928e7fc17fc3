"""Order statistics and counting, against PyTorch."""

import pytest

import firth
from firth.base.errors import ArgumentError
from tests.tensor.parity import check

TEXTS = """
x.kthvalue(2), x.kthvalue(1, 0, True), x.median(), x.median(1), i.median(), i.median(0)
m.tensor([1.0, float("nan"), 0.0]).median(), m.tensor([1.0, float("nan"), 0.0]).nanmedian()
m.tensor([[1.0, float("nan"), 0.0]]).median(1), m.tensor([[1.0, float("nan"), 0.0]]).nanmedian(1)
m.tensor([2, 1, 1, 2, 3]).mode().values, m.msort(x), m.aminmax(x), m.aminmax(x, dim=0)
x.cummax(1), m.tensor([1.0, float("nan"), 2.0]).cummin(0), x.logcumsumexp(1)
m.tensor([-float("inf"), 0.0, 800.0]).logcumsumexp(0)
m.tensor([1.0, float("inf"), 3.0, float("nan"), 3.0]).logcumsumexp(0)
m.quantile(x, 0.3), m.quantile(x, m.tensor([0.1, 0.5]), dim=1, keepdim=True)
m.quantile(x, 0.4, dim=0, interpolation="nearest"), m.nanquantile(x, 0.5, dim=1)
m.histc(x, 5), m.histc(x, 4, -1, 1), m.bucketize(x, m.tensor([-1.0, 0.0, 1.0]), right=True)
m.histogram(x, 4), m.histogram(x, m.tensor([-1.0, 0.0, 2.0]), density=True)
m.histogramdd(x[:, :2], [2, 3])
m.nansum(m.tensor([1.0, float("nan")])), m.nanmean(m.tensor([1.0, float("nan")]))
"""


@pytest.mark.parametrize("text", TEXTS.strip().splitlines())
def test_as_in_pytorch(text):
    check(text)


def test_running_extremes_are_differentiable():
    x = firth.tensor([1.0, 3.0, 2.0], requires_grad=True)
    x.cummax(0).values.sum().backward()
    assert x.grad.tolist() == [1.0, 2.0, 0.0]


def test_places_outside():
    with pytest.raises(ArgumentError, match="kthvalue: there is no such place; got k=4"):
        firth.ones(3).kthvalue(4)


def test_slopes_of_running_logarithms_without_and_beyond_a_range():
    x = firth.tensor([-float("inf"), 0.0, 800.0, -800.0], dtype=firth.float64, requires_grad=True)
    y = x.logcumsumexp(0)
    assert y.tolist() == [-float("inf"), 0.0, 800.0, 800.0]
    y.sum().backward()
    assert x.grad.tolist() == [0.0, 1.0, 2.0, 0.0]
