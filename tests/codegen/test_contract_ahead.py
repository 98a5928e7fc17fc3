"""Products in a loop of a tile: what they read is packed before it where nothing changes it."""

from __future__ import annotations

import numpy as np
import pytest

from firth.codegen.emit import emit
from firth.ir.kernel import Axis, Buffer, Contract, Kernel, Load, Loop, Store, Within
from tests.codegen.harness import run
from tests.codegen.test_contract import MACHINES
from tests.codegen.test_within import F, at, close, fresh


def batch_of_products(count, m, n, k, b_rows, fixed_b):
    """c[x] = a[x] @ b (or b[x]), x a loop inside of a tile: Winograd's products have this shape."""
    x, i, j, p = Axis("x", count), Axis("i", m), Axis("j", n), Axis("p", k)
    index = ((j, k), (p, 1)) if b_rows else ((p, n), (j, 1))
    right = Load(1, at(*index) if fixed_b else at((x, k * n), *index), F)
    total = fresh()
    store = Store(2, at((x, m * n), (i, n), (j, 1)), total)
    c = Contract(
        (i,), (j,), (p,), Load(0, at((x, m * k), (i, k), (p, 1)), F), right, total, (store,)
    )
    buffers = (Buffer(F), Buffer(F), Buffer(F, True))
    return Kernel("batch", (), buffers, (Loop(x, (c,)),))


@pytest.mark.parametrize("fixed_b", [False, True], ids=["own", "shared"])
@pytest.mark.parametrize("b_rows", [False, True], ids=["b", "bT"])
@pytest.mark.parametrize("machine", MACHINES)
def test_products_in_a_loop(machine, b_rows, fixed_b):
    rng = np.random.default_rng(1)
    for m, n, k in ((32, 32, 16), (100, 64, 24), (17, 35, 9), (2, 9, 40)):
        a = rng.standard_normal((6, m, k), np.float32)
        b = rng.standard_normal((k, n) if fixed_b else (6, k, n), np.float32)
        stored = np.ascontiguousarray(b.swapaxes(-1, -2)) if b_rows else b
        c = np.zeros((6, m, n), np.float32)
        run(batch_of_products(6, m, n, k, b_rows, fixed_b), [a, stored, c], MACHINES[machine])
        close(c, a.astype(np.float64) @ b)


def test_an_operand_that_does_not_change_is_packed_before_the_loop():
    target = MACHINES["avx512"]
    lines = emit(batch_of_products(6, 32, 32, 16, True, True), target).text.split(
        "define void @k_"
    )[1]
    own = emit(batch_of_products(6, 32, 32, 16, True, False), target).text.split("define void @k_")[
        1
    ]
    last = "phi i64"  # the loop over products is the last one of the shared, the first of the own
    assert lines.index("shufflevector") < lines.rindex(last)
    assert own.index(last) < own.index("shufflevector")


def test_an_operand_that_the_loop_writes_is_packed_inside():
    """b holds powers: b = b @ b', each step from the one before."""
    rng = np.random.default_rng(2)
    x, n = Axis("x", 3), 8
    i, j, p = (Axis(name, n) for name in "ijp")
    total, copy = (
        fresh(),
        Loop(i, (Loop(j, (Store(1, at((i, n), (j, 1)), Load(2, at((i, n), (j, 1)), F)),), 8),)),
    )
    c = Contract(
        (i,), (j,), (p,), Load(0, at((i, n), (p, 1)), F), Load(1, at((j, n), (p, 1)), F), total,
        (Store(2, at((i, n), (j, 1)), total),),
    )  # fmt: skip
    kernel = Kernel("p", (), (Buffer(F), Buffer(F, True), Buffer(F, True)), (Loop(x, (c, copy)),))
    for target in MACHINES.values():
        a, b = rng.standard_normal((2, n, n), np.float32)
        want = b.astype(np.float64)
        for _ in range(3):
            want = a @ want.T
        out = np.zeros_like(b)
        run(kernel, [a, b, out], target)
        close(out, want)


def test_what_a_step_reads_less_of_is_packed_once():
    """Row x of blocks reads the first columns only: a triangle of blocks, one copy of b."""
    x, i, j, p = Axis("x", 4), Axis("i", 8), Axis("j", 32), Axis("p", 12)
    total = fresh()
    store = Store(2, at((x, 8 * 32), (i, 32), (j, 1)), total)
    c = Contract(
        (i,), (j,), (p,), Load(0, at((x, 8 * 12), (i, 12), (p, 1)), F),
        Load(1, at((j, 12), (p, 1)), F), total, (store,),
    )  # fmt: skip
    part = Within(j, (c,), stops=(at((x, 8), const=8),))
    kernel = Kernel("t", (), (Buffer(F), Buffer(F), Buffer(F, True)), (Loop(x, (part,)),))
    rng = np.random.default_rng(3)
    a, b = rng.standard_normal((32, 12), np.float32), rng.standard_normal((32, 12), np.float32)
    seen = np.repeat(np.tril(np.ones((4, 4))), 8, 0).repeat(8, 1)
    for machine in MACHINES.values():
        out = np.zeros((32, 32), np.float32)
        run(kernel, [a, b, out], machine)
        close(out, (a.astype(np.float64) @ b.T) * seen)
    text = emit(kernel, MACHINES["avx512"]).text.split("define void @k_")[1]
    assert text.index("shufflevector") < text.rindex("phi i64")
