"""Norms of vectors and matrices against PyTorch, at zero too."""

from __future__ import annotations

import math

import numpy as np
import pytest

import firth
from firth.base.errors import ArgumentError, DTypeError, ShapeError
from tests.tensor.test_linalg import A, B, S, same

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("ord", [0.5, 1, 2, 3, -1, math.inf, -math.inf])
def test_vector_norms(ord):
    same("vector_norm", B, ord=ord, dim=(0, 2), keepdim=True)
    same("vector_norm", B, ord=ord, second=False)


@pytest.mark.parametrize("ord", ["fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf])
def test_matrix_norms(ord):
    same("matrix_norm", B, ord=ord)
    same("norm", A, ord=ord, dim=(2, 0), keepdim=True, second=False)


@pytest.mark.parametrize("p", [None, -2, 1, math.inf, "fro", "nuc"])
def test_condition_numbers(p):
    x = firth.tensor(A)
    expected = torch.linalg.cond(torch.tensor(A), p).numpy()
    np.testing.assert_allclose(firth.linalg.cond(x, p).numpy(), expected, rtol=1e-10)
    if p in (None, -2):  # PyTorch's own gradient fails for the others
        same("cond", A, p=p, second=False)


def test_zeros_have_no_slope():
    for ord in (0.5, 1, 2, 3):
        x = firth.zeros(3, dtype=firth.float64).requires_grad_()
        firth.linalg.vector_norm(x, ord).backward()
        assert x.grad.tolist() == [0, 0, 0]
    assert firth.linalg.cond(firth.zeros(2, 2), 1).item() == math.inf


def test_ranks():
    a = firth.tensor(np.stack([S[0], np.outer(S[0, 0], S[0, 1]), np.zeros((3, 3))]))
    assert firth.linalg.matrix_rank(a).tolist() == [3, 1, 0]
    assert firth.linalg.matrix_rank(a, hermitian=True).tolist()[0] == 3
    assert firth.linalg.matrix_rank(a, atol=1e9).tolist() == [0, 0, 0]
    assert firth.linalg.matrix_rank(a, atol=firth.tensor([0.0, 1e9, 0.0])).tolist() == [3, 0, 0]
    assert firth.linalg.matrix_rank(firth.zeros(2, 0, 3)).tolist() == [0, 0]


def test_the_older_norm():
    x = firth.tensor(B)
    for p in ("fro", "nuc", 2, 1, math.inf):
        expected = torch.norm(torch.tensor(B), p=p, dim=(1, 2)).numpy()
        np.testing.assert_allclose(x.norm(p, dim=(1, 2)).numpy(), expected, rtol=1e-12)
    assert firth.norm(x, dim=1, keepdim=True).shape == (2, 1, 2)


def test_what_is_refused():
    with pytest.raises(DTypeError, match="vector_norm: norms are of floats; got int64"):
        firth.linalg.vector_norm(firth.arange(3))
    with pytest.raises(ArgumentError, match="matrix_norm: no such norm; got 3"):
        firth.linalg.matrix_norm(firth.eye(2), 3)
    with pytest.raises(ArgumentError, match="nothing has no largest element"):
        firth.linalg.vector_norm(firth.zeros(0), math.inf)
    with pytest.raises(ShapeError, match="norm: neither a vector nor a matrix"):
        firth.linalg.norm(firth.zeros(2, 2, 2), 2)
