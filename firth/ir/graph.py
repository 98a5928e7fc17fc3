"""A graph: inputs, outputs and everything between, in an order that can be run."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass

from firth.ir.node import Node


@dataclass(frozen=True, eq=False)
class Graph:
    """Inputs and outputs; every input node's index is its place in `inputs`.

    donated: (output place, input place) pairs: that output may overwrite that input's memory.
    constants: places of inputs that seldom change: what depends on nothing else may be kept.
    """

    inputs: tuple[Node, ...]
    outputs: tuple[Node, ...]
    donated: tuple[tuple[int, int], ...] = ()
    constants: tuple[int, ...] = ()

    def nodes(self) -> list[Node]:
        """Every node that an output needs, sources first; inputs included only if used."""
        return topological(self.outputs)

    def replace(self, outputs: Iterable[Node]) -> Graph:
        """The same graph with other outputs."""
        return Graph(self.inputs, tuple(outputs), self.donated, self.constants)


def topological(roots: Iterable[Node], stop: Container[int] = ()) -> list[Node]:
    """Nodes that the roots need, each after its sources (no recursion: graphs are deep).

    Nodes whose id is in `stop` are left out, and so is what only they need.
    """
    order: list[Node] = []
    seen: set[int] = set()
    done: set[int] = set()
    stack = list(roots)[::-1]
    while stack:
        node = stack[-1]
        key = id(node)
        if key in seen:  # its sources are in the order
            stack.pop()
            if key not in done:
                done.add(key)
                order.append(node)
        elif key in stop:
            stack.pop()
        else:
            seen.add(key)
            stack += [s for s in node.src[::-1] if id(s) not in seen]
    return order


def claim(found: Node, origin: Node, known: Iterable[Node]) -> Node:
    """Notes for the nodes between known ones and the result which node they were made for."""
    seen = {id(node) for node in known}
    stack = [found]
    while stack:
        node = stack.pop()
        if id(node) not in seen and node.origin is None:
            seen.add(id(node))
            node.origin = origin
            stack.extend(node.src)
    return found
