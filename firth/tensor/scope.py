"""A transform under way: what a user's function records meanwhile, and what it may not do.

A function that is transformed runs once, on stand-ins, in the recording that is there. Nothing is
cut meanwhile: a value that is looked at is computed on the side, and one that is different for
every example is refused. At the end no stand-in is left behind: tensors that were kept have an
error in place of a value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from sys import getrefcount
from typing import Any

from firth import targets
from firth.base import flags
from firth.base.errors import RecordingError, message
from firth.ir.graph import Graph, topological
from firth.ir.node import Node
from firth.ir.op import INPUT, TABLE, make
from firth.runtime.buffer import Buffer
from firth.tensor.cut import cut, revive
from firth.tensor.handle import Kind, Tensor, extra, kind_of, realised
from firth.tensor.record import breathe, local, step, user_line
from firth.tensor.recording import Recording
from firth.tensor.replay import position_of
from firth.tensor.trie import graph_inputs, roots

_STAND_IN = TABLE["stand_in"]
_Before = tuple[Tensor, Kind, Any, int, Any, Any]  # a handle and what it was


class Scope:
    """One transform of one function. A context manager around the call of the function.

    start: the first position of the recording that belongs to it. stand_ins: the nodes that stand
    for something else. n, randomness: of vmap.
    """

    def __init__(self, name: str, n: int = 0, randomness: str = "same") -> None:
        self.name = name
        self.n = n
        self.randomness = randomness
        self.stand_ins: dict[int, Node] = {}
        self.lifted: list[tuple[int, int, int]] = []  # stand-in, source, axis
        self.noted: dict[int, _Before] = {}
        self.outer: Scope | None = None

    def __enter__(self) -> Scope:
        breathe()
        self.rec: Recording = local.rec
        self.outer = self.rec.scope
        self.start = len(self.rec.handles)
        self.rec.scope = self
        local.transforms += 1
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        rec = self.rec
        rec.scope = self.outer
        local.transforms -= 1
        try:
            if self.stand_ins:
                self._leave(error is not None)
            if self.outer is not None:
                for key, before in self.noted.items():
                    self.outer.noted.setdefault(key, before)
        finally:
            self.noted = {}
            if rec.borrowed:
                cut()  # memory of somebody else's is read before control returns to them

    # Called by the recording

    def assigned(self, tensor: Tensor) -> None:
        """Called before a handle takes another value."""
        if id(tensor) not in self.noted:
            found = tensor._extra
            history = found.history if found is not None else None
            state = tensor._kind, tensor._rec, tensor._pos, tensor._buf, history
            self.noted[id(tensor)] = (tensor, *state)

    def value(self, tensor: Tensor) -> Buffer:
        """The buffer of a tensor that is looked at; RecordingError when there is no one value."""
        rec = self.rec
        if tensor._rec is not rec:
            revive(tensor)
        if tensor._buf is not None:
            return tensor._buf
        position = tensor._pos if tensor._pos >= 0 else -1 - tensor._pos
        node = rec.nodes()[position][0]
        for each in topological([node]):
            if each.op is _STAND_IN:
                raise self._owner(each).refusal()
        key = (flags.program_key(), ("aside", position))
        programs = rec.state.programs
        program = programs.get(key) if programs is not None else None
        if program is None:
            graph = Graph(graph_inputs(rec.state), (node,))
            program = targets.compiled(graph)
            roots.remember(rec.state, key, program)
        found: Buffer = program.run(list(rec.inputs))[0]
        return found

    def _owner(self, node: Node) -> Scope:
        scope: Scope = self
        while id(node) not in scope.stand_ins and scope.outer is not None:
            scope = scope.outer
        return scope

    def refusal(self) -> RecordingError:
        """The error of a value that is looked at and does not exist."""
        return RecordingError(
            message(
                self.name, "a value that is not known yet is looked at",
                "bool(), item(), print, numpy() or an index that depends on values",
                "operations on tensors only",
                "use firth.where(condition, a, b) or firth.cond in place of `if`, or return the "
                "tensor and read it outside",
            )
        ).at(user_line())  # fmt: skip

    # Called by transforms

    def stand_in(self, shape: tuple[int, ...], kind: Kind, key: Any) -> Tensor:
        """A tensor without a value, of the given shape and a known tensor's dtype."""
        flows = kind.requires_grad

        def build() -> tuple[Sequence[tuple[Node, Kind]], Any]:
            node = make(_STAND_IN, (), (shape, kind.dtype))
            return [(node, kind_of(shape, kind.dtype, flows, not flows))], None

        _, (made,) = step(self.rec, ("stand_in", shape, kind, key), build)
        node = self.rec.nodes()[made._pos][0]
        self.stand_ins[id(node)] = node
        return made

    def lift(self, source: Tensor, axis: int) -> Tensor:
        """One example of a tensor: a stand-in without the axis."""
        at = position_of(self.rec, source)
        kind = source._kind
        shape = (*kind.shape[:axis], *kind.shape[axis + 1 :])
        made = self.stand_in(shape, kind, (at, axis))
        self.lifted.append((made._pos, at, axis))
        return made

    def changed(self, tensor: Tensor, at: int) -> bool:
        """Whether a stand-in that was made at a position has another value now."""
        return tensor._rec is not self.rec or tensor._pos != at

    # Called by control flow

    def from_outside(self, before: _Before) -> bool:
        """Whether a handle that took another value was there before the function was called."""
        tensor, _, rec, position, buffer, _ = before
        found = tensor._extra
        if found is not None and found.base is not None:
            return False  # a view: its base is
        if rec is self.rec and buffer is None:
            return (position if position >= 0 else -1 - position) < self.start
        return self._outlives(tensor)

    def position_before(self, before: _Before) -> int:
        """Where the recording has the value that a handle had before."""
        tensor, kind, rec, position, buffer, _ = before
        if rec is self.rec:
            return position if position >= 0 else -1 - position
        for at, handle, _, _ in self.rec.entered:
            if handle is tensor:
                return at
        return position_of(self.rec, realised(buffer, kind))

    def forget(self, tensor: Tensor) -> None:
        """A handle has its value again, or one that is right."""
        self.noted.pop(id(tensor), None)
        self.rec.moved.pop(id(tensor), None)
        if self.rec.jit is not None:
            self.rec.jit.changed.pop(id(tensor), None)

    # Leaving

    def _leave(self, failed: bool) -> None:
        """Nothing that depends on a stand-in stays: handles are given back or have an error."""
        rec = self.rec
        wrong = []
        for before in list(self.noted.values()):
            tensor = before[0]
            if tensor._rec is rec and self.depends(tensor):
                if not self._outlives(tensor):
                    self.forget(tensor)
                    continue
                wrong.append(before)
        for before in wrong:
            give_back(before)
            self.forget(before[0])
        self._poison()
        if wrong and not failed:
            shape = tuple(wrong[0][0]._kind.shape)
            raise RecordingError(
                message(
                    self.name, "a tensor from outside is changed to something of one example",
                    f"an in-place change of a tensor {shape}",
                    "changes of tensors that are made inside or passed in with a batch dimension",
                    "return the new value, or pass the tensor as an argument",
                )
            ).at(user_line())  # fmt: skip

    def depends(self, tensor: Tensor) -> bool:
        """Whether a tensor is different for what the stand-ins stand for."""
        if tensor._rec is not self.rec:
            return False
        position = tensor._pos if tensor._pos >= 0 else -1 - tensor._pos
        node = self.rec.nodes()[position][0]
        return any(id(n) in self.stand_ins for n in topological([node]))

    def _outlives(self, tensor: Tensor) -> bool:
        """Whether somebody else than the recording holds it."""
        rec = self.rec
        ours = 4  # the tuple, the caller's name, ours, getrefcount's argument
        ours += id(tensor) in rec.moved
        ours += sum(h is tensor for h in rec.handles)
        extras = (h._extra for h in rec.handles)  # views that are gone hold their base
        ours += sum(e is not None and e.base is tensor for e in extras)
        ours += sum(entry[1] is tensor for entry in rec.entered)
        if rec.jit is not None:
            ours += id(tensor) in rec.jit.changed
            ours += sum(t is tensor for _, t in rec.jit.captured)
        return getrefcount(tensor) > ours

    def _poison(self) -> None:
        rec = self.rec
        handles, nodes = rec.handles, rec.nodes()
        alive = [
            p for p in range(self.start, len(handles))
            if getrefcount(handles[p]) > 2  # held by more than the list and the argument
            and handles[p]._rec is rec and handles[p]._buf is None and handles[p]._pos == p
        ]  # fmt: skip
        dependent = set(self.stand_ins)
        for node in topological([nodes[p][0] for p in alive]):
            if any(id(s) in dependent for s in node.src):
                dependent.add(id(node))
        for p in alive:
            handle = handles[p]
            if id(nodes[p][0]) in dependent:
                extra(handle).error = RecordingError(
                    message(
                        self.name, "a tensor made inside the function was kept outside",
                        f"shape {tuple(handle._kind.shape)}", "results that are returned",
                        "return it from the function",
                    )
                )  # fmt: skip
                handle._rec = None


