"""Kernels as text for people."""

from __future__ import annotations

from firth.base import dtype as dt
from firth.ir.kernel import (
    Accumulate,
    Accumulator,
    Affine,
    Apply,
    Axis,
    Buffer,
    Checked,
    Const,
    Contract,
    Coordinate,
    Guard,
    Kernel,
    Load,
    Loop,
    Sort,
    Store,
    Within,
)
from firth.ir.kernel_text import kernel_text

F = dt.float32
ROW, COL, SUM = Axis("i", 4), Axis("j", 6), Axis("k", 5)
IN, OUT = Buffer(F), Buffer(F, written=True)


def at(*terms, const=0):
    return Affine(const, terms)


def body_of(*statements, buffers=(IN, OUT)):
    text = kernel_text(Kernel("k", ((ROW, 2),), buffers, statements))
    return text.splitlines()[1 + len(buffers) :]


def test_the_head_names_grid_and_buffers():
    kernel = Kernel("mul", ((ROW, 2), (COL, 6)), (IN, OUT, Buffer(F, True, 12)), ())
    assert kernel_text(kernel).splitlines() == [
        "kernel mul grid(i:4/2, j:6/6) 2 tiles",
        "  b0: float32 in",
        "  b1: float32 out",
        "  b2: float32 scratch 12",
    ]


def test_loops_are_indented_and_accumulators_start_somewhere():
    acc = Accumulator("a0", "add", F, 0)
    load = Load(0, at((ROW, 6), (COL, 1)), F)
    loop = Loop(COL, (Accumulate(acc, load),), 8, (acc,))
    assert body_of(Loop(ROW, (loop, Store(1, at((ROW, 1)), acc)))) == [
        "  for i in 4:",
        "    for j in 6 vector 8 a0=0:",
        "      a0 = add(a0, b0[6*i + j])",
        "    b1[i] = a0",
    ]


def test_a_value_used_twice_has_a_name():
    x = Apply("exp", (Load(0, at((ROW, 1)), F),), F)
    twice = Apply("mul", (x, x), F)
    assert body_of(Store(1, at((ROW, 1)), twice)) == ["  v0 = exp(b0[i])", "  b1[i] = mul(v0, v0)"]


def test_guards_checks_and_casts():
    guarded = Load(0, at((ROW, 1), const=-2), F, (Guard(at((ROW, 1), const=-2), 9),), 7.0)
    assert body_of(Store(1, at((ROW, 1)), guarded)) == [
        "  b1[i] = b0[i + -2] if 0<=i + -2<9 else 7.0"
    ]
    index = Checked(Apply("cast", (Coordinate(at((ROW, 1)), dt.int32),), dt.int64), 9, 1)
    gathered = Load(0, at((COL, 1)), F, (), 0, ((index, 6),))
    assert body_of(Store(1, at((ROW, 1)), gathered)) == [
        "  b1[i] = b0[j + 6*check(cast.int64(int32(i)) < 9)]"
    ]


def test_contractions_and_sorts():
    result = Accumulator("sum", "add", F, 0)
    a, b = Load(0, at((ROW, 5), (SUM, 1)), F), Load(0, at((SUM, 6), (COL, 1)), F)
    store = Store(1, at((ROW, 6), (COL, 1)), Apply("add", (result, Const(1.0, F)), F))
    assert body_of(Contract((ROW,), (COL,), (SUM,), a, b, result, (store,))) == [
        "  contract rows(i:4) cols(j:6) sum(k:5):",
        "    sum += b0[5*i + k] * b0[6*k + j]",
        "    b1[6*i + j] = add(sum, 1.0)",
    ]
    part = Within(SUM, (store,), (at((ROW, 1)),), (at((ROW, 1), const=2), at(const=4)))
    assert body_of(part) == [
        "  within k >= i and k < i + 2 and k < 4:",
        "    b1[6*i + j] = add(sum, 1.0)",
    ]
    sort = Sort(ROW, Load(0, at((ROW, 1)), F), 1, at((ROW, 1)), True, 2, 3)
    assert body_of(sort) == ["  b1[i] = argsort i descending b0[i]"]
