"""L D L^T of symmetric and hermitian matrices, against PyTorch's LAPACK."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import firth


def drawn(n: int, hermitian: bool, complex_: bool) -> np.ndarray:
    rng = np.random.default_rng(n)
    a = rng.standard_normal((3, n, n))
    if complex_:
        a = a + 1j * rng.standard_normal(a.shape)
    a[0] -= np.diag(a[0].diagonal())  # zeros there want blocks of two rows
    return a + (a.conj() if hermitian else a).swapaxes(1, 2)


@pytest.mark.parametrize("complex_", [False, True])
@pytest.mark.parametrize("hermitian", [False, True])
def test_as_in_pytorch(hermitian: bool, complex_: bool) -> None:
    a = drawn(9, hermitian, complex_)
    mine = firth.linalg.ldl_factor_ex(firth.tensor(a), hermitian=hermitian)
    theirs = torch.linalg.ldl_factor_ex(torch.tensor(a), hermitian=hermitian)
    assert (mine.pivots < 0).any().item()
    for ours, right in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(ours.numpy(), right.numpy(), rtol=1e-9, atol=1e-9)
    b = drawn(9, False, complex_)
    x = firth.linalg.ldl_solve(mine.LD, mine.pivots, firth.tensor(b), hermitian=hermitian)
    np.testing.assert_allclose(a @ x.numpy(), b, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("hermitian", [False, True])
def test_gradient_of_the_right_side(hermitian: bool) -> None:
    a, b = drawn(4, hermitian, True), drawn(4, False, True)
    LD, pivots = firth.linalg.ldl_factor(firth.tensor(a), hermitian=hermitian)
    found = []
    for solve in (
        lambda x: firth.linalg.ldl_solve(LD, pivots, x, hermitian=hermitian),
        lambda x: firth.linalg.solve(firth.tensor(a), x),
    ):
        x = firth.tensor(b, requires_grad=True)
        (solve(x) * firth.tensor(b)).real.sum().backward()
        found.append(x.grad.numpy())
    np.testing.assert_allclose(*found, rtol=1e-9, atol=1e-9)


def test_zero_pivots_and_pivots_that_are_none() -> None:
    found = firth.linalg.ldl_factor_ex(firth.zeros(2, 3, 3))
    assert found.info.tolist() == [1, 1]
    with pytest.raises(firth.FirthError, match="a pivot is zero"):
        firth.linalg.ldl_factor_ex(firth.zeros(2, 2), check_errors=True)
    with pytest.raises(firth.FirthError, match="no such pivot: 7"):
        pivots = firth.tensor([7, 2], dtype=firth.int32)
        firth.linalg.ldl_solve(firth.eye(2), pivots, firth.ones(2, 1)).tolist()
