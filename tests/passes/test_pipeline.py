"""The order of passes: what each step has made of a graph when the next one begins."""

from __future__ import annotations

import pytest

import firth.ir.verify
from firth.base import dtype as dt
from firth.base import flags
from firth.base.errors import VerifyError
from firth.ir.graph import Graph
from firth.ir.node import Node
from firth.ir.op import TABLE as T
from firth.ir.op import input_node
from firth.passes.pipeline import place, to_base, to_kernels
from tests.passes.facts import FACTS
from tests.passes.graphs import graph_of


def test_a_recorded_graph_becomes_base_ops() -> None:
    graph = to_base(graph_of(lambda x: T["softmax"](x, axis=1) + 1.0, (5, 6)))
    assert all(n.op.is_base for n in graph.nodes())
    firth.ir.verify.verify(graph, "lowered")


def test_lowered_graphs_are_simple() -> None:
    """Bodies bring movement that does nothing; none of it reaches a kernel."""
    graph = to_base(graph_of(lambda x: T["reshape"](T["neg"](x), shape=(2, 3)), (2, 3)))
    assert [n.op.name for n in graph.nodes()] == ["input", "neg"]


def test_split_is_not_undone() -> None:
    graph = to_base(graph_of(lambda x: T["sum"](x, axes=(0, 1), keepdims=False), (2048, 512)))
    assert [n.op.name for n in graph.nodes()].count("sum") == 2


def test_every_step_has_a_kernel_and_places() -> None:
    graph = graph_of(lambda x, w: T["softmax"](T["matmul"](x, w), axis=1), (5, 6), (6, 4))
    steps, planned = to_kernels(graph, FACTS)
    assert [s.kernel for s in planned.steps] == [c.kernel for c in steps.calls]
    again, _ = place(to_base(graph), FACTS)
    assert [c.kernel.name for c in again.calls] == [c.kernel.name for c in steps.calls]


def test_a_graph_that_breaks_a_rule_is_found_when_asked_for() -> None:
    x = input_node(0, (3,), dt.float32)
    wrong = Graph((x,), (Node(T["neg"], (x,), (), (4,), dt.float32),))
    flags.put("FIRTH_DEBUG", "verify")
    try:
        with pytest.raises(VerifyError, match=r"neg.*recorded"):
            to_base(wrong)
    finally:
        flags.put("FIRTH_DEBUG", None)
