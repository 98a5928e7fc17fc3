"""jit: records a function once per signature and then calls one program.

Parameters, optimizer state and random state that the function uses are inputs and outputs of the
program, updated in place. What the recorded Python read is watched (see `watch`): a change leads
to a new recording. Calls 2, 4, 8, ... record again and compare.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from firth.base import flags
from firth.base.errors import ArgumentError, FirthError, RecordingError, message
from firth.base.garbage import Postponed
from firth.ir.node import Node
from firth.tensor import layers
from firth.tensor.arguments import check_callable
from firth.tensor.cut import compile_recording, cut
from firth.tensor.entry import Entry
from firth.tensor.guards import Guard
from firth.tensor.handle import Tensor, extra
from firth.tensor.record import enter_into, local, user_line
from firth.tensor.recording import Recording
from firth.tensor.scalar import Constant, Option, OptionBecameTensor
from firth.tensor.tree import flatten
from firth.tensor.trie import first_of, graph_inputs, roots
from firth.tensor.watch import Watcher, show
from firth.tensor.why import difference, first_difference

if TYPE_CHECKING:
    from firth.runtime.report import MemoryReport

_ENTRIES = 16  # recordings kept per signature
_TIMES = frozenset(2**i for i in range(1, 40))


class Session:
    """One recording for jit: what entered it and what it changed."""

    __slots__ = (
        "captured", "changed", "constants", "grad_reads", "grads", "guards", "name", "options",
    )  # fmt: skip

    def __init__(self, name: str) -> None:
        self.name = name
        self.captured: list[tuple[int, Tensor]] = []
        self.changed: dict[int, Tensor] = {}
        self.constants: list[Tensor] = []
        self.options: dict[int, Option] = {}  # inputs that are read anew at each call
        self.guards: list[Guard] = []
        self.grads: dict[int, tuple[Tensor, Any]] = {}  # leaves and their gradients before the call
        self.grad_reads: list[tuple[Tensor, Any]] = []

    def read(self, holder: Any, name: str, value: Any) -> None:
        """Called when a tensor is read where a number could be."""
        self.guards.append(Guard(holder, name, value, f"[{name!r}]", user_line()))

    def grad_read(self, leaf: Tensor) -> None:
        """Called before the gradient of a leaf is read."""
        if id(leaf) not in self.grads:
            self.grad_written(leaf)
            self.grad_reads.append(self.grads[id(leaf)])

    def grad_written(self, leaf: Tensor) -> None:
        """Called before the gradient of a leaf is set."""
        found = leaf._extra
        self.grads.setdefault(id(leaf), (leaf, found.grad if found is not None else None))

    def restore_grads(self) -> None:
        """Gives every leaf the gradient back that it had before the call."""
        for leaf, before in self.grads.values():
            extra(leaf).grad = before

    def entered(self, tensor: Tensor, position: int) -> None:
        """Called when a realised tensor becomes an input."""
        self.captured.append((position, tensor))

    def assigned(self, tensor: Tensor) -> None:
        """Called when a handle takes another value."""
        self.changed[id(tensor)] = tensor

    def refuse_read(self) -> RecordingError:
        """The error of a value looked at while recording."""
        error = RecordingError(
            message(
                "jit", f"a value is looked at inside {self.name}",
                "bool(), item(), print, numpy() or an index that depends on values",
                "operations on tensors only",
                "use firth.where(condition, a, b) in place of `if`, return the tensor and read it "
                "outside, or leave @firth.jit away",
            )
        )  # fmt: skip
        error.at(user_line())
        return error

    def foreign_data(self, array: np.ndarray) -> None:
        """Called when numbers from outside become a tensor while recording."""


class Jitted:
    """A function that is recorded once per signature. Made by `firth.jit`.

    misses: why recordings were made, newest last.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.entries: dict[Any, list[Entry]] = {}
        self.misses: list[str] = []
        functools.update_wrapper(self, function)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if local.rec.jit is not None or local.transforms:
            return self.function(*args, **kwargs)
        tensors: list[Tensor] = []
        key = _signature(args, kwargs, tensors)
        entries = self.entries.get(key)
        if entries is not None:
            for entry in entries:
                if entry.holds(tensors):
                    entry.calls += 1
                    try:
                        if entry.calls in _TIMES:
                            return self._check(entry, key, args, kwargs, tensors)
                        return entry.run(tensors)
                    except OptionBecameTensor:
                        entries.remove(entry)
                        break
        return self._first_call(key, args, kwargs, tensors)

    def _first_call(self, key: Any, args: Any, kwargs: Any, tensors: list[Tensor]) -> Any:
        with Postponed():
            entry = self._record(key, args, kwargs, tensors)
        result = entry.run(tensors)
        self._keep(key, entry)
        return result

    def memory(self, *args: Any, **kwargs: Any) -> MemoryReport:
        """Bytes of a call with these arguments (none: the newest program), before anything runs."""
        tensors: list[Tensor] = []
        if args or kwargs or not self.entries:
            key = _signature(args, kwargs, tensors)
            entry = next((e for e in self.entries.get(key, ()) if e.holds(tensors)), None)
            if entry is None:
                entry = self._record(key, args, kwargs, tensors)
                entry.calls = 0
                self._keep(key, entry)
        else:
            entry = next(reversed(self.entries.values()))[0]
        target = flags.get("FIRTH_TARGET")
        if not hasattr(entry.program, "memory"):
            raise ArgumentError(
                f"jit: only the cpu target plans memory; got {target}, expected cpu; unset the flag"
            )
        return cast("MemoryReport", entry.program.memory())

    def _keep(self, key: Any, entry: Entry) -> None:
        known = self.entries.setdefault(key, [])
        if known:  # the same arguments again: a schedule must not pay for every check anew
            entry.calls += max(e.calls for e in known)
        known.insert(0, entry)
        del known[_ENTRIES:]

    # Recording

    def _trace(
        self, args: Any, kwargs: Any, watcher: Watcher
    ) -> tuple[Recording, Session, Any, dict[int, Any]]:
        cut()
        outer = local.rec
        grad = outer.state.grad
        rec = Recording(grad, local.inside)
        session = Session(getattr(self.function, "__name__", "the function"))
        rec.jit = session
        local.rec = rec
        before: dict[int, Any] = {}
        layers.want(1)
        try:
            with watcher:
                result = self.function(*args, **kwargs)
                guards = watcher.finish() + session.guards
        except BaseException as error:
            local.rec = Recording(grad, local.inside)
            _restore(rec, session)
            session.restore_grads()
            if isinstance(error, FirthError):
                error.at(user_line())
            raise
        finally:
            layers.want(-1)
        local.rec = Recording(grad, local.inside)
        return rec, session, (result, guards), before

    def _record(self, key: Any, args: Any, kwargs: Any, tensors: list[Tensor]) -> Entry:
        self._explain(key, self.entries.get(key))
        watcher = Watcher()
        rec, session, (result, guards), _ = self._trace(args, kwargs, watcher)
        entry = Entry(rec, guards)
        outputs: list[Tensor] = []
        entry.tree = flatten(result, outputs)
        try:
            self._build(entry, rec, session, tensors, outputs)
            entry.note_aliases(tensors)
            return entry
        except BaseException:
            _restore(rec, session)
            session.restore_grads()
            raise

    def _build(
        self, entry: Entry, rec: Recording, session: Session, tensors: list[Tensor],
        outputs: list[Tensor],
    ) -> None:  # fmt: skip
        arguments = {id(t): i for i, t in reversed(list(enumerate(tensors)))}
        made = {id(h): p for p, h in enumerate(rec.handles) if h._buf is None}
        before = {id(t): b for _, t, b, _ in rec.entered}
        changed = [
            h for h in session.changed.values()
            if id(h) in before or id(h) not in made and h._rec is rec
        ]  # fmt: skip
        left = _gradients(rec, changed)
        changed += list({id(g): g for _, g in left if id(g) not in session.changed}.values())
        gone = [leaf for leaf, _ in session.grads.values() if extra(leaf).grad is None]
        entry.grads = [*left, *((leaf, None) for leaf in gone)]
        own = {id(h) for h in rec.handles} - before.keys()  # leaves that each call makes anew
        entry.grad_reads = [(leaf, g) for leaf, g in session.grad_reads if id(leaf) not in own]
        positions = entry.positions
        for handle in changed:
            position = handle._pos if handle._pos >= 0 else -1 - handle._pos
            slot = arguments.get(id(handle), -1)
            entry.changed.append((len(positions), slot, handle))
            positions.append(position)
        entry.outputs = []
        entry.kinds = []
        for out in outputs:
            if out._rec is rec:
                position = out._pos if out._pos >= 0 else -1 - out._pos
            else:
                position = enter_into(rec, out)
            same_handle = next((h for h in changed if h is out), None)
            slot = arguments.get(id(out), -1)
            keeper = out if same_handle is not None or id(out) in before else None
            entry.outputs.append((len(positions), slot, keeper))
            positions.append(position)
            entry.kinds.append(out._kind)
        entry.sources = [None] * rec.state.inputs
        nodes = rec.nodes()
        scalar = dict(enumerate(rec.inputs))
        for position, handle, _, _ in rec.entered:
            index = nodes[position][0].attrs[0]
            entry.sources[index] = handle
            if id(handle) in arguments:
                entry.arguments.append((index, arguments[id(handle)]))
            scalar.pop(index)
        for index, buffer in scalar.items():
            entry.sources[index] = session.options.get(index) or Constant(buffer)
        inputs = {id(h): nodes[p][0].attrs[0] for p, h, _, _ in rec.entered}
        places = graph_inputs(rec.state)
        donated: dict[int, int] = {}  # input -> result
        for o, slot, handle in entry.changed:
            if id(handle) in inputs and slot < 0:
                source = inputs[id(handle)]
                if _fits(nodes[positions[o]][0], places[source]):
                    donated.setdefault(source, o)
        entry.donate(donated)
        _restore(rec, session)
        stays = _constants(entry, {i for h, i in inputs.items() if h not in arguments})
        key = (flags.program_key(), tuple(positions), entry.donated, stays)
        programs = rec.state.programs
        program = programs.get(key) if programs is not None else None
        if program is None:
            program = compile_recording(rec, tuple(positions), entry.donated, stays)
            roots.remember(rec.state, key, program)
        entry.program = program

    def _check(self, entry: Entry, key: Any, args: Any, kwargs: Any, tensors: list[Tensor]) -> Any:
        """Records again: a function that does something else now was not watched well enough."""
        for source in entry.sources:
            source._buf  # noqa: B018  (an option that cannot be one any more says so)
        rec, session, _, _ = self._trace(args, kwargs, Watcher())
        _restore(rec, session)
        session.restore_grads()
        if rec.state is not entry.state:
            if first_of(rec.state) is not first_of(entry.state):  # the trie was cleared meanwhile
                self.entries[key].remove(entry)
                return self._first_call(key, args, kwargs, tensors)
            where = difference(rec, entry.state)
            raise RecordingError(
                message(
                    "jit", f"{session.name} does something else than when it was recorded",
                    where, "the same operations for the same arguments",
                    "pass what differs as an argument (time, files and other random numbers "
                    "cannot be watched)",
                )
            )  # fmt: skip
        return entry.run(tensors)

    def _explain(self, key: Any, entries: list[Entry] | None) -> None:
        """Notes why a recording is made."""
        name = getattr(self.function, "__name__", "function")
        if entries:
            for guard in entries[0].guards:
                if not guard.holds():
                    now = guard.now()
                    text = (
                        f"{guard.what} changed from {show(guard.value)} to {show(now)}; "
                        f"read at {guard.line}"
                    )
                    break
            else:
                text = "a watched value changed back"
        elif self.entries:
            text = first_difference(next(reversed(self.entries)), key)
        else:
            text = "first call"
        self.misses.append(f"{name}: {text}")
        del self.misses[:-100]
        if flags.debug("graph"):
            print(f"jit: {self.misses[-1]}", file=sys.stderr)


