"""Kernels that are little work are short text, and compute what the long text computes."""

import numpy as np
import pytest

from firth.base import dtype as dt
from firth.codegen import brief
from firth.codegen.emit import Emitter, emit
from firth.ir.kernel import (
    Accumulate,
    Accumulator,
    Affine,
    Apply,
    Axis,
    Buffer,
    Const,
    Coordinate,
    Kernel,
    Load,
    Loop,
    Store,
)
from firth.passes import blocking
from tests.codegen.harness import ALL_FACTS, facts, run
from tests.codegen.test_contract import matmul

RNG = np.random.default_rng(8)


def rows(count, size, lanes, apart=True):
    """out[i] = sum over j of exp(x[i, j]), lanes are rows, or elements of a row."""
    i, j = Axis("i", count), Axis("j", size)
    total = Accumulator("total", "add", dt.float32, 0)
    x = Load(0, Affine(0, ((i, size), (j, 1))), dt.float32)
    inner = Loop(
        j, (Accumulate(total, Apply("exp", (x,), dt.float32)),), 0 if apart else lanes, (total,)
    )
    body = Loop(i, (inner, Store(1, Affine(0, ((i, 1),)), total)), lanes if apart else 0)
    return Kernel("rows", (), (Buffer(dt.float32), Buffer(dt.float32, True)), (body,))


@pytest.mark.parametrize("target", ALL_FACTS)
@pytest.mark.parametrize("apart", [False, True])
def test_sums_of_rows(target, apart, monkeypatch):
    x = RNG.standard_normal((19, 37)).astype(np.float32)
    found, lines = [], []
    for work in (-1, 1 << 20):
        monkeypatch.setattr(brief, "WORK", work)
        kernel = rows(19, 37, 2 * target.lanes(4), apart)
        out = np.zeros(19, np.float32)
        run(kernel, [x, out], target)
        found.append(out)
        lines.append(emit(kernel, target).text.count("\n"))
    np.testing.assert_allclose(found[0], np.exp(x).sum(1), rtol=2e-6)
    np.testing.assert_allclose(found[1], found[0], rtol=1e-6)
    assert lines[1] < lines[0] or not (target.masked or apart)


def test_elements_one_by_one_are_no_vectors(monkeypatch):
    monkeypatch.setattr(brief, "WORK", 1 << 20)
    assert " x float>" not in emit(rows(19, 37, 16, apart=True), facts()).text
    assert " x float>" in emit(rows(19, 37, 16, apart=False), facts()).text


@pytest.mark.parametrize("target", ALL_FACTS)
def test_integer_division_is_written_for_one_element(target, monkeypatch):
    monkeypatch.setattr(brief, "WORK", 1 << 20)
    i = Axis("i", 21)
    here = Coordinate(Affine(-9, ((i, 1),)), dt.int64)
    value = Apply("floor_divide", (here, Const(4, dt.int64)), dt.int64)
    store = Store(0, Affine(0, ((i, 1),)), value)
    kernel = Kernel("divide", (), (Buffer(dt.int64, True),), (Loop(i, (store,), 8),))
    out = np.zeros(21, np.int64)
    run(kernel, [out], target)
    np.testing.assert_array_equal(out, np.arange(-9, 12) // 4)
    assert emit(kernel, target).text.count("sdiv") == 1


def test_work_is_all_that_a_kernel_does(monkeypatch):
    kernel = rows(8, 5, 16)
    work = 8 * 5 * (1 + 1 + facts().cost("exp")) + 8
    for most, short in ((work, True), (work - 1, False)):
        monkeypatch.setattr(brief, "WORK", most)
        assert Emitter(kernel, facts(), False, 0).plain_loops is short


def test_products_whose_columns_are_loaded_one_by_one_are_more_work(monkeypatch):
    target = facts()
    for b_rows, steps in ((False, 6 * 5 * 16 // target.lanes(4)), (True, 6 * 5 * 16 // 4)):
        kernel = matmul(6, 16, 5, b_rows=b_rows)
        for most, short in ((steps, True), (steps - 1, False)):
            monkeypatch.setattr(blocking, "TINY_STEPS", most)
            assert brief.contracts_briefly(kernel, target) is short


@pytest.mark.parametrize("m, kernels", [(32, 1), (35, 1), (37, 2)])
def test_small_products_have_one_micro_kernel_where_rows_allow_it(m, kernels, monkeypatch):
    """The same sums in the same order."""
    n, k = 64, 24
    a = RNG.standard_normal((m, k)).astype(np.float32)
    b = RNG.standard_normal((k, n)).astype(np.float32)
    found = []
    for most in (0, m * n * k):
        monkeypatch.setattr(blocking, "EVEN_WORK", most)
        kernel = matmul(m, n, k)
        out = np.zeros((m, n), np.float32)
        run(kernel, [a, b, out], facts())
        found.append(out)
    np.testing.assert_array_equal(*found)
    text = emit(kernel, facts()).text
    assert text.count("define internal void @mk_") == kernels
