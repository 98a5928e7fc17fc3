"""Where the nodes of a recorded graph come from: the user's line and the layer.

Programs know only numbers of nodes, for one program serves every recording of the same graph; the
recording that runs it knows the lines.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Sequence
from types import CodeType
from typing import Any

from firth.ir.graph import topological
from firth.ir.node import Node
from firth.runtime.buffer import Buffer
from firth.runtime.trace import Origin, about
from firth.tensor.handle import Kind
from firth.tensor.layers import Label
from firth.tensor.lines import describe, line_of
from firth.tensor.recording import Place

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_NOWHERE = Origin("", "")


def origins(
    nodes: Sequence[tuple[Node, Kind]],
    places: Sequence[Place],
    labels: Sequence[Label],
    outputs: Sequence[int],
) -> tuple[Origin, ...]:
    """The origin of each node of the graph that these output positions make, in its order."""
    order = topological([nodes[p][0] for p in outputs])
    position: dict[int, int] = {}
    for p, (node, _) in enumerate(nodes):
        position.setdefault(id(node), p)
    lines = _Lines(places, labels, len(nodes))
    found: dict[int, Origin] = {}
    for node in order:
        origin = _of(node, position, lines)
        if origin is not None:
            found[id(node)] = origin
    for node in reversed(order):  # what an operation needed besides belongs to it
        origin = found.get(id(node))
        if origin is not None:
            for source in node.src:
                found.setdefault(id(source), origin)
    return tuple(found.get(id(n), _NOWHERE) for n in order)


def _of(node: Node, position: dict[int, int], lines: _Lines) -> Origin | None:
    """A node of a gradient is where the node is that it is the gradient of."""
    first, backward = node, False
    while id(first) not in position or _follows(first, position):
        following = first.src[0] if first.op.name == "stop_gradient" else first.origin
        if following is None:
            return None
        backward = backward or first.op.name != "stop_gradient"
        first = following
    line, layer = lines.at(position[id(first)])
    return Origin(line, layer, backward)


def _follows(node: Node, position: dict[int, int]) -> bool:
    """Whether the node only ends a gradient, and what it holds is known itself."""
    if node.op.name != "stop_gradient":
        return False
    source = node.src[0]
    return source.origin is not None or id(source) in position


class _Lines:
    """Line and layer of each position."""

    def __init__(self, places: Sequence[Place], labels: Sequence[Label], count: int) -> None:
        self._labels = labels
        self._starts = [position for position, _, _ in labels]
        self._own: list[str] = [""] * count
        shown: dict[tuple[CodeType, int], str] = {}
        for position, code, instruction in places:
            if position < count and not code.co_filename.startswith(_PACKAGE):
                key = code, instruction
                if key not in shown:
                    shown[key] = describe(code, line_of(code, instruction))
                self._own[position] = shown[key]

    def at(self, position: int) -> tuple[str, str]:
        """The innermost line outside of Firth, and the innermost layer."""
        place = bisect_right(self._starts, position) - 1
        _, layer, line = self._labels[place] if place >= 0 else (0, "", "")
        return self._own[position] or line or self._following(position), layer

    def _following(self, position: int) -> str:
        """Firth's own code recorded this; what it recorded last has the user's line."""
        return next((line for line in self._own[position:] if line), "")


_known: dict[tuple[Any, ...], tuple[Origin, ...]] = {}
_KNOWN_LIMIT = 1000


def run(
    program: Any,
    buffers: Sequence[Buffer],
    nodes: Sequence[tuple[Node, Kind]],
    places: Sequence[Place],
    labels: Sequence[Label],
    outputs: Sequence[int],
) -> list[Buffer]:
    """Runs a program for a collector of runs, who gets to know where its nodes come from."""
    lines = tuple([(id(code), instruction) for _, code, instruction in places])
    key = id(program), tuple(outputs), lines, tuple(labels)
    found = _known.get(key)
    if found is None:
        if len(_known) >= _KNOWN_LIMIT:
            _known.clear()
        found = _known[key] = origins(nodes, places, labels, outputs)
    about.origins = found
    try:
        result: list[Buffer] = program.run(buffers)
        return result
    finally:
        about.origins = ()