def give_back(before: _Before) -> None:
    tensor, kind, rec, position, buffer, history = before
    tensor._kind, tensor._rec, tensor._pos, tensor._buf = kind, rec, position, buffer
    if tensor._extra is not None:
        tensor._extra.history = history


def with_kinds(
    rec: Recording, start: int, nodes: Sequence[Node], grad: bool
) -> list[tuple[Node, Kind]]:
    """Nodes with the kinds of their tensors: whether somebody outside may ask for gradients.

    Without grad (under no_grad) gradients end at the nodes.
    """
    leaves = {
        id(node) for p, (node, kind) in enumerate(rec.nodes())
        if kind.requires_grad and (kind.leaf or node.op is INPUT or p < start)
    }  # fmt: skip
    out = []
    for node in nodes:
        flows = node.dtype.kind in "fc" and bool(leaves) and reaches(node, leaves)
        if flows and not grad:
            node, flows = make(TABLE["stop_gradient"], (node,)), False
        out.append((node, kind_of(node.shape, node.dtype, flows, not flows)))
    return out


def reaches(root: Node, wanted: set[int]) -> bool:
    """Whether a gradient of `root` comes to one of the nodes (by id)."""
    seen: set[int] = set()
    stack = [root]
    while stack:
        node = stack.pop()
        if id(node) in wanted:
            return True
        if id(node) not in seen and node.op.name != "stop_gradient":
            seen.add(id(node))
            stack.extend(node.src)
    return False


def new_position(
    rec: Recording, key: Any, build: Callable[[], Sequence[tuple[Node, Kind]]]
) -> list[Tensor]:
    """Records nodes that a transform made; each gets a position of its own."""

    def distinct() -> tuple[Sequence[tuple[Node, Kind]], Any]:
        known = {id(n) for n, _ in rec.nodes()}
        out = []
        for node, kind in build():
            if id(node) in known:  # the same value under another name
                node = make(TABLE["reshape"], (node,), (node.shape,))
            known.add(id(node))
            out.append((node, kind))
        return out, None

    return step(rec, key, distinct)[1]
