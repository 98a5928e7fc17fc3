"""Products, distances, covariances and slopes, against PyTorch."""

import pytest

import firth
from firth.base.errors import ArgumentError, ShapeError
from tests.tensor.parity import check

TEXTS = """
m.addmv(m.ones(3), x, m.arange(4.0), beta=2, alpha=3), m.addr(x, m.ones(3), m.arange(4.0))
m.addbmm(x, m.ones(2, 3, 5), m.ones(2, 5, 4)), m.vdot(x[0], x[1]), m.inner(x, x), m.kron(x, x[0])
m.cross(x[:, :3], x[:, 1:], dim=1), m.renorm(x, 2, 0, 0.5)
m.cdist(x, x), m.cdist(x, x, p=1), m.cdist(x, x, p=3.5), m.cdist(x, x, p=float("inf"))
m.cov(x), m.cov(x, correction=0, fweights=m.tensor([1, 2, 3, 4])), m.corrcoef(x)
m.trapezoid(x), m.trapezoid(x, dx=0.5, dim=0), m.cumulative_trapezoid(x, m.arange(4.0))
m.gradient(x), m.gradient(x, dim=1, edge_order=2)
m.gradient(x[0], spacing=[m.tensor([0.0, 1.0, 3.0, 7.0])], edge_order=2)
"""


@pytest.mark.parametrize("text", TEXTS.strip().splitlines())
def test_as_in_pytorch(text):
    check(text)


def test_distance_to_itself_has_no_slope():
    x = firth.ones(2, 3, requires_grad=True)
    firth.cdist(x, x.detach()).sum().backward()
    assert x.grad.tolist() == [[0.0] * 3] * 2


def test_jit():
    step = firth.jit(lambda x: firth.cov(x))
    x = firth.tensor([[1.0, 2.0, 4.0], [3.0, 1.0, 0.0]])
    assert firth.allclose(step(x), firth.cov(x))


def test_rows_of_different_lengths():
    with pytest.raises(ShapeError, match="cdist: rows of different lengths"):
        firth.cdist(firth.ones(2, 3), firth.ones(2, 4))


def test_weights_below_zero():
    for name, weights in (("fweights", [1, -1]), ("aweights", [0.5, -0.5])):
        with pytest.raises(ArgumentError, match=f"{name} are negative"):
            firth.ones(3, 2).cov(**{name: firth.tensor(weights)})
