"""Which values lie in memory whole and row-major, whatever fusion and layout would like."""

from __future__ import annotations

import math
from collections.abc import Container, Mapping, Sequence

from firth.ir.graph import Graph
from firth.ir.node import Node
from firth.ir.op import HOST, INPUT

MOST_WOVEN = 4  # values that one kernel interleaves


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


def interleaved(order: Sequence[Node]) -> set[int]:
    """Ids of the values that are others element by element along a new last axis, such as complex
    numbers of their parts, and that only host ops or nobody reads: one kernel can make all."""
    found = set()
    for node in order:
        if node.op.name == "concatenate" and node.attrs[0] == len(node.shape) - 1:
            if len(node.src) <= MOST_WOVEN and all(s.shape[-1] == 1 for s in node.src):
                found.add(id(node))
    for node in order:
        if node.op.family != HOST:
            found.difference_update(id(s) for s in node.src)
    return found


def loads(node: Node, stored: Container[int]) -> int:
    """How many values as large as the node are read when it is computed from stored ones (by id)
    and inputs."""
    count, stack, seen = 0, [node], set()
    while stack:
        n = stack.pop()
        if id(n) in seen:
            continue
        seen.add(id(n))
        if n.op is INPUT or id(n) in stored:
            count += math.prod(n.shape) == math.prod(node.shape)
        else:
            stack.extend(n.src)
    return count


def several_readers(node: Node, uses: Mapping[int, int]) -> bool:
    """Whether a value, seen through movement, has more than one reader. uses: of each, by id."""
    while uses.get(id(node), 0) == 1 and node.op.family == "movement":
        node = node.src[0]
    return uses.get(id(node), 0) > 1
