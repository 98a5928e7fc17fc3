"""What a program need not compute again: kernels that read nothing but inputs that seldom change.

Weights in the order in which a kernel reads them, their transforms, the scale of a normalisation
that only evaluates: the kernels of all that become a program of their own. Its results are inputs
of the rest, and stay as they are until a constant input changes.
"""

from __future__ import annotations

from dataclasses import replace

from firth.ir.graph import Graph
from firth.ir.node import Node
from firth.passes.loops import Call
from firth.passes.schedule import Schedule
from firth.passes.stored import strip

# Memory for speed, at most: a transformed 3x3 weight is four times as large.
MOST_BYTES = 6  # for each byte of the constant inputs


def divide(graph: Graph, schedule: Schedule) -> tuple[tuple[Node, ...], Schedule, Schedule]:
    """(values to keep, what computes them, the rest); nothing to keep leaves all in the rest."""
    moving = _moving(graph, schedule)
    first = [c for c in schedule.calls if not any(id(n) in moving for n in written(c))]
    apart = {id(c) for c in first}
    rest = [c for c in schedule.calls if id(c) not in apart]
    needed = {id(n) for c in rest for n in read(c)}
    kept = {id(n): n for c in first for n in written(c) if id(n) in needed}
    room = MOST_BYTES * sum(schedule.size_bytes(graph.inputs[i]) for i in graph.constants)
    if sum(map(schedule.size_bytes, kept.values())) > room:
        return (), replace(schedule, calls=[]), schedule
    return tuple(kept.values()), replace(schedule, calls=first), replace(schedule, calls=rest)


def _moving(graph: Graph, schedule: Schedule) -> set[int]:
    """Values that may differ from one run to the next, by id, and those that must be written."""
    constant = set(graph.constants)
    moving = {id(n) for i, n in enumerate(graph.inputs) if i not in constant}
    fixed = {id(strip(o)) for o in graph.outputs}
    for call in schedule.calls:
        made = {id(n) for n in written(call)}
        if call.checks or made & fixed or any(id(n) in moving for n in read(call)):
            moving |= made
    return moving


def read(call: Call) -> list[Node]:
    """The values that a kernel reads."""
    return [n for n, b in call.places() if not b.written]


def written(call: Call) -> list[Node]:
    """The values that a kernel writes."""
    return [n for n, b in call.places() if b.written]
