"""Outputs lie in memory, and what host ops read and make, seen through reshapes."""

from __future__ import annotations

from firth import ops
from firth.ir.graph import Graph
from firth.ir.op import Expr
from firth.passes.stored import interleaved, strip, whole_values
from tests.passes.graphs import graph_of


def test_outputs_and_neighbours_of_host_ops() -> None:
    def body(x: Expr) -> Expr:
        made = ops.exp(x)
        return ops.inv(ops.reshape(made, shape=(3, 3))) + ops.inv(ops.reshape(x, shape=(3, 3)))

    graph: Graph = graph_of(body, (9,))
    found = whole_values(graph)
    assert [n.op.name for n in found] == ["add", "inv", "exp", "inv"]
    assert strip(found[1].src[0]) is found[2]


def test_interleaved_values_that_nobody_or_only_the_host_reads() -> None:
    def body(x: Expr) -> list[Expr]:
        column = ops.reshape(x, shape=(9, 1))
        free, read = (ops.concatenate(column, c, axis=1) for c in (column, ops.exp(column)))
        return [free, read * 2.0, ops.concatenate(column, column, axis=0)]

    graph = graph_of(body, (9,))
    assert interleaved(graph.nodes()) == {id(graph.outputs[0])}
