"""The trie of recordings: states, steps, and the programs kept where recordings ended.

A state knows the shape and dtype of what was recorded last, and the programs that were built
when a recording ended there; an edge is keyed by (op, positions of sources and numbers,
attributes). Only a step that was never taken makes nodes.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np

from firth.base.errors import DTypeError, message
from firth.ir.node import Node
from firth.tensor.handle import Kind

Key = tuple[Any, ...]
TRIE_LIMIT = 200_000
_PROGRAM_LIMIT = 1024


class State:
    """A place in the trie: what the recordings that lead here have in common.

    added: nodes (with kinds) that the step to here made; depth: positions so far; inputs: graph
    inputs so far; kind: of the last position. edges: the known steps. places: for a step with
    numbers, the first state it led to; dynamic: the state reached when those numbers are run-time
    arguments. shadow: the state that constant numbers would have led to, so that what varied
    there is known to vary here. note: what a step remembers for itself; memo: what was worked out
    about this state.
    """

    __slots__ = (
        "added", "depth", "dynamic", "edges", "grad", "inputs", "kind", "memo", "note", "parent",
        "places", "programs", "scalars", "shadow",
    )  # fmt: skip

    def __init__(self, parent: State | None, added: tuple[tuple[Node, Kind], ...], grad: bool):
        self.parent = parent
        self.added = added
        self.grad = grad
        self.edges: dict[Key, State] = {}
        self.places: dict[Key, State] | None = None
        self.dynamic: dict[Key, State] | None = None
        self.programs: dict[Key, Any] | None = None
        self.shadow: State | None = None
        self.scalars: tuple[Node, ...] = ()
        self.note: Any = None
        self.memo: dict[Any, Any] | None = None
        self.depth = len(added) + (parent.depth if parent else 0)
        self.inputs = parent.inputs if parent else 0
        self.kind: Kind | None = added[-1][1] if added else None


class Roots:
    """The two first states (gradients on and off) and how many states hang below them."""

    __slots__ = ("count", "off", "on", "programs")

    def __init__(self) -> None:
        self.programs: OrderedDict[int, tuple[State, Key]] = OrderedDict()
        self.clear()

    def clear(self) -> None:
        self.on = State(None, (), True)
        self.off = State(None, (), False)
        self.count = 2
        self.programs.clear()

    def remember(self, state: State, key: Key, program: Any) -> None:
        if state.programs is None:
            state.programs = {}
        state.programs[key] = program
        self.programs[id(program)] = (state, key)
        while len(self.programs) > _PROGRAM_LIMIT:
            old, old_key = self.programs.popitem(last=False)[1]
            if old.programs is not None:
                old.programs.pop(old_key, None)


def number_key(op: str, value: Any) -> tuple[Any, Any]:
    """Key parts of a number: 0.0 and -0.0, 1 and True, NaN and NaN are told apart or together.

    DTypeError, in the words of `op`, for what is no number.
    """
    cls = value.__class__
    if cls is float:
        if value != value:
            return "nan", float
        if not value:
            return str(value), float
        return value, cls
    if cls is int or cls is bool:
        return value, cls
    if cls is complex:
        return repr(value), cls  # tells signs of zeros apart, and NaN equals itself
    raise DTypeError(
        message(op, "an operand is no tensor", cls.__name__, "a tensor or a number",
                "convert it, e.g. firth.tensor(value)")
    )  # fmt: skip


def plain_number(value: Any) -> Any:
    """NumPy scalars as Python numbers; everything else unchanged."""
    if isinstance(value, np.generic):
        return value.item()
    return value


def place_key(key: Key) -> Key:
    """The key with its numbers left out: a class follows each of them."""
    out = list(key)
    for i in range(2, len(out)):
        if isinstance(out[i], type):
            out[i - 1] = None
    return tuple(out)


def varies(state: State, key: Key, place: Key) -> tuple[bool, State | None]:
    """Whether the numbers of this step were seen to differ here, and the next shadow."""
    first = state.places.get(place) if state.places is not None else None
    if first is not None:
        return True, first
    shadow = state.shadow
    if shadow is None:
        return False, None
    if shadow.dynamic is not None and place in shadow.dynamic:
        return True, shadow.dynamic[place]
    if key in shadow.edges:
        return False, shadow.edges[key]
    if shadow.places is not None and place in shadow.places:
        return True, shadow.places[place]
    return False, None


def first_of(state: State) -> State:
    """The first state of the trie that a state hangs below: another one after that was cleared."""
    while state.parent is not None:
        state = state.parent
    return state


def graph_inputs(state: State | None) -> tuple[Node, ...]:
    """The input nodes of the recordings that lead to a state, in order."""
    found: dict[int, Node] = {}
    while state is not None:
        for node, _ in state.added:
            if node.op.name == "input":
                found[node.attrs[0]] = node
        for node in state.scalars:
            found[node.attrs[0]] = node
        state = state.parent
    return tuple(found[i] for i in range(len(found)))


roots = Roots()
