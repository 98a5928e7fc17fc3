"""Generic programs by formula: what the compiler did for some extents, done again for others.

The first time a structure is compiled with extents as arguments, the compiler runs on traced
numbers. From then on its answer for other extents is a formula: stages, tiles, places and sizes
are computed, and nothing is compiled, as long as every decision would be the same. Extents that
decide otherwise make another formula.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections import OrderedDict
from collections.abc import Iterable, Set
from typing import Any

from firth.ir.graph import Graph
from firth.ir.node import Node
from firth.ir.op import CONST, INPUT, Op, make
from firth.ir.traced import Formula, trace
from firth.runtime.program import Program
from firth.targets.cpu import build, plans
from firth.targets.lock import imported

_EXTENTS = frozenset(("shape", "sizes", "starts", "low", "high", "extent", "stop", "start"))
_OWN = {"eye": _EXTENTS | {"rows", "columns"}, "roll": _EXTENTS | {"shifts"}}
_KEPT = 1024  # structures
_FORMULAS = 16  # of one structure and pattern
_SMALL = 48  # nodes: an eager convolution and its gradients
_TRIES = 4  # traces that nothing has come of


@functools.lru_cache(4096)
def split(op: Op) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Places of an op's attributes that a program can take as arguments, and of all others."""
    names = _OWN.get(op.name, _EXTENTS)
    taken = tuple(i for i, name in enumerate(op.attrs) if name in names)
    return taken, tuple(i for i in range(len(op.attrs)) if i not in taken)


def is_number(node: Node) -> bool:
    """Whether a node is a constant that a program can take as an argument."""
    return node.op is CONST and type(node.attrs[0]) in (int, float)


class _Structure:
    """What is known of one structure: its formulas by pattern, with their functions."""

    __slots__ = ("calls", "changing", "found", "formulas", "traced")

    def __init__(self) -> None:
        self.changing: set[int] = set()  # which of its constants follow the extents, as n - 1 does
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


def program(graph: Graph, structure: object, changed: Iterable[int] = ()) -> Program | None:
    """A generic program for the graph; the structure is all of it but its extents and constants.

    changed: numbers of the constants that are others than at the first time. None: compile it as
    always.
    """
    known = _known.get(structure)
    if known is None:
        known = _known[structure] = _Structure()
        if len(_known) > _KEPT:
            _known.popitem(last=False)
    known.calls += 1
    known.changing.update(changed)
    pattern, values = _pattern(graph, known.changing)
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
    formula, functions = _traced(graph, values, known.changing)
    formulas.insert(0, (formula, functions))
    del formulas[_FORMULAS:]
    return plans.program(formula.compute(*values), functions)


def _pattern(graph: Graph, changing: Set[int]) -> tuple[tuple[Any, ...], list[Any]]:
    """Which numbers are equal, and the different ones; some stand for themselves (see `_varies`).

    Extents of inputs, and what attributes name: everything else follows from them.
    """
    places: dict[Any, int] = {}
    pattern: list[Any] = []

    def note(value: Any) -> None:
        if isinstance(value, tuple):
            pattern.append(len(value))
            for part in value:
                if type(part) is int and part > 1:  # what `_varies` says of most
                    pattern.append(places.setdefault((part, int), len(places)))
                else:
                    note(part)
        elif _varies(value):
            pattern.append(places.setdefault((value, type(value)), len(places)))
        else:
            pattern.append(repr(value))

    constants = itertools.count()
    for node in graph.nodes():
        op = node.op
        if op is INPUT:
            note(node.shape)
        elif is_number(node):
            value = node.attrs[0]
            note(value) if next(constants) in changing else pattern.append(repr(value))
        else:
            for place in split(op)[0]:
                note(node.attrs[place])
    return tuple(pattern), [value for value, _ in places]


def _varies(value: Any) -> bool:
    """Whether a formula may hold for other numbers too: not 0, 1, negative ones, infinity, NaN."""
    if type(value) is float:
        return abs(value) not in (0.0, 1.0, math.inf) and value == value
    return type(value) is int and value > 1


def _traced(graph: Graph, values: list[Any], changing: Set[int]) -> tuple[Formula, build.Functions]:
    tape, numbers = trace(values)
    known = {(v, type(v)): number for v, number in zip(values, numbers)}

    def put(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(put, value))
        return known.get((value, type(value)), value) if _varies(value) else value

    made: dict[int, Node] = {}
    constants = itertools.count()
    for node in graph.nodes():
        if node.op is INPUT:
            made[id(node)] = Node(node.op, (), node.attrs, put(node.shape), node.dtype)
            continue
        if is_number(node):
            value, dtype = node.attrs
            value = put(value) if next(constants) in changing else value
            made[id(node)] = Node(CONST, (), (value, dtype), (), dtype)
            continue
        taken = split(node.op)[0]
        attrs = tuple(put(v) if i in taken else v for i, v in enumerate(node.attrs))
        made[id(node)] = make(node.op, tuple(made[id(s)] for s in node.src), attrs)
    inputs = tuple(made.get(id(n), n) for n in graph.inputs)
    outputs = tuple(made[id(n)] for n in graph.outputs)
    copy = Graph(inputs, outputs, graph.donated, graph.constants)
    fields, functions, _ = imported("firth.targets.cpu.compiler").build_fields(copy, True, True)
    return Formula(tape, fields), functions
