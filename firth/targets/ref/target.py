"""Runs a graph node by node with the NumPy meaning of each op. Any stage of a graph will do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from firth.base.errors import LinAlgError, VerifyError, message
from firth.ir.graph import Graph
from firth.ir.node import Node
from firth.runtime.buffer import Buffer, from_array


class Executable:
    """A graph and the order of its nodes.

    last_use: node place in `order` -> nodes whose value is not needed after it.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        nodes = graph.nodes()
        self.numbers = {id(n): k for k, n in enumerate(nodes)}
        self.order = [n for n in nodes if n.op.name != "input"]
        keep = {id(n) for n in (*graph.inputs, *graph.outputs)}
        last = {id(s): place for place, n in enumerate(self.order) for s in n.src}
        self.last_use: dict[int, list[int]] = {}
        for key, place in last.items():
            if key not in keep:
                self.last_use.setdefault(place, []).append(key)

    def run(self, buffers: Sequence[Buffer]) -> list[Buffer]:
        """One buffer per graph input -> one per output; raises what the ops' meanings raise."""
        graph = self.graph
        if len(buffers) != len(graph.inputs):
            raise VerifyError(
                message("run", "inputs do not fit the graph", f"{len(buffers)} buffers",
                        str(len(graph.inputs)), "pass one buffer per input")
            )  # fmt: skip
        values = {
            id(n): b.view(n.dtype, n.shape) for n, b in zip(graph.inputs, buffers, strict=True)
        }
        for place, node in enumerate(self.order):
            try:
                values[id(node)] = evaluate(node, [values[id(s)] for s in node.src])
            except LinAlgError as error:
                error.node = self.numbers[id(node)]
                raise
            for key in self.last_use.get(place, ()):
                del values[key]
        # Copies first: an output may be another input's old value.
        found = [from_array(values[id(n)]) for n in graph.outputs]
        for o, i in graph.donated:
            node = graph.outputs[o]
            np.copyto(
                buffers[i].view(node.dtype, node.shape), found[o].view(node.dtype, node.shape)
            )
            found[o] = buffers[i]
        return found


def evaluate(node: Node, sources: Sequence[np.ndarray]) -> np.ndarray:
    """The value of one node, checked against the shape and dtype that it promised."""
    value = np.asarray(node.op.ref(*sources, **node.kwargs()))
    if value.shape != node.shape or value.dtype != node.dtype.np:
        raise VerifyError(
            message(node.op.name, "the reference breaks the op's own rules",
                    f"{value.dtype}{list(value.shape)}", f"{node.dtype.name}{list(node.shape)}",
                    "fix the declaration")
        )  # fmt: skip
    return value


def compile(graph: Graph) -> Executable:
    """The graph, ready to run."""
    return Executable(graph)
