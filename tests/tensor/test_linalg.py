"""Inverses, solving and products of matrices against PyTorch in float64, gradients included."""

from __future__ import annotations

import numpy as np
import pytest

import firth
from firth.base.errors import ArgumentError, LinAlgError, ShapeError
from firth.tensor.linalg import refuse

torch = pytest.importorskip("torch")


def draw(*shape, seed=0):
    """The same numbers whichever tests run."""
    return np.random.default_rng(seed).standard_normal(shape)


A, B, C = draw(2, 3, 3), draw(2, 3, 2, seed=1), draw(4, 3, seed=2)
S = A @ A.swapaxes(-1, -2) + np.eye(3)


def flat(results):
    return results if isinstance(results, tuple) else (results,)


def _loss(x):
    """Of sizes and, for complex values, phases."""
    if x.is_complex():
        return (x * x.conj()).real.sum() + (x * x).real.sum() + x.imag.sum()
    return (x * x).sum() + x.sin().sum()


def same(name, *arrays, second=True, hermitian=False, **attrs):
    """Values, gradients and second gradients of firth.linalg.<name> are torch.linalg's.

    hermitian: only the part of gradients that keeps a matrix hermitian counts.
    """
    rows = []
    for lib, make in ((firth, firth.tensor), (torch, torch.tensor)):
        xs = [make(a).requires_grad_() for a in arrays]
        outs = [o for o in flat(getattr(lib.linalg, name)(*xs, **attrs)) if o.requires_grad]
        loss = sum(_loss(o) for o in outs)
        grads = lib.autograd.grad(loss, xs, create_graph=True)
        if hermitian:
            grads = [(g + g.mH) / 2 for g in grads]
        found = [*outs, *grads]
        if second:
            again = sum(_loss(g) for g in grads)
            found += lib.autograd.grad(again, xs)
        rows.append([f.detach().numpy() for f in found])
    for ours, theirs in zip(*rows, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("name", ["inv", "det", "slogdet", "pinv", "matrix_exp"])
def test_functions_of_a_matrix(name):
    same(name, A)


@pytest.mark.parametrize("left", [True, False])
def test_solving(left):
    right = B if left else B.swapaxes(-1, -2)
    same("solve", A, right, left=left)
    same("solve_triangular", A + 3 * np.eye(3), right, upper=left, left=left, unitriangular=left)


def test_solving_for_vectors_and_broadcast_batches():
    same("solve", A, B[..., 0])
    same("solve", A[0], B[0, :, 0])
    same("solve", A[:, None], np.stack([B, B, B], 1)[:1])


def test_least_squares_and_pseudo_inverses():
    same("lstsq", C, draw(4, 2, seed=3), driver="gelsd", second=False)
    same("pinv", C.T, second=False)
    same("pinv", S, hermitian=True, second=False)
    deficient = C @ np.diag([1.0, 1.0, 0.0])
    solution, _, rank, sizes = np.linalg.lstsq(deficient, C, rcond=1e-9)
    for driver in ("gelsy", "gelsd"):  # not beside PyTorch, whose gelsy now and then gives zeros
        ours = firth.linalg.lstsq(firth.tensor(deficient), firth.tensor(C), 1e-9, driver=driver)
        np.testing.assert_allclose(ours.solution.numpy(), solution, atol=1e-12)
        assert ours.rank.item() == rank == 2
        assert ours.singular_values.shape == (sizes.shape if driver == "gelsd" else (0,))


def test_products_and_powers():
    chain = [draw(*s) for s in ((3,), (3, 40), (40, 2), (2, 5))]
    found = firth.linalg.multi_dot([firth.tensor(c) for c in chain])
    np.testing.assert_allclose(found.numpy(), np.linalg.multi_dot(chain), rtol=1e-12)
    for n in (-2, 0, 1, 5):
        same("matrix_power", A, n=n, second=n != 0) if n else None
    assert firth.linalg.matrix_power(firth.tensor(A), 0).tolist() == [np.eye(3).tolist()] * 2
    same("vander", C, N=4)
    same("tensorinv", A.reshape(2, 3, 3)[:, :, :1].reshape(2, 3, 1)[:, :2, 0].reshape(2, 2), ind=1)
    same("vecdot", B, B[0])
    same("cross", B.swapaxes(-1, -2), B[:1].swapaxes(-1, -2))


def test_complex_matrices():
    turn = draw(2, 3, 3, seed=4)
    z, right = A + 1j * turn, B + 1j * turn[..., :2]
    positive = z @ z.conj().swapaxes(-1, -2) + np.eye(3)
    for name in ("inv", "det", "slogdet", "matrix_exp", "svdvals", "qr", "lu", "eigvals"):
        same(name, z, second=name not in ("qr", "eigvals"))
    for name in ("cholesky", "eigvalsh"):
        same(name, positive, second=False, hermitian=True)
    same("pinv", right, second=False)
    same("solve", z, right)
    same("solve_triangular", z, right, upper=True)
    same("matrix_norm", z, ord="nuc", second=False)
    same("householder_product", right / 4, turn[:, 0, :2] + 0.5j)


def test_singular_matrices():
    bad = firth.zeros(2, 2)
    for call in (lambda: firth.linalg.inv(bad), lambda: firth.linalg.solve(bad, bad)):
        with pytest.raises(LinAlgError, match="singular"):
            call().tolist()
    inverse, info = firth.linalg.inv_ex(firth.stack([bad, firth.eye(2)]))
    assert info.tolist() == [1, 0] and info.dtype is firth.int32
    assert inverse[0].isnan().all() and inverse[1].tolist() == np.eye(2).tolist()
    assert firth.linalg.det(bad).item() == 0 and firth.logdet(bad).item() == -np.inf
    x = firth.zeros(2, 2, dtype=firth.float64).requires_grad_()
    x.det().backward()
    assert x.grad.tolist() == np.zeros((2, 2)).tolist()
    with pytest.raises(LinAlgError, match="info 1"):
        firth.linalg.solve_ex(bad, bad, check_errors=True)


def test_products_of_computed_values_over_nothing():
    x, y = firth.ones(4, 0), firth.ones(0, 5)
    assert ((x + x) @ y).tolist() == [[0.0] * 5] * 4
    assert (firth.stack([x, x]) @ y).shape == (2, 4, 5)
    pooled = firth.vmap(lambda p: firth.nn.functional.adaptive_avg_pool1d(p, 5))
    none = firth.ones(0, 8, 8, dtype=firth.float64)
    assert pooled(firth.stack([none, none])).numpy().shape == (2, 0, 8, 5)


def test_empty_matrices():
    none = firth.zeros(0, 0)
    assert none.det().item() == 1 and firth.linalg.inv(none).shape == (0, 0)
    assert firth.linalg.solve(none, firth.zeros(0, 2)).shape == (0, 2)
    assert firth.linalg.lstsq(firth.zeros(3, 0), firth.zeros(3, 2)).solution.shape == (0, 2)
    assert firth.linalg.matrix_exp(none).shape == (0, 0)


def test_in_compiled_functions_and_under_vmap():
    @firth.jit
    def step(a, b):
        return firth.linalg.solve(a @ a.mT + firth.eye(3, dtype=a.dtype), b).sum(-1)

    a, b = firth.tensor(A), firth.tensor(B)
    expected = np.linalg.solve(A @ A.swapaxes(-1, -2) + np.eye(3), B).sum(-1)
    for _ in range(3):
        np.testing.assert_allclose(step(a, b).numpy(), expected, rtol=1e-10)
    found = firth.func.vmap(firth.linalg.solve, in_dims=(0, None))(a, b[0])
    np.testing.assert_allclose(found.numpy(), np.linalg.solve(A, B[0]), rtol=1e-12)
    found = firth.func.vmap(firth.linalg.solve, in_dims=(None, 0))(a[0], b)
    np.testing.assert_allclose(found.numpy(), np.linalg.solve(A[0], B), rtol=1e-12)


def test_what_does_not_fit():
    with pytest.raises(ShapeError, match=r"solve: the right sides do not fit"):
        firth.linalg.solve(firth.eye(3), firth.zeros(2, 2))
    with pytest.raises(ShapeError, match="trace: not a matrix"):
        firth.zeros(3).trace()
    with pytest.raises(ArgumentError, match="lstsq: no such driver"):
        firth.linalg.lstsq(firth.eye(2), firth.eye(2), driver="qr")
    assert "refuse: wrong; got 1" in str(refuse("refuse", "wrong", "1", "2", "mend"))