def jit(function: Callable[..., Any] | None = None) -> Any:
    """Records a function once per signature; then each call is one program.

    Tensors it changes in place (parameters, optimizer state, random state) are updated in place.
    A value looked at inside is refused with its line.

    >>> import firth
    >>> @firth.jit
    ... def f(x):
    ...     return (x * 2).sum()
    >>> f(firth.ones(3)).item()
    6.0
    """
    if function is None:
        return jit
    check_callable("jit", function)
    return Jitted(function)


# --- calls ----------------------------------------------------------------------------------------


def _signature(args: Any, kwargs: Any, tensors: list[Tensor]) -> Any:
    """Gradient mode, flags, kinds of the tensors and values of everything else; the tensors are
    collected."""
    key: list[Any] = [local.rec.state.grad, flags.program_key()]
    for a in args:
        key.append(_part(a, tensors))
    for name in kwargs:
        key.append((name, _part(kwargs[name], tensors)))
    if len(tensors) > 1:
        seen: dict[int, int] = {}
        key.append(tuple([seen.setdefault(id(t), i) for i, t in enumerate(tensors)]))
    return tuple(key)


def _part(value: Any, tensors: list[Tensor]) -> Any:
    if isinstance(value, Tensor):
        tensors.append(value)
        return value._kind
    if isinstance(value, (list, tuple)):
        return (type(value), tuple([_part(v, tensors) for v in value]))
    if isinstance(value, dict):
        return (dict, tuple([(k, _part(v, tensors)) for k, v in value.items()]))
    if isinstance(value, (int, float, bool, str, bytes, type(None), np.generic)):
        return (type(value), value)
    if isinstance(value, np.ndarray):
        raise RecordingError(
            message(
                "jit", "an argument is a NumPy array", f"an array {value.shape}", "a tensor",
                "pass firth.from_numpy(array)",
            )
        )  # fmt: skip
    if hasattr(value, "__firth_parts__"):
        parts, rest = value.__firth_parts__()
        return (type(value), rest, tuple([_part(v, tensors) for v in parts]))
    return (type(value), id(value))


