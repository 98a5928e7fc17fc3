"""Comparisons and logic with bodies."""

from __future__ import annotations

import numpy as np

from firth import ops
from firth.base import dtype as dt
from firth.ir.graph import Graph
from firth.ir.op import input_node
from tests.table.table_tools import run


def test_a_complex_number_is_true_where_any_part_is_not_zero() -> None:
    z = np.array([0j, 1, 1j, complex(np.nan, 0), complex(0, np.inf)])
    x = input_node(0, z.shape, dt.complex128)
    outputs = [ops.logical_not(x), ops.isnan(x), ops.isinf(x), ops.isfinite(x)]
    found = run(Graph((x,), tuple(o.node for o in outputs)), [z], "cpu")
    assert found[0].tolist() == [True, False, False, False, False]
    assert found[1].tolist() == [False, False, False, True, False]
    assert found[2].tolist() == [False, False, False, False, True]
    assert found[3].tolist() == [True, True, True, False, False]
