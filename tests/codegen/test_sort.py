"""Argsort: stable, NaN last, both directions, every dtype."""

import numpy as np
import pytest

from firth.base import dtype as dt
from firth.ir.kernel import Affine, Axis, Buffer, Kernel, Load, Sort
from tests.codegen.harness import run

RNG = np.random.default_rng(5)
REAL = [d for d in dt.ALL if d.kind != "c"]


def argsort(x, descending, generic):
    dtype = dt.from_numpy(x.dtype)
    rows, n = x.shape
    i, j = Axis("i", rows), Axis("j", n)
    at = Affine(0, ((i, n), (j, 1)))
    buffers = (
        Buffer(dtype),
        Buffer(dt.int64, True),
        Buffer(dtype, True, 2 * n),
        Buffer(dt.int64, True, 2 * n),
    )
    sort = Sort(j, Load(0, at, dtype), 1, at, descending, 2, 3)
    out = np.zeros(x.shape, np.int64)
    run(Kernel("sort", ((i, 1),), buffers, (sort,)), [x, out], generic=generic)
    return out


@pytest.mark.parametrize("generic", [False, True])
@pytest.mark.parametrize("dtype", REAL, ids=str)
def test_argsort(dtype, generic):
    for n in (1, 2, 3, 17, 64, 100):
        x = RNG.integers(0, 30, (2, n)).astype(dtype.np)
        if dtype.kind == "f":
            x[0, ::5] = np.nan
            x[1, ::3] = -x[1, ::3]
        wide = x.astype(np.float64)
        np.testing.assert_array_equal(
            argsort(x, False, generic), np.argsort(wide, 1, kind="stable")
        )
        # descending: NaN first, equal keys in the order they came
        key = np.where(np.isnan(wide), -np.inf, -wide)
        np.testing.assert_array_equal(argsort(x, True, generic), np.argsort(key, 1, kind="stable"))
