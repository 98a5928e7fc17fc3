"""Generic programs by formula: what the compiler did for some extents, done again for others.

The first time a structure is compiled with extents as arguments, the compiler runs on traced
numbers. From then on its answer for other extents is a formula: stages, tiles, places and sizes
are computed, and nothing is compiled, as long as every decision would be the same. Extents that
decide otherwise make another formula.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from firth.ir.graph import Graph
from firth.ir.node import Node
from firth.ir.op import make
from firth.ir.traced import Formula, trace
from firth.runtime.program import Program
from firth.targets.cpu import build, plans
from firth.targets.lock import imported

EXTENTS = frozenset(("shape", "sizes", "starts", "low", "high", "extent", "stop", "start"))
_KEPT = 1024  # structures
_FORMULAS = 16  # of one structure and pattern
_SMALL = 32  # nodes
_TRIES = 4  # traces that nothing has come of


class _Structure:
    """What is known of one structure: its formulas by pattern, with their functions."""

    __slots__ = ("calls", "found", "formulas", "traced")

    def __init__(self) -> None:
        self.formulas: dict[object, list[tuple[Formula, build.Functions]]] = {}
        self.calls = 0
        self.found = 0
        self.traced = 0

    def worth_tracing(self, graph: Graph) -> bool:
        """Whether a trace, slower than compiling a few times over, is likely to earn it back.

        Not for a large graph whose extents change for the first time (a ragged last batch), nor
        where each of the last extents decided otherwise.
        """
        if self.calls < 3 and len(graph.nodes()) > _SMALL:
            return False
        return self.traced < _TRIES + self.found


_known: OrderedDict[object, _Structure] = OrderedDict()


def program(graph: Graph, structure: object) -> Program | None:
    """A generic program for the graph; the structure is all of it but its extents.

    None: compile it as always.
    """
    known = _known.get(structure)
    if known is None:
        known = _known[structure] = _Structure()
        if len(_known) > _KEPT:
            _known.popitem(last=False)
    known.calls += 1
    pattern, values = _pattern(graph)
    formulas = known.formulas.setdefault(pattern, [])
    for place, (formula, functions) in enumerate(formulas):
        fields = formula.compute(*values)
        if fields is not None:
            if place:
                formulas.insert(0, formulas.pop(place))
            known.found += 1
            return plans.program(fields, functions)
    if not known.worth_tracing(graph):
        return None
    known.traced += 1
    formula, functions = _traced(graph, values)
    formulas.insert(0, (formula, functions))
    del formulas[_FORMULAS:]
    return plans.program(formula.compute(*values), functions)


def _pattern(graph: Graph) -> tuple[tuple[Any, ...], list[int]]:
    """Which extents are equal, and the different ones; 0, 1 and negative ones stand for themselves.

    Extents of inputs and those that attributes name: every other one follows from them.
    """
    places: dict[int, int] = {}
    pattern: list[Any] = []

    def note(value: Any) -> None:
        if isinstance(value, tuple):
            pattern.append(len(value))
            for part in value:
                note(part)
        elif type(value) is not int or value < 2:
            pattern.append((value, type(value)))
        else:
            pattern.append(places.setdefault(value, len(places)))

    for node in graph.nodes():
        if node.op.name == "input":
            note(node.shape)
        else:
            for name, value in zip(node.op.attrs, node.attrs):
                if name in EXTENTS:
                    note(value)
    return tuple(pattern), list(places)


def _traced(graph: Graph, values: list[int]) -> tuple[Formula, build.Functions]:
    tape, numbers = trace(values)
    known = dict(zip(values, numbers))

    def put(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(put, value))
        return known.get(value, value) if type(value) is int and value >= 2 else value

    made: dict[int, Node] = {}
    for node in graph.nodes():
        if node.op.name == "input":
            made[id(node)] = Node(node.op, (), node.attrs, put(node.shape), node.dtype)
            continue
        attrs = tuple(
            put(value) if name in EXTENTS else value
            for name, value in zip(node.op.attrs, node.attrs)
        )
        made[id(node)] = make(node.op, tuple(made[id(s)] for s in node.src), attrs)
    inputs = tuple(made.get(id(n), n) for n in graph.inputs)
    outputs = tuple(made[id(n)] for n in graph.outputs)
    copy = Graph(inputs, outputs, graph.donated, graph.constants)
    fields, functions, _ = imported("firth.targets.cpu.compiler").build_fields(copy, True, True)
    return Formula(tape, fields), functions
