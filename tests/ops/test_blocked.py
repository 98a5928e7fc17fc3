"""Substitution, LU and the exponential over several blocks, against what they must satisfy."""

from __future__ import annotations

import numpy as np
import pytest

from firth.ops import blocked

N = 130  # more than two blocks


@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("unit", [False, True])
@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
def test_substitution(upper: bool, unit: bool, dtype: type) -> None:
    rng = np.random.default_rng(0)
    a = (rng.standard_normal((2, N, N)) / N + 2 * np.eye(N)).astype(dtype)
    b = rng.standard_normal((3, 1, N, 4)).astype(dtype)
    x = blocked.substitute(a, b, upper, unit)
    triangle = np.triu(a) if upper else np.tril(a)
    if unit:
        triangle = triangle - (a - np.eye(N)) * np.eye(N)
    assert x.shape == (3, 2, N, 4)
    np.testing.assert_allclose(triangle @ x, np.broadcast_to(b, x.shape), atol=1e-12)


@pytest.mark.parametrize("shape", [(N, N), (2, N, 70), (70, N), (3, 0, 2), (0, 3, 3)])
def test_lu_is_a_permuted_product(shape: tuple[int, ...]) -> None:
    a = np.random.default_rng(1).standard_normal(shape)
    found, pivots, order = blocked.factor(a)
    k = min(shape[-2:])
    low = np.tril(found[..., :k], -1) + np.eye(shape[-2], k)
    rows = np.take_along_axis(a, order[..., None], -2)
    np.testing.assert_allclose(low @ np.triu(found[..., :k, :]), rows, atol=1e-10)
    assert (np.abs(low) <= 1 + 1e-15).all()
    changed = a.copy()
    for place in np.ndindex(shape[:-2]):
        for i, p in enumerate(pivots[place]):
            changed[place][[i, p]] = changed[place][[p, i]]
    np.testing.assert_array_equal(changed, rows)


def test_lu_of_singular_matrices_is_finite() -> None:
    found, _, _ = blocked.factor(np.array([[[0.0, 1.0], [0.0, 2.0]], [[1.0, 1.0], [1.0, 1.0]]]))
    np.testing.assert_array_equal(found[1], [[1, 1], [1, 0]])
    assert np.isfinite(found).all()


def test_exponential() -> None:
    rng = np.random.default_rng(2)
    a = rng.standard_normal((4, 5, 5)) * np.array([1e-9, 1, 30, 0])[:, None, None]
    values, vectors = np.linalg.eig(a[1:3])
    expected = (vectors * np.exp(values)[:, None]) @ np.linalg.inv(vectors)
    found = blocked.exponential(a)
    np.testing.assert_allclose(found[1:3], expected.real, rtol=1e-9)
    np.testing.assert_allclose(found[0], np.eye(5) + a[0], atol=1e-15)
    np.testing.assert_allclose(found[3], np.eye(5), atol=1e-15)
    assert np.isnan(blocked.exponential(np.full((2, 2), np.inf))).all()
