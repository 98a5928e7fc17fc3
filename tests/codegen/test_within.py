"""Parts of axes, and chains of products in one tile: blocks, triangles, sums in scratch."""

from __future__ import annotations

import numpy as np
import pytest

from firth.base import dtype as dt
from firth.base.errors import VerifyError
from firth.codegen.emit import emit
from firth.ir.kernel import (
    Accumulate,
    Accumulator,
    Affine,
    Apply,
    Axis,
    Buffer,
    Const,
    Contract,
    Kernel,
    Load,
    Loop,
    Store,
    Within,
)
from tests.codegen.harness import run
from tests.codegen.test_contract import MACHINES

F = dt.float32


def at(*terms, const=0):
    return Affine(const, tuple((axis, c) for axis, c in terms if c))


def fresh():
    return Accumulator("sum", "add", F, 0)


def close(got, want):
    np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-5 * np.abs(want).max())


def chain(m, s, d, e, rows, cols, causal):
    """out = f(q k') v with f = x * x, in blocks of rows and of columns, the middle in scratch.

    causal: row i sees columns 0..i. Blocks beyond the diagonal are not computed.
    """
    ib, ir = Axis("ib", -(-m // rows)), Axis("ir", rows)
    jb, jr = Axis("jb", -(-s // cols)), Axis("jr", cols)
    p, n = Axis("p", d), Axis("n", e)
    middle = at((ir, cols), (jr, 1))
    total = fresh()
    scores = Contract(
        (ir,), (jr,), (p,), Load(0, at((ib, rows * d), (ir, d), (p, 1)), F),
        Load(1, at((jb, cols * d), (jr, d), (p, 1)), F), total, (Store(4, middle, total),),
    )  # fmt: skip
    old = Load(4, middle, F)
    square = Loop(jr, (Store(4, middle, Apply("mul", (old, old), F)),), 16)
    zero = Loop(jr, (Store(4, middle, Const(0.0, F)),), 16)
    seen = at((ib, rows), (ir, 1), (jb, -cols), const=1)  # columns of this block
    row = (Within(jr, (square,), stops=(seen,)), Within(jr, (zero,), starts=(seen,)))
    out = at((ir, e), (n, 1))
    second = fresh()
    sums = Apply("add", (Load(5, out, F), second), F)
    product = Contract(
        (ir,), (n,), (jr,), Load(4, middle, F), Load(2, at((jb, cols * e), (jr, e), (n, 1)), F),
        second, (Store(5, out, sums),),
    )  # fmt: skip
    body = (scores, Loop(ir, row if causal else (square,)), product)
    stops = (at((jb, -cols), const=s),)
    if causal:
        stops += (at((ib, rows), (jb, -cols), const=rows),)
    clear = Loop(ir, (Loop(n, (Store(5, out, Const(0.0, F)),), 16),))
    end = Loop(
        ir, (Loop(n, (Store(3, at((ib, rows * e), (ir, e), (n, 1)), Load(5, out, F)),), 16),)
    )
    blocks = Loop(jb, (Within(jr, body, stops=stops),))
    rest = Within(ir, (clear, blocks, end), stops=(at((ib, -rows), const=m),))
    buffers = (
        Buffer(F), Buffer(F), Buffer(F), Buffer(F, True),
        Buffer(F, True, rows * cols), Buffer(F, True, rows * e),
    )  # fmt: skip
    return Kernel("chain", ((ib, 1),), buffers, (rest,))


@pytest.mark.parametrize("causal", [False, True], ids=["all", "causal"])
@pytest.mark.parametrize("generic", [False, True], ids=["fixed", "generic"])
@pytest.mark.parametrize("machine", MACHINES)
def test_chains_of_products(machine, generic, causal):
    rng = np.random.default_rng(0)
    sizes = ((64, 64, 16, 16, 32, 32), (37, 53, 24, 9, 16, 32), (7, 3, 5, 33, 4, 8),
             (1, 1, 1, 1, 1, 1), (20, 50, 8, 32, 32, 16))  # fmt: skip
    for m, s, d, e, rows, cols in sizes:
        q, k, v = (rng.standard_normal(x, np.float32) for x in ((m, d), (s, d), (s, e)))
        out = np.zeros((m, e), np.float32)
        run(chain(m, s, d, e, rows, cols, causal), [q, k, v, out], MACHINES[machine], generic)
        middle = (q.astype(np.float64) @ k.T) ** 2
        close(out, (np.tril(middle) if causal else middle) @ v)


def test_sums_of_a_part_that_is_empty_are_not_made():
    i, j = Axis("i", 4), Axis("j", 10)
    total = fresh()
    loop = Loop(j, (Accumulate(total, Load(0, at((i, 10), (j, 1)), F)),), 8, (total,))
    part = Within(j, (loop, Store(1, at((i, 1)), total)), (at((i, 4)),), (at((i, 6)), at(const=9)))
    kernel = Kernel("t", (), (Buffer(F), Buffer(F, True)), (Loop(i, (part,)),))
    x = np.arange(40, dtype=np.float32).reshape(4, 10)
    for target in MACHINES.values():
        for generic in (False, True):
            out = np.full(4, -1, np.float32)
            run(kernel, [x, out], target, generic)
            assert out.tolist() == [-1, x[1, 4:6].sum(), x[2, 8:9].sum(), -1]


def test_a_part_does_not_combine_into_a_loop_around():
    i, j = Axis("i", 4), Axis("j", 10)
    total = fresh()
    inner = Loop(j, (Accumulate(total, Load(0, at((j, 1)), F)),))
    outer = Loop(i, (Within(j, (inner,), (at((i, 1)),)),), 0, (total,))
    kernel = Kernel("t", (), (Buffer(F), Buffer(F, True)), (outer, Store(1, at(), total)))
    with pytest.raises(VerifyError, match="loop around"):
        emit(kernel, MACHINES["avx2"])
