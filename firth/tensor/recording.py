"""One thread's recording: handles, inputs and what a later gradient needs of them."""

from __future__ import annotations

import itertools
import os
import threading
from types import CodeType
from typing import Any

from firth.ir.node import Node
from firth.runtime.buffer import Buffer, from_array
from firth.tensor.handle import Kind, Tensor
from firth.tensor.trie import State, roots

Place = tuple[int, CodeType, int]  # position, code, instruction
Entered = tuple[tuple[Any, str], ...]  # (layer or optimizer, the line that called it), from outside
LONG = 500  # positions after which a recording is cut when its first source line comes again


class Recording:
    """One thread's operations since the last cut.

    handles: one per position. inputs: buffers, in the order of the graph's inputs. entered:
    (position, handle, buffer, history) of every realised tensor used; histories: some have one.
    where: (index of the graph's input, kind) of each entered one.
    moved: handles that took over another's position. freed: positions that a backward() went
    through. leaf_of: whose gradient a position's is, where it isn't the handle's own. retained:
    positions whose gradient is kept. replayed: entered positions whose history was recorded again.
    jit: the jit recording that this one belongs to. scope: the transform that is under way, in
    which nothing is cut. layers: what was entered (see `layers`) from
    which position on.
    """

    __slots__ = (
        "_nodes", "anchor", "anchor_at", "away", "borrowed", "closed", "entered", "freed",
        "handles", "histories", "inputs", "jit", "layers", "leaf_of", "limit", "lock", "moved",
        "pinned", "places", "replayed", "retained", "scope", "state", "where",
    )  # fmt: skip

    def __init__(self, grad: bool = True, inside: Entered = ()) -> None:
        self.state = roots.on if grad else roots.off
        self.handles: list[Tensor] = []
        self.places: list[Place] = []
        self.layers: list[tuple[int, Entered]] = [(0, inside)] if inside else []
        self.inputs: list[Buffer] = []
        self.entered: list[tuple[int, Tensor, Buffer, Any]] = []
        self.moved: dict[int, Tensor] = {}
        self.freed: list[frozenset[int]] = []
        self.limit = LONG
        self.anchor: tuple[CodeType, int] | None = None
        self.anchor_at = 0
        self.away = False  # another line came since the anchor
        self.closed = False
        self.jit: Any = None
        self.scope: Any = None
        self.where: list[tuple[int, Kind]] = []
        self.histories = False
        self.borrowed = False
        self.leaf_of: dict[int, Tensor] = {}
        self.replayed: dict[int, Any] = {}
        self.retained: dict[int, Tensor] = {}
        self.pinned: list[Any] = []
        self.lock = threading.RLock()
        self._nodes: list[tuple[Node, Kind]] = []

    def nodes(self) -> list[tuple[Node, Kind]]:
        """Node and kind of every position."""
        known = self._nodes
        steps = []
        state: State | None = self.state
        while state is not None and state.depth > len(known):
            if state.added:
                steps.append(state.added)
            state = state.parent
        for added in reversed(steps):
            known.extend(added)
        return known


class _Local(threading.local):
    def __init__(self) -> None:
        self.rec = Recording()
        self.inside: Entered = ()
        self.transforms = 0  # how many want to see through jitted functions


local = _Local()


def in_jit() -> bool:
    """Whether the thread is recording a function for `firth.jit`."""
    return local.rec.jit is not None


def _after_fork() -> None:
    # The child has one thread; a lock that another thread held would never be released.
    local.rec.lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
FREED: Any = ("freed", -1)  # the history of a result whose graph a backward() has used up
JITTED: Any = ("jit", -1)  # of a result that a jitted function computed
_numbers = itertools.count()


class Segment:
    """What a later backward() needs of a recording that was cut.

    saved: buffers of kept positions. entered, leaf_of: as in the recording. number: its age.
    leaves: leaves that were made inside the recording, by the id of their node.
    """

    __slots__ = (
        "_by_index", "entered", "inputs", "leaf_of", "leaves", "nodes", "number", "saved", "state",
    )  # fmt: skip

    def __init__(self, rec: Recording, saved: dict[int, Buffer]) -> None:
        self.number = next(_numbers)
        self.nodes = rec.nodes()
        self.state = rec.state
        copies = {id(b): from_array(b.array) for b in rec.inputs if b.owner is not None}
        self.inputs = [copies.get(id(b), b) for b in rec.inputs]
        gone = frozenset().union(*rec.freed)
        self.entered = [
            (p, t, copies.get(id(b), b), FREED if h is not None and p in gone else h)
            for p, t, b, h in rec.entered
        ]
        self.leaf_of = dict(rec.leaf_of)
        self.saved = saved
        self.leaves: dict[int, tuple[int, Tensor, Buffer]] = {}
        self._by_index: dict[int, tuple[int, Tensor, Buffer, Any]] | None = None

    def by_index(self) -> dict[int, tuple[int, Tensor, Buffer, Any]]:
        """Entered tensors by the index of their input."""
        if self._by_index is None:
            self._by_index = {self.nodes[e[0]][0].attrs[0]: e for e in self.entered}
        return self._by_index

    def history_of(self, node: Node) -> Any:
        """The history of an input node, None when it has none."""
        if id(node) in self.leaves:
            return None
        found = self.by_index().get(node.attrs[0])
        return None if found is None else found[3]
