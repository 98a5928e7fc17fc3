"""Kernels that read constant inputs only become a program of their own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from firth.base import dtype as dt
from firth.ir.graph import Graph
from firth.ir.op import TABLE as T
from firth.ir.op import Expr, input_node
from firth.ir.text import from_text, to_text
from firth.passes.pipeline import to_kernels
from firth.passes.plan import Plan, verify_order
from firth.runtime.buffer import Buffer, from_array
from firth.targets.cpu import target as cpu
from tests.passes.facts import FACTS
from tests.passes.graphs import graph_of


def layer(x: Expr, w: Expr) -> Expr:
    return T["conv"](
        x, w, stride=(1, 1), padding=((1, 1), (1, 1)), dilation=(1, 1), groups=1
    )  # fmt: skip


def convolution(*constants: int) -> Graph:
    graph = graph_of(lambda x, w: layer(x, w), (2, 8, 6, 6), (16, 8, 3, 3))
    return replace(graph, constants=constants)


def planned(graph: Graph) -> Plan:
    return to_kernels(graph, FACTS)[1]


def arrays(graph: Graph) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.standard_normal(n.shape).astype(n.dtype.np) for n in graph.inputs]


def result(graph: Graph, given: list[Buffer]) -> np.ndarray:
    (out,) = cpu.compile(graph).run(given)
    return out.view(graph.outputs[0].dtype, graph.outputs[0].shape).copy()


def test_the_copy_of_a_weight_is_made_before():
    plan, whole = planned(convolution(1)), planned(convolution())
    assert plan.before is not None and whole.before is None
    assert len(plan.before.steps) + len(plan.steps) == len(whole.steps)
    assert ("input", 2) in {place for step in plan.steps for place in step.places}
    verify_order(plan)


def test_nothing_is_kept_of_what_can_fail():
    w, i = input_node(0, (5, 3), dt.float32), input_node(1, (4,), dt.int64)
    rows = T["exp"](T["gather"](Expr(w), Expr(i), axes=(0,)))
    x = input_node(2, (3, 2), dt.float32)
    out = T["matmul"](rows, Expr(x))
    assert planned(Graph((w, i, x), (out.node,), (), (0, 1))).before is None


def test_outputs_are_written_every_time():
    graph = replace(graph_of(lambda w: T["exp"](w), (64,)), constants=(0,))
    assert planned(graph).before is None


@pytest.mark.parametrize("known", [False, True])
def test_kept_values_follow_the_constants(known):
    if known:  # with other extents
        wider = graph_of(lambda x, w: layer(x, w), (2, 8, 7, 6), (16, 8, 3, 3))
        result(wider, [from_array(a) for a in arrays(wider)])
    graph = convolution(1)
    x, w = arrays(graph)
    given = [from_array(x), from_array(w)]
    executable = cpu.compile(graph)
    plain = convolution()

    def same() -> bool:  # but for rounding: one of them may be made for any extents
        (out,) = executable.run(given)
        found = out.view(graph.outputs[0].dtype, graph.outputs[0].shape)
        return np.allclose(found, result(plain, given), 1e-4, 1e-4)

    assert same() and same()
    given[1] = from_array(w * 2)  # another buffer
    assert same()
    twice = graph_of(lambda w: w * 2.0, (16, 8, 3, 3))
    cpu.compile(Graph(twice.inputs, twice.outputs, ((0, 0),))).run([given[1]])  # written in place
    assert same()
    given[1].stamp = 0  # somebody else may write
    given[1].view(graph.inputs[1].dtype, (16, 8, 3, 3))[:] = 1
    assert same()


def test_constants_are_part_of_the_text():
    graph = convolution(1)
    assert from_text(to_text(graph)).constants == (1,)
