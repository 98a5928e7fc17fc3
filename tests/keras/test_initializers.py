"""Initial values: fans and variances."""

from __future__ import annotations

import numpy as np
import pytest

from firth import keras

EXPECTED = {
    "glorot_uniform": 2 / 900,
    "glorot_normal": 2 / 900,
    "he_normal": 2 / 300,
    "he_uniform": 2 / 300,
    "lecun_normal": 1 / 300,
    "lecun_uniform": 1 / 300,
    "random_normal": 0.05**2,
    "random_uniform": 0.1**2 / 12,
}


@pytest.mark.parametrize("name", EXPECTED)
def test_variance(name):
    values = keras.initializers.get(name)((300, 600)).numpy()
    assert values.var() == pytest.approx(EXPECTED[name], rel=0.03)
    assert abs(values.mean()) < 3e-3


def test_seeds_orthogonal_and_constants():
    draw = keras.initializers.HeNormal(seed=3)
    assert np.array_equal(draw((4, 5)).numpy(), keras.initializers.HeNormal(seed=3)((4, 5)).numpy())
    q = keras.initializers.Orthogonal()((6, 4)).numpy()
    assert np.allclose(q.T @ q, np.eye(4), atol=1e-5)
    assert keras.initializers.Constant(2.0)((2,)).tolist() == [2, 2]
    assert keras.initializers.Identity()((2, 2)).tolist() == [[1, 0], [0, 1]]
