"""Elementwise compositions, against PyTorch."""

import pytest

import firth
from firth.base.errors import DTypeError
from tests.tensor.parity import check

TEXTS = """
m.deg2rad(x), m.rad2deg(x), x.frac(), m.sinc(x)
m.fmax(x, m.tensor(float("nan"))), m.fmin(m.full((4,), float("nan")), x)
x.frexp()
m.frexp(m.tensor([0.0, 1e-45, 3e38, float("inf"), -0.75]))
m.frexp(m.tensor([5e-324, 1e308], dtype=m.float64))
m.heaviside(m.tensor([-1.0, 0.0, 2.0]), m.tensor(0.5))
m.ldexp(x, m.tensor(3)), m.logaddexp2(x, x.flip(0)), m.float_power(i, 2)
m.isposinf(x / 0), m.isneginf(i), m.rsub(x, 2, alpha=3)
m.xlogy(m.tensor([0.0, 0.0, 2.0]), m.tensor([0.0, float("nan"), 3.0]))
m.logit(m.sigmoid(x)), m.logit(x, eps=0.1)
x.round(decimals=2), (x * 1000).round(decimals=-2)
"""


@pytest.mark.parametrize("text", TEXTS.strip().splitlines())
def test_as_in_pytorch(text):
    check(text)


def test_slope_of_xlogy_at_zero():
    x = firth.tensor([0.0, 2.0], requires_grad=True)
    firth.xlogy(x, firth.tensor([3.0, 3.0])).sum().backward()
    assert x.grad[0].item() == pytest.approx(1.0986, abs=1e-4)
    assert x.grad[1].item() == pytest.approx(1.0986, abs=1e-4)


def test_integers_have_no_fraction():
    with pytest.raises(DTypeError, match="frac: works on floats"):
        firth.arange(3).frac()
