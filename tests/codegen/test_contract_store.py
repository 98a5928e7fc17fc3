"""Sums that the micro-kernel stores, or adds, where the body puts them."""

from __future__ import annotations

import numpy as np
import pytest

from firth.codegen.emit import emit
from firth.ir.kernel import Apply, Axis, Buffer, Contract, Kernel, Load, Store
from tests.codegen.harness import run
from tests.codegen.test_contract import MACHINES
from tests.codegen.test_within import F, at, close, fresh


def product(m, n, k, adds):
    i, j, p = Axis("i", m), Axis("j", n), Axis("p", k)
    out, total = at((i, n), (j, 1)), fresh()
    value = Apply("add", (total, Load(2, out, F)), F) if adds else total
    a, b = Load(0, at((i, k), (p, 1)), F), Load(1, at((p, n), (j, 1)), F)
    contract = Contract((i,), (j,), (p,), a, b, total, (Store(2, out, value),))
    return Kernel("p", ((i, 14),), (Buffer(F), Buffer(F), Buffer(F, True)), (contract,))


@pytest.mark.parametrize("adds", [False, True], ids=["stores", "adds"])
@pytest.mark.parametrize("machine", MACHINES)
def test_whole_vectors_ragged_ones_and_long_sums(machine, adds):
    rng = np.random.default_rng(0)
    for m, n, k in ((30, 64, 20), (30, 37, 20), (3, 48, 2600), (1, 16, 1)):
        a, b, c = (rng.standard_normal(x, np.float32) for x in ((m, k), (k, n), (m, n)))
        want = a.astype(np.float64) @ b + (c if adds else 0)
        run(product(m, n, k, adds), [a, b, c], MACHINES[machine])
        close(c, want)


def test_whole_vectors_need_no_scratch():
    target = MACHINES["avx512"]
    assert emit(product(14, 32, 20, False), target).scratch_bytes == 0
    assert "_add(" in emit(product(14, 32, 20, True), target).text
    assert emit(product(14, 30, 20, False), target).scratch_bytes > 0


def test_a_long_sum_grows_where_it_is_stored():
    """Nothing is zeroed before, and each block asks for the sums it will be added to."""
    text = emit(product(14, 32, 2600, False), MACHINES["avx512"])
    assert text.scratch_bytes == 0 and "_later(" in text.text
    assert text.text.count("call void @llvm.prefetch") == 2