def _restore(rec: Recording, session: Session) -> None:
    """Gives every tensor that was changed while recording its value back."""
    rec.closed = True
    for _, handle, buffer, _ in rec.entered:
        handle._buf = buffer
        handle._rec = None
        handle._pos = 0
    for handle in rec.handles:
        found = handle._extra
        if handle._rec is rec and handle._buf is None:
            if found is not None and found.base is not None:
                handle._rec = None  # a view looks again
                continue
            error = RecordingError(
                message(
                    "jit", "a tensor made inside a jitted function was kept outside",
                    f"shape {tuple(handle._kind.shape)}", "results that are returned",
                    "return it from the function; gradients of parameters that the function "
                    "updates are not kept",
                )
            )  # fmt: skip
            extra(handle).error = error
            handle._rec = None
    for _, leaf, _, _ in rec.entered:
        found = leaf._extra
        if found is not None and found.grad is not None and found.grad._buf is None:
            found.grad._rec = None


def _gradients(rec: Recording, changed: list[Tensor]) -> list[tuple[Tensor, Tensor]]:
    """(leaf, gradient) left on parameters that the function doesn't update: somebody reads them."""
    updated = {id(h) for h in changed}
    out = []
    for _, leaf, _, _ in rec.entered:
        found = leaf._extra
        g = found.grad if found is not None else None
        if g is None or g._rec is not rec or g._buf is not None or id(leaf) in updated:
            continue
        out.append((leaf, g))
    return out


def _constants(entry: Entry, captured: set[int]) -> tuple[int, ...]:
    """Inputs that seldom change: tensors from outside that the function does not update itself."""
    changed = {id(h) for _, _, h in entry.changed}
    return tuple(i for i in sorted(captured) if id(entry.sources[i]) not in changed)


def _fits(node: Node, place: Node) -> bool:
    return place.shape == node.shape and place.dtype is node.dtype
