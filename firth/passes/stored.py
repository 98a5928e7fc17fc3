"""Which values lie in memory whole and row-major, whatever fusion and layout would like."""

from __future__ import annotations

from firth.ir.graph import Graph
from firth.ir.node import Node
from firth.ir.op import HOST, INPUT


def strip(node: Node) -> Node:
    """The node whose buffer a chain of reshapes shares."""
    while node.op.name == "reshape":
        node = node.src[0]
    return node


def whole_values(graph: Graph) -> list[Node]:
    """Computed values that must lie in memory, row-major: outputs, and what host ops read and
    make."""
    roots = [strip(o) for o in graph.outputs]
    for node in graph.nodes():
        if node.op.family == HOST:
            roots += [node, *(s for s in map(strip, node.src) if s.op is not INPUT)]
    return roots
