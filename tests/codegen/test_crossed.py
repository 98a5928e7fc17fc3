"""Transpositions inside kernels: values, edges, and that squares are used."""

from __future__ import annotations

import numpy as np
import pytest

from firth.base import dtype as dt
from firth.codegen import brief
from firth.codegen.emit import emit
from firth.ir.kernel import Affine, Apply, Axis, Buffer, Const, Guard, Kernel, Load, Loop, Store
from tests.codegen.harness import ALL_FACTS, facts, run


def transposed(n, m, dtype=dt.float32, guards=()):
    """b1[j, i] = 2 * b0[i, j] for i in n, j in m: the vector runs over i."""
    i, j = Axis("i", n), Axis("j", m)
    read = Load(0, Affine(0, ((i, m), (j, 1))), dtype, tuple(Guard(Affine(0, ((x, 1),)), e)
                for x, e in zip((i, j), guards, strict=False)))  # fmt: skip
    value = Apply("mul", (read, Const(2, dtype)), dtype)
    put = Store(1, Affine(0, ((j, n), (i, 1))), value)
    body = (Loop(j, (Loop(i, (put,), 8),)),)
    return Kernel("t", (), (Buffer(dtype), Buffer(dtype, written=True)), body)


def answer(n, m, target, dtype=dt.float32, guards=()):
    x = np.arange(n * m).reshape(n, m).astype(dtype.np)
    y = np.zeros((m, n), dtype.np)
    run(transposed(n, m, dtype, guards), [x, y], target)
    return x, y


@pytest.mark.parametrize("dtype", [dt.float32, dt.int64], ids=str)
@pytest.mark.parametrize("target", ALL_FACTS, ids=lambda t: f"{t.vector_bytes}{t.masked}")
@pytest.mark.parametrize(("n", "m"), [(32, 48), (33, 17), (5, 40), (3, 2)])
def test_values(n, m, target, dtype):
    x, y = answer(n, m, target, dtype)
    np.testing.assert_array_equal(y, 2 * x.T)


@pytest.mark.parametrize("target", ALL_FACTS, ids=lambda t: f"{t.vector_bytes}{t.masked}")
def test_guards(target):
    x, y = answer(20, 35, target, guards=(18, 30))
    x[18:] = 0
    x[:, 30:] = 0
    np.testing.assert_array_equal(y, 2 * x.T)


@pytest.mark.parametrize("target", ALL_FACTS, ids=lambda t: f"{t.vector_bytes}{t.masked}")
@pytest.mark.parametrize(("n", "m"), [(33, 17), (5, 40), (20, 35)])
def test_rows_left_over_are_the_same_text_in_small_copies(n, m, target, monkeypatch):
    lengths = []
    for most in (-1, 1 << 20):
        monkeypatch.setattr(brief, "COPIES", most)
        x, y = answer(n, m, target, guards=(n - 1, m))
        x[n - 1 :] = 0
        np.testing.assert_array_equal(y, 2 * x.T)
        lengths.append(emit(transposed(n, m), target).text.count("\n"))
    tail = m > target.lanes(4) and m % target.lanes(4) != 0 and target.masked
    assert (lengths[1] < lengths[0]) is tail


def test_no_element_is_loaded_alone():
    text = emit(transposed(64, 64), facts(64)).text
    assert "load float," not in text and "shufflevector" in text
