"""Complex values become pairs of real ones."""

from __future__ import annotations

import numpy as np
import pytest

from firth import ops
from firth.base import dtype as dt
from firth.base.errors import VerifyError
from firth.ir.graph import Graph
from firth.ir.op import Expr, declare, input_node, make
from firth.ir.verify import verify
from firth.passes.lower import lower
from firth.passes.pairs import pairs
from firth.passes.pipeline import to_base
from tests.table.table_tools import run


def graph_of(build, *shapes: tuple[int, ...], dtype: dt.DType = dt.complex128) -> Graph:
    inputs = tuple(input_node(i, s, dtype) for i, s in enumerate(shapes))
    return Graph(inputs, (build(*map(Expr, inputs)).node,))


def test_a_real_graph_is_left_alone() -> None:
    graph = graph_of(lambda x: x * 2.0, (3,), dtype=dt.float32)
    assert pairs(graph) == (graph, {})


def test_inputs_and_outputs_are_read_as_interleaved_parts() -> None:
    graph = graph_of(lambda a, b: a * b + 1.0, (3, 4), (4,))
    made, owners = pairs(graph)
    assert [n.shape for n in made.inputs] == [(3, 4, 2), (4, 2)]
    assert made.outputs[0].shape == (3, 4, 2) and made.outputs[0].dtype is dt.float64
    assert not any(n.dtype.is_complex for n in made.nodes())
    assert {id(o) for o in owners.values()} <= {id(n) for n in graph.nodes()}
    verify(lower(made, owners=owners), "lowered")


def test_a_complex_value_is_not_legal_when_lowered() -> None:
    graph = graph_of(lambda a: a + a, (3,))
    with pytest.raises(VerifyError, match="complex value"):
        verify(graph, "lowered")


def test_products_and_running_products() -> None:
    rng = np.random.default_rng(0)
    for shape in ((5, 3), (1, 3), (0, 3), (8, 2)):
        x = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
        graph = graph_of(lambda a: ops.prod(a, axes=(0,), keepdims=False), shape)
        np.testing.assert_allclose(run(graph, [x], "cpu")[0], x.prod(0), rtol=1e-13)
        graph = graph_of(lambda a: ops.cumulate(a, axis=0, kind="mul"), shape)
        np.testing.assert_allclose(run(graph, [x], "cpu")[0], np.cumprod(x, 0), rtol=1e-13)
    x = rng.standard_normal((2, 3, 4)) + 1j
    graph = graph_of(lambda a: ops.prod(a, axes=(0, 2), keepdims=True), (2, 3, 4))
    np.testing.assert_allclose(run(graph, [x], "cpu")[0], x.prod((0, 2), keepdims=True))


def test_a_real_operand_costs_two_contractions() -> None:
    z, x = input_node(0, (3, 4), dt.complex64), input_node(1, (4, 2), dt.float32)
    for a, b, count in ((z, x, 2), (z, z, 4)):
        labels = ((0, 1), (1, 2), (0, 2)) if b is x else ((0, 1), (2, 1), (0, 2))
        out = ops.contract(a, b, a_labels=labels[0], b_labels=labels[1], out_labels=labels[2])
        inputs = (z, x)
        made = to_base(Graph(inputs, (out.node,)))
        assert sum(n.op.name == "contract" for n in made.nodes()) == count


def test_host_ops_hand_each_other_whole_values() -> None:
    graph = graph_of(lambda z: ops.fft(ops.fft(z, ndim=1), ndim=1, inverse=True), (3, 4))
    made, _ = pairs(graph)
    names = [n.op.name for n in made.nodes()]
    assert names == ["input", "on_pairs", "on_pairs"]
    x = np.random.default_rng(0).standard_normal((3, 4)) + 1j
    np.testing.assert_allclose(run(graph, [x], "cpu")[0], x)


def test_an_op_without_a_meaning_in_parts_is_named() -> None:
    strange = declare(
        "strange_complex", doc="x.", shape=lambda s: s, dtype=lambda d: d, ref=lambda x: x
    )
    try:
        with pytest.raises(VerifyError, match="strange_complex"):
            pairs(graph_of(strange, (3,)))
    finally:
        del ops.TABLE["strange_complex"]


def test_truth_values_beside_complex_numbers_are_numbers() -> None:
    here, x = np.array([True, False]), np.array([1 + 2j, 3j], np.complex64)
    a, b = (input_node(i, (2,), dt.from_numpy(v.dtype)) for i, v in enumerate((here, x)))
    for name, expected in (("mul", here * x), ("add", here + x), ("sub", x - here)):
        src = (b, a) if name == "sub" else (a, b)
        graph = Graph((a, b), (make(ops.TABLE[name], src),))
        np.testing.assert_array_equal(run(graph, [here, x], "cpu")[0], expected)
