"""firth.special against PyTorch."""

import pytest

import firth
from firth.base.errors import ArgumentError

torch = pytest.importorskip("torch")

X = [[0.1, 0.5, 0.9], [0.3, 0.7, 0.2]]
UNARY = (
    "entr ndtr spherical_bessel_j0 psi expit gammaln i0 i1e ndtri log_ndtr erfcx sinc logit "
    "modified_bessel_i1 modified_bessel_k0 bessel_j0"
).split()


@pytest.mark.parametrize("name", UNARY)
def test_one_argument(name):
    mine = getattr(firth.special, name)(firth.tensor(X))
    right = getattr(torch.special, name)(torch.tensor(X))
    assert mine.numpy() == pytest.approx(right.numpy(), rel=2e-5, abs=3e-6)


def test_two_arguments():
    for text in (
        "special.zeta(m.tensor(X) + 1, 2.0)", "special.xlog1py(m.tensor(X), 0.5)",
        "special.gammainc(m.tensor(X), m.tensor(X))", "special.polygamma(2, m.tensor(X))",
        "special.multigammaln(m.tensor(X) + 2, 3)",
        "special.shifted_chebyshev_polynomial_u(m.tensor(X), m.tensor([0.0, 3.0, 7.0]))",
    ):  # fmt: skip
        mine, right = (
            eval(text, {"m": m, "special": m.special, "X": X}) for m in (firth, torch)
        )  # fmt: skip
        assert mine.numpy() == pytest.approx(right.numpy(), rel=2e-5, abs=1e-6), text


def test_compiled_with_gradient():
    @firth.jit
    def slope(x):
        return firth.grad(lambda v: firth.special.i1(v).sum() + firth.lgamma(v).sum())(x)

    x = torch.tensor(X, requires_grad=True)
    (torch.special.i1(x).sum() + torch.lgamma(x).sum()).backward()
    assert slope(firth.tensor(X)).numpy() == pytest.approx(x.grad.numpy(), rel=1e-4)


def test_no_such_degree():
    with pytest.raises(ArgumentError, match="legendre_polynomial_p: no such degree"):
        firth.special.legendre_polynomial_p(firth.ones(2), float("nan"))
