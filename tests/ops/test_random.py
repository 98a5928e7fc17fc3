"""Random draws: distributions, independence of counters, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from firth import ops
from firth.base import dtype as dt
from firth.base.errors import ArgumentError, DTypeError, ShapeError
from firth.ir.op import Expr, input_node


def state(seed: int, counter: int = 0) -> np.ndarray:
    return np.array([seed, counter], np.uint64)


def test_uniform_fills_the_unit_interval() -> None:
    for dtype in (dt.float32, dt.float64, dt.float16, dt.bfloat16):
        x = ops.uniform.ref(state(1), shape=(20000,), dtype=dtype).astype(np.float64)
        assert x.min() >= 0 and x.max() < 1
        counts, _ = np.histogram(x, 8, (0, 1))
        assert abs(counts - 2500).max() < 250


def test_normal_has_the_right_moments_and_tails() -> None:
    x = ops.normal.ref(state(2), shape=(200000,), dtype=dt.float32).astype(np.float64)
    assert abs(x.mean()) < 0.01 and abs(x.var() - 1) < 0.02
    assert abs((x**4).mean() - 3) < 0.15
    assert abs((abs(x) > 3).mean() - 0.0027) < 0.0005


def test_counters_and_seeds_are_independent() -> None:
    a, b, c = (
        ops.uniform.ref(s, shape=(20000,), dtype=dt.float64)
        for s in (state(1, 0), state(1, 1), state(2, 0))
    )
    for x, y in ((a, b), (a, c), (a[1:], b[:-1])):
        assert abs(np.corrcoef(x, y)[0, 1]) < 0.03


def test_whole_numbers_are_in_range_and_even() -> None:
    x = ops.randint.ref(state(3), shape=(30000,), low=-3, high=3, dtype=dt.int64)
    values, counts = np.unique(x, return_counts=True)
    np.testing.assert_array_equal(values, range(-3, 3))
    assert abs(counts - 5000).max() < 400
    wide = ops.randint.ref(state(3), shape=(1000,), low=-(2**63), high=2**63, dtype=dt.int64)
    assert wide.min() < -(2**61) and wide.max() > 2**61


def test_permutation_holds_everything_once() -> None:
    x = ops.permutation.ref(state(4), n=1000)
    np.testing.assert_array_equal(np.sort(x), np.arange(1000))
    assert abs(np.corrcoef(x, np.arange(1000))[0, 1]) < 0.15


@pytest.mark.parametrize("replacement", [False, True])
def test_multinomial_follows_its_weights(replacement: bool) -> None:
    p = np.array([0.0, 1.0, 3.0, 0.0, 4.0])
    rows = np.broadcast_to(p, (8000, 5))
    x = ops.multinomial.ref(rows, state(5), n=1, replacement=replacement)[:, 0]
    share = np.bincount(x, minlength=5) / 8000
    np.testing.assert_allclose(share, p / 8, atol=0.03)
    if not replacement:
        every = ops.multinomial.ref(rows, state(6), n=3, replacement=False)
        assert (np.sort(every, 1) == [1, 2, 4]).all()


def test_dropout_keeps_the_mean() -> None:
    x = np.ones(20000, np.float32)
    y = ops.dropout.ref(x, state(7), p=0.25)
    assert set(np.unique(y)) == {np.float32(0), np.float32(1 / 0.75)}
    assert abs(y.mean() - 1) < 0.02


def test_mistakes() -> None:
    good = Expr(input_node(0, (2,), dt.uint64))
    with pytest.raises(ShapeError, match="seed, counter"):
        ops.random_bits(Expr(input_node(0, (3,), dt.uint64)), shape=(2,))
    with pytest.raises(DTypeError, match="uint64"):
        ops.random_bits(Expr(input_node(0, (2,), dt.int64)), shape=(2,))
    with pytest.raises(DTypeError, match="draws floats"):
        ops.normal(good, shape=(2,), dtype=dt.int32)
    with pytest.raises(ArgumentError, match="range is empty"):
        ops.randint.ref(state(0), shape=(2,), low=3, high=3, dtype=dt.int64)
    with pytest.raises(ArgumentError, match="not so many"):
        p = Expr(input_node(1, (3,), dt.float32))
        ops.multinomial(p, good, n=4, replacement=False)
