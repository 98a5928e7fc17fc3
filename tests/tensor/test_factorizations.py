"""Factorisations give PyTorch's factors and gradients, and the matrix back."""

from __future__ import annotations

import numpy as np
import pytest

import firth
from firth.base.errors import ArgumentError, LinAlgError
from tests.tensor.test_linalg import A, B, S, draw, same

torch = pytest.importorskip("torch")

WIDE, TALL = draw(2, 2, 3), draw(2, 3, 2, seed=1)


def test_factors_with_both_orders_of_gradients():
    same("cholesky", S)
    same("cholesky", S, upper=True)
    same("svdvals", A)
    same("eigvalsh", S)
    same("householder_product", TALL, draw(2, 2))


@pytest.mark.parametrize("a", [A, WIDE, TALL], ids=["square", "wide", "tall"])
def test_factors_of_matrices(a):
    same("qr", a)
    same("lu_factor", a)
    same("lu", a)


def test_vectors_up_to_their_signs():
    """Losses that do not depend on signs, so that any LAPACK will do."""
    rows = []
    for lib, make in ((firth, firth.tensor), (torch, torch.tensor)):
        x, s = make(TALL).requires_grad_(), make(S).requires_grad_()
        u, sizes, vh = lib.linalg.svd(x, full_matrices=False)
        values, vectors = lib.linalg.eigh(s)
        loss = (u * u * sizes[..., None, :]).sin().sum() + (vh.abs() * vh.abs()).cos().sum()
        loss = loss + ((vectors * vectors) @ values[..., None]).sin().sum() + (values**3).sum()
        rows.append([g.detach().numpy() for g in lib.autograd.grad(loss, [x, s])])
    for ours, theirs in zip(*rows, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-10)


def test_the_matrix_comes_back():
    for a in (WIDE, TALL, A):
        x = firth.tensor(a)
        p, low, high = firth.linalg.lu(x)
        u, s, vh = firth.linalg.svd(x)
        k = s.shape[-1]
        again = [p @ low @ high, (u[..., :k] * s[..., None, :]) @ vh[..., :k, :]]
        again += [q @ r for q, r in (firth.linalg.qr(x), firth.linalg.qr(x, "complete"))]
        found = firth.lu_unpack(*firth.linalg.lu_factor(x))
        again.append(found.P @ found.L @ found.U)
        for y in again:
            np.testing.assert_allclose(y.numpy(), a, atol=1e-12)


@pytest.mark.parametrize("left", [True, False])
@pytest.mark.parametrize("adjoint", [True, False])
def test_solving_with_factors(left, adjoint):
    right = B if left else B.swapaxes(-1, -2)
    factors = firth.linalg.lu_factor(firth.tensor(A))
    found = firth.linalg.lu_solve(*factors, firth.tensor(right), left=left, adjoint=adjoint)
    matrix = A.swapaxes(-1, -2) if adjoint else A
    product = matrix @ found.numpy() if left else found.numpy() @ matrix
    np.testing.assert_allclose(product, right, atol=1e-12)


def test_cholesky_for_solving():
    low = firth.linalg.cholesky(firth.tensor(S))
    for upper, factor in ((False, low), (True, low.mT)):
        found = firth.cholesky_solve(firth.tensor(B), factor, upper)
        np.testing.assert_allclose(found.numpy(), np.linalg.solve(S, B), atol=1e-12)
        inverse = firth.cholesky_inverse(factor, upper)
        np.testing.assert_allclose(inverse.numpy(), np.linalg.inv(S), atol=1e-12)
    factor, info = firth.linalg.cholesky_ex(firth.tensor(np.stack([S[0], -S[0]])))
    assert info.tolist() == [0, 1] and factor[1].isnan().any() and not factor[0].isnan().any()
    with pytest.raises(LinAlgError, match="not positive definite"):
        firth.cholesky(firth.tensor(-S)).tolist()


def test_reflections():
    a, tau = firth.geqrf(firth.tensor(TALL))
    q = firth.orgqr(a, tau)
    np.testing.assert_allclose((q @ a[:, :2].triu()).numpy(), TALL, atol=1e-12)
    whole = firth.ormqr(a, tau, firth.eye(3, dtype=firth.float64).expand(2, 3, 3))
    np.testing.assert_allclose(whole[..., :2].numpy(), q.numpy(), atol=1e-12)
    back = firth.ormqr(a, tau, whole, left=True, transpose=True)
    np.testing.assert_allclose(back.numpy(), np.broadcast_to(np.eye(3), (2, 3, 3)), atol=1e-12)


def test_old_names_and_what_is_refused():
    x = firth.tensor(TALL)
    u, s, v = x.svd()
    np.testing.assert_allclose(((u * s[..., None, :]) @ v.mT).numpy(), TALL, atol=1e-12)
    assert x.svd(compute_uv=False).U.shape == (2, 3, 3) and x.qr(some=False).Q.shape == (2, 3, 3)
    with pytest.raises(ArgumentError, match="qr: no such mode; got 'full'"):
        firth.linalg.qr(x, "full")
    with pytest.raises(ArgumentError, match="eigh: no such triangle"):
        firth.linalg.eigh(firth.tensor(S), UPLO="X")
    with pytest.raises(ArgumentError, match="lu: LU needs pivoting"):
        firth.linalg.lu(x, pivot=False)
