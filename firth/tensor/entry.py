"""One recording of a jitted function with its program: does it still hold, and run it.

Both are the hot path of `firth.jit`: what can be decided when the recording is made is laid out
then, in flat lists and in the one function that compares all guards (`checks.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from sys import getrefcount
from typing import Any

from firth.base.errors import FirthError
from firth.runtime import trace
from firth.runtime.buffer import Buffer, from_array
from firth.tensor import origins
from firth.tensor.blame import blame
from firth.tensor.checks import Checks
from firth.tensor.cut import realise
from firth.tensor.guards import Guard
from firth.tensor.handle import Kind, Tensor, extra, realised
from firth.tensor.layers import labels
from firth.tensor.recording import JITTED, Place, Recording
from firth.tensor.tree import ONE, unflatten
from firth.tensor.trie import State


class Entry:
    """A recording with its program: how to feed it and where its results go.

    sources: what has the buffer of each input; arguments: (input, argument) filled in at each call.
    changed: (result, argument or -1, tensor) of what is updated in place. donated: (result, input)
    that share a buffer; overwritten: those inputs and their tensors; elsewhere: other changes.
    grads: (leaf, gradient) after a call; grad_reads: before it.
    outputs: (result, argument or -1, tensor itself if it is a known one); kinds: theirs.
    """

    __slots__ = (
        "_checks", "aliased", "arguments", "calls", "captured", "changed", "donated", "elsewhere",
        "grad_reads", "grads", "guards", "kinds", "labels", "nodes", "outputs", "overwritten",
        "places", "positions", "program", "sources", "state", "tree", "written",
    )  # fmt: skip

    def __init__(self, rec: Recording, guards: list[Guard]) -> None:
        self.calls = 1
        self.guards = guards
        self.state: State = rec.state
        self.nodes = rec.nodes()
        self.places: list[Place] = rec.places
        self.labels = labels(rec)
        self.positions: list[int] = []  # of the program's outputs
        self.sources: list[Any] = []
        self.arguments: list[tuple[int, int]] = []
        self.changed: list[tuple[int, int, Tensor]] = []
        self.elsewhere: list[tuple[int, int, Tensor]] = []
        self.outputs: list[tuple[int, int, Tensor | None]] = []
        self.kinds: list[Kind] = []
        self.grads: list[tuple[Tensor, Tensor | None]] = []
        self.grad_reads: list[tuple[Tensor, Any]] = []
        self.donated: tuple[tuple[int, int], ...] = ()
        self.overwritten: tuple[list[int], list[Tensor]] = ([], [])
        self.program: Any = None
        self.tree: Any = None
        self._checks = Checks(guards)
        self.captured: set[int] = set()  # ids of tensors (kept alive) that are not arguments
        self.aliased: dict[int, Tensor] = {}  # arguments that the recording is only good for
        self.written = False  # whether an argument is updated in place

    def donate(self, inputs: dict[int, int]) -> None:
        """Notes the inputs, each with the result, that are overwritten: none is an argument."""
        self.donated = tuple((o, i) for i, o in inputs.items())
        handles = {o: handle for o, _, handle in self.changed}
        self.overwritten = list(inputs), [handles[o] for o in inputs.values()]
        self.elsewhere = [change for change in self.changed if change[0] not in inputs.values()]

    def note_aliases(self, tensors: Sequence[Tensor]) -> None:
        """Notes what an argument must not be, and the arguments that were such a tensor already."""
        given = {id(t) for t in tensors}
        known = [s for s in self.sources if isinstance(s, Tensor) and id(s) not in given]
        known += [h for _, place, h in self.changed if place < 0]
        known += self._checks.tensors()
        self.captured = {id(t) for t in known}
        self.captured |= {id(b) for b in map(_base, known) if b is not None}
        self.written = any(place >= 0 for _, place, _ in self.changed)
        for i, t in enumerate(tensors):
            if self._aliases(t):
                self.aliased[i] = t

    def _aliases(self, t: Tensor) -> bool:
        """Whether an argument shares memory with what the recording holds or changes."""
        if id(t) in self.captured:
            return True
        base = _base(t)
        return base is not None and (id(base) in self.captured or self.written)

    def holds(self, tensors: Sequence[Tensor]) -> bool:
        """Whether the function would read what it read when it was recorded."""
        aliased = self.aliased
        for i, t in enumerate(tensors):
            if aliased and i in aliased:
                if aliased[i] is not t:
                    return False
            elif (t._extra is not None or id(t) in self.captured) and self._aliases(t):
                return False
        for leaf, before in self.grad_reads:
            found = leaf._extra
            if (found.grad if found is not None else None) is not before:
                return False
        return self._checks.holds() or all(g.holds() for g in self.guards)

    def run(self, tensors: Sequence[Tensor]) -> Any:
        """One call of the program."""
        sources: list[Any] = self.sources.copy()
        for i, place in self.arguments:
            sources[i] = tensors[place]
        buffers: list[Buffer] = [s._buf for s in sources]
        if not all(buffers):  # a buffer is never false
            buffers = [realise(s) if b is None else b for s, b in zip(sources, buffers)]
        # What is updated in place has its new value where the old one is: noted now, while all
        # this is in a cache. After an error the old value is still there; what had to be
        # forgotten is not.
        rest = self.elsewhere
        for i, handle in zip(*self.overwritten):
            buffer = buffers[i]
            # held by the handle, the list, the local name and the argument of getrefcount
            if buffer.exported or getrefcount(buffer) > 4:
                buffers[i] = buffer = from_array(buffer.array)
            found = handle._extra
            if found is None or found.history is found.error is found.views is found.base is None:
                handle._buf = buffer
                handle._rec = None
                handle._pos = 0
            else:
                rest = self.changed  # in their order: a view after its base
        try:
            if trace.collector is None:
                results = self.program.run(buffers)
            else:
                known = self.nodes, self.places, self.labels, self.positions
                results = origins.run(self.program, buffers, *known)
        except FirthError as error:
            known = self.nodes, self.places, self.labels, self.positions
            line = blame(*known, buffers, error)
            if line:
                error.at(line)
            raise
        for o, place, captured in rest:
            _put(captured if place < 0 else tensors[place], results[o])
        for leaf, g in self.grads:
            extra(leaf).grad = g
        if not self.outputs:
            return unflatten(self.tree, iter(()))
        made = []
        for (o, place, keeper), kind in zip(self.outputs, self.kinds, strict=True):
            if keeper is not None:
                made.append(keeper if place < 0 else tensors[place])
                continue
            out = realised(results[o], kind)
            if kind.requires_grad and not kind.leaf:
                extra(out).history = JITTED
            made.append(out)
        return made[0] if self.tree is ONE else unflatten(self.tree, iter(made))


def _base(t: Tensor) -> Tensor | None:
    found = t._extra
    return found.base if found is not None else None


def _put(handle: Tensor, buffer: Buffer) -> None:
    """Gives a tensor a new value."""
    handle._buf = buffer
    handle._rec = None
    handle._pos = 0
    found = handle._extra
    if found is not None:
        found.history = found.error = None
        for reference in found.views or ():
            view = reference()
            if view is not None:
                view._buf = view._rec = None
