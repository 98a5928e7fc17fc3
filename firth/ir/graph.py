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

    def nodes(self) -> tuple[Node, ...]:
        """Every node that an output needs, sources first; inputs included only if used."""
        found: tuple[Node, ...] | None = self.__dict__.get("order")
        if found is None:
            found = self.__dict__["order"] = tuple(topological(self.outputs))
        return found

    def replace(self, outputs: Iterable[Node]) -> Graph:
        """The same graph with other outputs."""
        return Graph(self.inputs, tuple(outputs), self.donated, self.constants)


def topological(roots: Iterable[Node], stop: Container[int] = ()) -> list[Node]:
    """Nodes that the roots need, each after its sources (no recursion: graphs are deep).

    Nodes whose id is in `stop` are left out, and so is what only they need.
    """
    order: list[Node] = []
    seen: set[int] = set()
    stack: list[Node | None] = [*roots]
    stack.reverse()
    while stack:
        node = stack.pop()
        if node is None:  # the sources of the node below it are done
            ready = stack.pop()
            assert ready is not None
            order.append(ready)
        elif id(node) not in seen and id(node) not in stop:
            seen.add(id(node))
            if node.src:
                stack += (node, None)
                stack += node.src[::-1]
            else:
                order.append(node)
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
