"""The same sparse program in both libraries, in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import firth

torch = pytest.importorskip("torch")

PLACES = [[0, 1, 1, 0, 3, 2], [2, 0, 2, 2, 1, 1]]  # (0, 2) is there twice
VALUES = [3.0, 4.0, -5.0, 1.5, 0.5, 2.0]


def coo(lib: Any, **options: Any) -> Any:
    """A matrix (4, 3) of six values at five places."""
    values = lib.tensor(VALUES, dtype=lib.float64)
    return lib.sparse_coo_tensor(lib.tensor(PLACES), values, (4, 3), **options)


def csr(lib: Any, **options: Any) -> Any:
    """A matrix (4, 3) row by row, one row of it empty."""
    values = lib.tensor(VALUES[:5], dtype=lib.float64)
    return lib.sparse_csr_tensor([0, 1, 3, 3, 5], [2, 0, 2, 0, 1], values, (4, 3), **options)


def dense(lib: Any, *shape: int, **options: Any) -> Any:
    """Numbers that are never 0."""
    x = np.sin(np.arange(np.prod(shape)) + 1.0).reshape(shape)
    return lib.tensor(x, dtype=lib.float64, **options)


def array(x: Any) -> np.ndarray:
    """A result of either library, sparse or not, as NumPy's."""
    x = x.detach()
    plain = isinstance(x, firth.Tensor) or (
        isinstance(x, torch.Tensor) and x.layout is torch.strided
    )
    return np.asarray((x if plain else x.to_dense()).numpy())


def same(mine: Any, right: Any) -> None:
    """Equal values, both sparse or both dense."""
    sparse = isinstance(right, torch.Tensor) and right.layout is not torch.strided
    assert isinstance(mine, firth.sparse.SparseTensor) == sparse
    np.testing.assert_allclose(array(mine), array(right), rtol=1e-12, atol=1e-12)
    assert tuple(mine.shape) == tuple(right.shape)
