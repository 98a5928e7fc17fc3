"""Micro-kernels alone: rows times vectors of columns, and dot products, against NumPy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from firth.base import dtype as dt
from firth.base import flags
from firth.codegen.builder import Builder
from firth.codegen.microkernel import Dots, Micro, dots, micro
from tests.codegen.harness import call_function, facts

RNG = np.random.default_rng(0)


def operands(m: int, n: int, k: int, dtype: dt.DType) -> tuple[np.ndarray, np.ndarray]:
    if dtype.kind == "f":
        return tuple(RNG.standard_normal(s).astype(dtype.np) for s in ((m, k), (k, n)))
    return tuple(RNG.integers(-9, 9, s).astype(dtype.np) for s in ((m, k), (k, n)))


@pytest.mark.parametrize("dtype", [dt.float32, dt.float64, dt.int32, dt.int64], ids=str)
@pytest.mark.parametrize("k", [1, 3, 4, 10])
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("adds", [False, True])
@pytest.mark.parametrize("told", [False, True], ids=["always", "by an argument"])
def test_micro(dtype: dt.DType, k: int, known: bool, adds: bool, told: bool) -> None:
    m, vectors, lanes = 3, 2, 4
    n = vectors * lanes
    a, b = operands(m, n, k, dtype)
    c = np.ones((m, n), dtype.np)
    sizes = (k, k, 1, n, n)
    builder = Builder()
    shape = Micro(dtype, m, vectors, lanes, sizes if known else (None,) * 5, None if told else adds)
    micro(builder, shape, facts())("%p0", "%p1", "%p2", sizes, n, adds)
    call_function(builder, a, b, c)
    np.testing.assert_allclose(c, a @ b + adds, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("n", [1, 3, 4, 7, 8])
def test_masked_columns_are_not_read(n: int) -> None:
    a, b = operands(2, 8, 5, dt.float32)
    b[:, n:] = np.nan
    c = np.zeros((2, 8), np.float32)
    builder = Builder()
    shape = Micro(dt.float32, 2, 2, 4, (5, 5, 1, 8, 8), masked=True)
    micro(builder, shape, facts())("%p0", "%p1", "%p2", (5, 5, 1, 8, 8), n)
    call_function(builder, a, b, c)
    np.testing.assert_allclose(c[:, :n], a @ b[:, :n], rtol=1e-5)
    assert (c[:, n:] == 0).all()


@pytest.mark.parametrize("dtype", [dt.float32, dt.float64, dt.int32], ids=str)
@pytest.mark.parametrize("k", [1, 7, 8, 40, 67])
@pytest.mark.parametrize(("rows", "cols"), [(1, 1), (1, 4), (2, 4)])
def test_dots(dtype: dt.DType, k: int, rows: int, cols: int) -> None:
    a, b = operands(rows, cols, k, dtype)
    b = np.ascontiguousarray(b.T)
    c = np.zeros((rows, cols), dtype.np)
    builder = Builder()
    dots(builder, Dots(dtype, rows, cols, 8, (k, k, None), cols), facts())(
        "%p0", "%p1", "%p2", (k, k, k)
    )
    call_function(builder, a, b, c)
    np.testing.assert_allclose(c, a @ b.T, rtol=1e-5, atol=1e-5)


def test_names_say_what_they_are_and_equal_ones_are_one_function() -> None:
    shape = Micro(dt.float32, 6, 2, 8, (784, 784, 1, None, 16), adds=True, masked=True)
    assert shape.name == "mk_float32_6x2x8_784_784_1_x_16_add_mask"
    assert Dots(dt.float64, 2, 4, 4, (None, -3, 5), 4).name == "dots_float64_2x4x4_x_m3_5_4"
    builder = Builder()
    for _ in range(2):
        micro(builder, shape, facts())("%p0", "%p1", "%p2", (784, 784, 1, 16, 16), 8)
    assert list(builder.helpers) == [shape.name]


@pytest.mark.parametrize("why", ["strict mode", "no fma in the machine"])
def test_no_fused_multiply_add(why: str) -> None:
    flags.put("FIRTH_STRICT", "1" if why == "strict mode" else None)
    try:
        builder = Builder()
        machine = facts(fma=why == "strict mode")
        shape = Micro(dt.float32, 1, 1, 8, (4, 4, 1, 8, 8))
        micro(builder, shape, machine)("%p0", "%p1", "%p2", shape.sizes, 8)
        (text,) = builder.helpers.values()
        assert "fmul" in text and "fma" not in text
    finally:
        flags.put("FIRTH_STRICT", None)


def test_two_steps_overlap_where_registers_are_left_for_them() -> None:
    wide = replace(facts(), vector_registers=32)
    for rows, machine, steps in ((13, wide, 2), (14, wide, 1), (5, facts(), 1)):
        builder = Builder()
        shape = Micro(dt.float32, rows, 2, 4, (64, 64, 1, 8, 8))
        micro(builder, shape, machine)("%p0", "%p1", "%p2", shape.sizes)
        (text,) = builder.helpers.values()
        assert text.count("call <4 x float> @llvm.fma") == steps * rows * 2
