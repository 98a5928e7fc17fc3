"""Casts between all dtypes, against NumPy and the stated meaning."""

import numpy as np
import pytest

from firth.base import dtype as dt
from tests.codegen.test_arith import apply, hard_floats, hard_ints

REAL = [d for d in dt.ALL if d.kind != "c"]
RNG = np.random.default_rng(3)


def samples(dtype):
    if dtype.kind == "b":
        return np.array([True, False, True])
    if dtype.kind in "iu":
        return hard_ints(dtype)
    wide = [hard_floats(dt.float32).astype(np.float64), hard_floats(dt.float64)]
    edges = [2.0**k + s for k in (7, 8, 15, 16, 31, 32) for s in (-1, -0.5, 0, 0.5, 1)]
    edges += [2.0**63, 2.0**64, 65504, 65519, 65520, 65536, 6e-8, 2.9e-8, 3e-8, 6.1e-5, 2.0**-25]
    random = RNG.standard_normal(500) * 10.0 ** RNG.uniform(-9, 9, 500)
    with np.errstate(all="ignore"):
        return np.concatenate([*wide, edges, np.negative(edges), random]).astype(dtype.np)


def expected(x, source, dtype):
    with np.errstate(all="ignore"):
        if source.kind == "f" and dtype.kind in "iu":
            wide = x.astype(np.float64)
            info = np.iinfo(dtype.np)
            whole = [
                0
                if np.isnan(v)
                else info.max
                if v > info.max
                else info.min
                if v < info.min
                else int(v)
                for v in wide.tolist()
            ]
            return np.array([min(max(v, info.min), info.max) for v in whole], dtype.np)
        if dtype.kind == "b":
            return x.astype(np.float64) != 0 if source.kind == "f" else x != 0
        return x.astype(dtype.np)


@pytest.mark.parametrize("source", REAL, ids=str)
def test_cast(source):
    x = samples(source)
    for dtype in REAL:
        got = apply("cast", [x], dtype)[0]
        want = expected(x, source, dtype)
        if dtype.kind == "f":
            g, w = got.astype(np.float64), want.astype(np.float64)
            same = (g == w) & (np.signbit(g) == np.signbit(w)) | (np.isnan(g) & np.isnan(w))
            assert same.all(), (dtype, x[~same][:5], g[~same][:5], w[~same][:5])
        else:
            np.testing.assert_array_equal(got, want, err_msg=str(dtype))


@pytest.mark.parametrize("dtype", [dt.float16, dt.bfloat16], ids=str)
def test_every_half_value_survives(dtype):
    x = np.arange(65536, dtype=np.uint16).view(dtype.np)
    wide = apply("cast", [x], dt.float32)[0]
    np.testing.assert_array_equal(wide, x.astype(np.float32))
    back = apply("cast", [wide], dtype)[0]
    number = ~np.isnan(wide)
    np.testing.assert_array_equal(back.view(np.uint16)[number], x.view(np.uint16)[number])
    assert np.isnan(back[~number].astype(np.float32)).all()


def test_double_to_half_rounds_once():
    ties = 1 + 2.0**-11 + np.array([-1, 0, 1]) * 2.0**-40
    ties = np.concatenate([ties, 2.0**-24 * (1.5 + np.array([-1, 0, 1]) * 2.0**-40), [1e-320]])
    np.testing.assert_array_equal(apply("cast", [ties], dt.float16)[0], ties.astype(np.float16))


def test_bitcast():
    x = hard_floats(dt.float32)
    np.testing.assert_array_equal(apply("bitcast", [x], dt.int32)[0], x.view(np.int32))
    y = hard_ints(dt.uint64)
    got = apply("bitcast", [y], dt.float64)[0]
    np.testing.assert_array_equal(got.view(np.uint64), y)
    h = np.arange(1000, dtype=np.uint16)
    np.testing.assert_array_equal(apply("bitcast", [h], dt.bfloat16)[0].view(np.uint16), h)
    b = np.array([True, False])
    np.testing.assert_array_equal(apply("bitcast", [b], dt.uint8)[0], [1, 0])
