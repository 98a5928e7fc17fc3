"""Recording: operations become nodes; a cut turns what is still alive into one program.

What others rely on:
  apply(op_name, *tensors_or_numbers, **attrs) -> Tensor   records one op
  cut()                                                     computes everything pending
  realise(tensor) -> Buffer                                 computes one tensor (and all others)
  layers                                                    names of the layers now running (nn)

A recording walks a trie of earlier recordings. A state knows the shape and dtype of what was
recorded last, and the programs that were built when a recording ended there; an edge is keyed by
(op, positions of sources and numbers, attributes). Only a step that was never taken makes nodes.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from sys import _getframe, getrefcount
from types import CodeType, FrameType
from typing import Any

import numpy as np

import firth.ops  # noqa: F401  (fills the table of ops)
from firth import targets
from firth.base import flags
from firth.base.dtype import int64
from firth.base.errors import FirthError, RecordingError
from firth.ir.graph import Graph
from firth.ir.node import Node
from firth.ir.op import TABLE, Op, input_node, make
from firth.runtime.buffer import Buffer, from_array
from firth.tensor.handle import Kind, Tensor, extra, kind_of

Number = bool | int | float
Key = tuple[Any, ...]
Place = tuple[int, CodeType, int]  # position, code, instruction

LONG = 500  # positions after which a recording is cut when its first source line comes again
_LONGEST = 20 * LONG  # positions after which one line of a user's that records much is cut too
_TRIE_LIMIT = 200_000
_PROGRAM_LIMIT = 1024
_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_TENSOR = os.path.dirname(os.path.abspath(__file__))
_new = object.__new__


class State:
    """A place in the trie: what the recordings that lead here have in common.

    added: nodes (with kinds) that the step to here made; depth: positions so far; inputs: graph
    inputs so far; kind: of the last position. edges: the known steps. places: for a step with
    numbers, the first state it led to; dynamic: the state reached when those numbers are run-time
    arguments. shadow: the state that constant numbers would have led to, so that what varied
    there is known to vary here.
    """

    __slots__ = (
        "added", "depth", "dynamic", "edges", "grad", "inputs", "kind", "note", "parent", "places",
        "programs", "scalars", "shadow",
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
        self.depth = len(added) + (parent.depth if parent else 0)
        self.inputs = parent.inputs if parent else 0
        self.kind: Kind | None = added[-1][1] if added else None


class _Roots:
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


_roots = _Roots()


class Recording:
    """One thread's operations since the last cut.

    handles: one per position. inputs: buffers, in the order of the graph's inputs. entered:
    (position, handle, buffer, history) of every realised tensor used; histories: some have one.
    moved: handles that took over another's position. freed: positions that a backward() went
    through. leaf_of: whose gradient a position's is, where it isn't the handle's own. retained:
    positions whose gradient is kept. replayed: entered positions whose history was recorded again.
    jit: the jit recording that this one belongs to.
    """

    __slots__ = (
        "_nodes", "anchor", "anchor_at", "away", "closed", "entered", "freed", "handles",
        "histories", "inputs", "jit", "leaf_of", "limit", "lock", "moved", "pinned", "places", "replayed",
        "retained", "state",
    )  # fmt: skip

    def __init__(self, grad: bool = True) -> None:
        self.state = _roots.on if grad else _roots.off
        self.handles: list[Tensor] = []
        self.places: list[Place] = []
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
        self.histories = False
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
        self.layers: list[str] = []


local = _Local()


def _after_fork() -> None:
    # The child has one thread; a lock that another thread held would never be released.
    local.rec.lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


# --- lines ----------------------------------------------------------------------------------------


def user_frame() -> FrameType | None:
    """The innermost frame outside this package."""
    frame: FrameType | None = _getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_HERE):
        frame = frame.f_back
    return frame


def user_line() -> str:
    """`file.py:41`, with the path of the running layer where there is one."""
    frame = user_frame()
    if frame is None:
        return "an unknown line"
    return describe(frame.f_code, frame.f_lineno)


def describe(code: CodeType, line: int) -> str:
    """A line as messages show it."""
    text = f"{code.co_filename}:{line}"
    return f"{text} in layer {'.'.join(local.layers)}" if local.layers else text


def line_of(code: CodeType, instruction: int) -> int:
    """The line of an instruction of a code object."""
    for start, end, line in code.co_lines():
        if start <= instruction < end and line is not None:
            return line
    return code.co_firstlineno


# --- recording ------------------------------------------------------------------------------------


def apply(name: str, *sources: Tensor | Number, **attrs: Any) -> Tensor:
    """Records one op of the table on tensors and numbers; the result is computed when needed.

    Raises ShapeError, DTypeError or ArgumentError at the user's line.
    """
    op = TABLE[name]
    return apply_op(op, sources, op.bind(attrs))


def apply_op(op: Op, sources: Sequence[Any], attrs: tuple[Any, ...] = ()) -> Tensor:
    """Records an op whose attributes are already in order. Numbers may become run-time inputs."""
    rec = local.rec
    if len(rec.handles) >= rec.limit:
        rec = _long(rec)
    key: list[Any] = [op]
    numbers = False
    for s in sources:
        if isinstance(s, Tensor):
            key.append(s._pos if s._rec is rec and s._pos >= 0 else enter(rec, s))
        else:
            numbers = True
            key += _number(s)
    if attrs:
        key.append(attrs)
    full = tuple(key)
    state = rec.state.edges.get(full)
    if state is None:
        state = _miss(rec, full, op, sources, attrs, numbers)
    if state.scalars:
        _push_numbers(rec, state, sources)
    frame = _getframe(2)
    return _handle(rec, state, (len(rec.handles), frame.f_code, frame.f_lasti))


def _handle(rec: Recording, state: State, place: Place) -> Tensor:
    """The handle of the one position that the step to `state` added."""
    handles = rec.handles
    out: Tensor = _new(Tensor)
    out._rec = rec
    out._pos = len(handles)
    out._kind = state.kind  # type: ignore[assignment]
    out._buf = None
    out._extra = None
    handles.append(out)
    rec.places.append(place)
    rec.state = state
    return out


def _number(value: Any) -> tuple[Any, Any]:
    """Key parts of a number: 0.0 and -0.0, 1 and True, NaN and NaN are told apart or together."""
    cls = value.__class__
    if cls is float:
        if value != value:
            return "nan", float
        if not value:
            return str(value), float
        return value, cls
    if cls is int or cls is bool:
        return value, cls
    raise RecordingError(
        f"a number was expected; got {cls.__name__}, expected a tensor, bool, int or float; "
        "convert it first, e.g. firth.tensor(value)"
    )


def plain_number(value: Any) -> Any:
    """NumPy scalars as Python numbers; everything else unchanged."""
    if isinstance(value, np.generic):
        return value.item()
    return value


def _place_key(key: Key) -> Key:
    """The key with its numbers left out: a class follows each of them."""
    out = list(key)
    for i in range(2, len(out)):
        if isinstance(out[i], type):
            out[i - 1] = None
    return tuple(out)


def _miss(
    rec: Recording, key: Key, op: Op, sources: Sequence[Any], attrs: tuple[Any, ...], numbers: bool
) -> State:
    """Takes a step that the trie doesn't know as it stands."""
    state = rec.state
    shadow = state.shadow
    if not numbers:
        after = shadow.edges.get(key) if shadow is not None else None
        return _grow(rec, state, key, _nodes_for(rec, op, sources, attrs, None), after)
    place = _place_key(key)
    if state.dynamic is not None and place in state.dynamic:
        return state.dynamic[place]
    varies, after = _varies(state, key, place)
    if varies:
        known = state.edges
        state.edges = {}  # a dynamic step has no key of its own among the edges
        try:
            made = _grow(rec, state, key, _nodes_for(rec, op, sources, attrs, state.inputs), after)
        finally:
            state.edges = known
        if state.dynamic is None:
            state.dynamic = {}
        state.dynamic[place] = made
        return made
    made = _grow(rec, state, key, _nodes_for(rec, op, sources, attrs, None), after)
    if state.places is None:
        state.places = {}
    state.places.setdefault(place, made)
    return made


def _varies(state: State, key: Key, place: Key) -> tuple[bool, State | None]:
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


def _nodes_for(
    rec: Recording,
    op: Op,
    sources: Sequence[Any],
    attrs: tuple[Any, ...],
    scalar_input: int | None,
) -> tuple[Node, Kind, tuple[Node, ...]]:
    """The new node, its kind, and the input nodes that its numbers became."""
    known = rec.nodes()
    nodes = [known[s._pos][0] if isinstance(s, Tensor) else s for s in sources]
    try:
        if op.name == "dynamic_slice" and isinstance(nodes[0], Node):
            return _window(rec, nodes[0], nodes[1:], attrs, scalar_input, known[sources[0]._pos][1])
        if all(isinstance(n, Node) for n in nodes):
            node = make(op, tuple(nodes), attrs)
        else:
            node = op(*nodes, **dict(zip(op.attrs, attrs, strict=True))).node
    except FirthError as error:
        raise error.at(user_line()) from None
    scalars: list[Node] = []
    if scalar_input is not None:
        src = list(node.src)
        for i, s in enumerate(sources):
            if not isinstance(s, Tensor):
                src[i] = input_node(scalar_input + len(scalars), (), src[i].dtype)
                scalars.append(src[i])
        node = make(op, tuple(src), attrs)
    flows = any(isinstance(s, Tensor) and known[s._pos][1].requires_grad for s in sources)
    flows = flows and node.dtype.kind in "fc"
    if flows and not rec.state.grad:
        node = make(TABLE["stop_gradient"], (node,))
    grad = flows and rec.state.grad and op.name != "stop_gradient"
    return node, kind_of(node.shape, node.dtype, grad, not grad), tuple(scalars)


def _window(
    rec: Recording, source: Node, starts: Any, attrs: Any, scalar_input: int | None, kind: Kind
) -> tuple[Node, Kind, tuple[Node, ...]]:
    """A window at constant starts is a slice; the starts become int64 inputs when they vary."""
    scalars: tuple[Node, ...] = ()
    if scalar_input is None:
        ones = (1,) * len(attrs[0])
        node = make(TABLE["slice"], (source,), (tuple(starts), attrs[0], ones))
    else:
        scalars = tuple(input_node(scalar_input + i, (), int64) for i in range(len(starts)))
        node = make(TABLE["dynamic_slice"], (source, *scalars), attrs)
    flows = kind.requires_grad
    if flows and not rec.state.grad:
        node = make(TABLE["stop_gradient"], (node,))
    grad = flows and rec.state.grad
    return node, kind_of(node.shape, node.dtype, grad, not grad), scalars


def _grow(
    rec: Recording,
    state: State,
    key: Key,
    made: tuple[Node, Kind, tuple[Node, ...]],
    shadow: State | None,
) -> State:
    node, kind, scalars = made
    after = State(state, ((node, kind),), state.grad)
    after.scalars = scalars
    after.inputs += len(scalars)
    after.shadow = shadow
    state.edges[key] = after
    _roots.count += 1
    return after


def _push_numbers(rec: Recording, state: State, sources: Sequence[Any]) -> None:
    """The values of a dynamic step's numbers become inputs of the program."""
    nodes = iter(state.scalars)
    for s in sources:
        if not isinstance(s, Tensor):
            with np.errstate(all="ignore"):
                rec.inputs.append(from_array(np.asarray(s).astype(next(nodes).dtype.np)))


def step(
    rec: Recording, key: Key, build: Callable[[], tuple[Sequence[tuple[Node, Kind]], Any]]
) -> tuple[State, list[Tensor]]:
    """Takes a step of any number of positions; `build` gives (nodes and kinds, note) when it is new."""
    state = rec.state.edges.get(key)
    if state is None:
        added, note = build()
        before = rec.state
        state = State(before, tuple(added), before.grad)
        state.note = note
        if before.shadow is not None:
            state.shadow = before.shadow.edges.get(key)
        before.edges[key] = state
        _roots.count += 1
    frame = _getframe(2)
    out = []
    for _, kind in state.added:
        out.append(_handle(rec, state, (len(rec.handles), frame.f_code, frame.f_lasti)))
        out[-1]._kind = kind
    rec.state = state
    return state, out


def set_grad(enabled: bool) -> bool:
    """Turns recording for gradients on or off in this thread; returns what it was."""
    rec = local.rec
    before = rec.state.grad
    if before is not enabled:
        key = ("grad", enabled)
        state = rec.state.edges.get(key)
        if state is None:
            state = State(rec.state, (), enabled)
            state.kind = rec.state.kind
            if rec.state.parent is None:
                state = _roots.on if enabled else _roots.off
            else:
                rec.state.edges[key] = state
            if rec.state.shadow is not None:
                state.shadow = rec.state.shadow.edges.get(key)
        rec.state = state
    return before


# --- entering -------------------------------------------------------------------------------------


def enter(rec: Recording, tensor: Tensor) -> int:
    """The tensor's position in `rec`; realised tensors become inputs of the graph."""
    if tensor._rec is rec:
        if tensor._pos >= 0:
            return tensor._pos
        return _enter_moved_leaf(rec, tensor)
    if tensor._buf is None:
        _revive(tensor)
        if tensor._rec is rec and tensor._pos >= 0:
            return tensor._pos
    buffer = tensor._buf
    assert buffer is not None
    kind = tensor._kind
    history = tensor._extra.history if tensor._extra is not None else None
    key = (kind, history is None)
    state = rec.state.edges.get(key)
    if state is None:
        before = rec.state
        node = input_node(before.inputs, kind.shape, kind.dtype)
        state = State(before, ((node, kind),), before.grad)
        state.inputs += 1
        if before.shadow is not None:
            state.shadow = before.shadow.edges.get(key)
        before.edges[key] = state
        _roots.count += 1
    rec.state = state
    position = len(rec.handles)
    rec.handles.append(tensor)
    rec.inputs.append(buffer)
    rec.entered.append((position, tensor, buffer, history))
    if history is not None:
        rec.histories = True
    tensor._rec = rec
    tensor._pos = position
    if rec.jit is not None:
        rec.jit.entered(tensor, position)
    return position


def _enter_moved_leaf(rec: Recording, tensor: Tensor) -> int:
    """A leaf whose value was replaced in this recording gets a position gradients stop at."""
    source = -1 - tensor._pos
    kind = tensor._kind

    def build() -> tuple[Sequence[tuple[Node, Kind]], Any]:
        return [(make(TABLE["stop_gradient"], (rec.nodes()[source][0],)), kind)], None

    state = step(rec, ("leaf", source, kind), build)[0]
    rec.handles[-1] = tensor
    tensor._pos = len(rec.handles) - 1
    assert state is rec.state
    return tensor._pos


def _revive(tensor: Tensor) -> None:
    """Makes a value available that is neither here nor realised: a stale view, another thread's."""
    found = tensor._extra
    if found is not None and found.error is not None:
        raise found.error
    if tensor._rec is None:
        if found is None or found.base is None:
            raise RecordingError(
                "tensor: it has no value; got a handle that was never assigned, expected a value; "
                "make tensors with firth.tensor(...)"
            )
        refresh_view(tensor)
        return
    compute_foreign(tensor)


refresh_view: Callable[[Tensor], None]  # set by firth.tensor.lens


def compute_foreign(tensor: Tensor) -> None:
    """Computes a tensor that is pending in another thread, without touching that recording."""
    rec = tensor._rec
    assert rec is not None
    with rec.lock:
        if tensor._buf is not None:
            return
        position = tensor._pos if tensor._pos >= 0 else -1 - tensor._pos
        node = rec.nodes()[position][0]
        graph = Graph(graph_inputs(rec.state), (node,))
        program = targets.get(flags.get("FIRTH_TARGET")).compile(graph)
        tensor._buf = program.run(list(rec.inputs[: len(graph.inputs)]))[0]
        tensor._rec = None


def assign(tensor: Tensor, other: Tensor) -> None:
    """Rebinds a handle to another tensor's value (same shape and dtype): what `p += 1` does."""
    rec = local.rec
    position = other._pos if other._rec is rec and other._pos >= 0 else enter(rec, other)
    kind = tensor._kind
    if kind.requires_grad and kind.leaf:
        tensor._pos = -1 - position
    else:
        tensor._kind = other._kind
        tensor._pos = position
        if tensor._extra is not None:
            tensor._extra.history = other._extra.history if other._extra is not None else None
    tensor._rec = rec
    tensor._buf = other._buf
    if tensor._buf is None:
        rec.moved[id(tensor)] = tensor
    elif tensor._pos < 0:
        tensor._rec = None
        tensor._pos = 0
    if rec.jit is not None:
        rec.jit.assigned(tensor)


# --- cuts -----------------------------------------------------------------------------------------


def _long(rec: Recording) -> Recording:
    """A long recording is cut when a line comes again after others: the user's loop went round.

    One line that records much by itself (an optimizer's step) is not a loop.
    """
    frame = user_frame()
    if frame is None or rec.jit is not None:
        rec.limit *= 2
        return rec
    place = (frame.f_code, frame.f_lasti)
    if rec.anchor is None or len(rec.handles) >= 2 * rec.anchor_at:
        rec.anchor, rec.anchor_at, rec.away = place, len(rec.handles), False
        return rec
    if place != rec.anchor:
        rec.away = True
    elif rec.away or _called_directly() or len(rec.handles) >= _LONGEST:
        cut()
        fresh = local.rec
        fresh.anchor, fresh.anchor_at = place, LONG
        return fresh
    return rec


def _called_directly() -> bool:
    """Whether the user's own line recorded this, not a layer or an optimizer that it called."""
    frame: FrameType | None = _getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_TENSOR):
        frame = frame.f_back
    return frame is user_frame()


def cut() -> None:
    """Computes every pending tensor of this thread that is still alive, in one program."""
    rec = local.rec
    if not rec.handles or rec.jit is not None:
        return
    grad = rec.state.grad
    if _roots.count > _TRIE_LIMIT:
        _roots.clear()
    local.rec = Recording(grad)
    with rec.lock:
        _run(rec)


def realise(tensor: Tensor) -> Buffer:
    """The tensor's buffer, computed (with everything else that is pending) when it isn't yet."""
    buffer = tensor._buf
    if local.rec.jit is not None:
        raise local.rec.jit.refuse_read()
    if buffer is None:
        if tensor._rec is not local.rec:
            _revive(tensor)
        if tensor._buf is None:
            cut()
        buffer = tensor._buf
        if buffer is None:
            if tensor._extra is not None and tensor._extra.error is not None:
                raise tensor._extra.error
            raise RecordingError("tensor: its value was lost; this is a bug in Firth")
    return buffer


def _run(rec: Recording) -> None:
    rec.closed = True
    live = _live(rec)
    if not live:
        return
    positions = sorted(live)
    keep = _kept_for_gradients(rec, live)
    outputs = (*positions, *keep) if keep is not None else tuple(positions)
    donated = _donations(rec, positions, live) if keep is None else ()
    key = (flags.get("FIRTH_TARGET"), outputs, donated)
    programs = rec.state.programs
    program = programs.get(key) if programs is not None else None
    try:
        if program is None:
            program = _compile(rec, outputs, donated)
            _roots.remember(rec.state, key, program)
        buffers = program.run(rec.inputs)
    except BaseException as error:
        _failed(rec, live, error)
        raise
    segment = None
    if keep is not None:
        from_position = dict(zip(outputs, buffers, strict=True))
        segment = Segment(rec, from_position)
    for position, buffer in zip(positions, buffers, strict=False):
        for handle in live[position]:
            handle._buf = buffer
            handle._rec = None
            handle._pos = 0
            kind = handle._kind
            if segment is not None and kind.requires_grad and kind.leaf:
                segment.leaves[id(segment.nodes[position][0])] = (position, handle, buffer)
            if kind.requires_grad and not kind.leaf:
                kept = segment is not None and not any(position in f for f in rec.freed)
                extra(handle).history = (segment, position) if kept else FREED


def _live(rec: Recording) -> dict[int, list[Tensor]]:
    """Pending handles that someone outside the recording still holds, by position."""
    live: dict[int, list[Tensor]] = {}
    handles = rec.handles
    position = len(handles)
    while handles:  # from the end, so that a dead view lets go of its base first
        handle = handles.pop()
        position -= 1
        # two references are ours: the local name and getrefcount's argument
        if getrefcount(handle) > 2 and handle._pos == position and handle._buf is None:
            if handle._rec is rec:
                live[position] = [handle]
    moved = rec.moved
    held = [id(entry[1]) for entry in rec.entered] if moved else []
    while moved:
        _, handle = moved.popitem()
        if handle._rec is rec and handle._buf is None:
            if getrefcount(handle) > 2 + held.count(id(handle)):
                position = handle._pos if handle._pos >= 0 else -1 - handle._pos
                sharing = live.setdefault(position, [])
                if not any(h is handle for h in sharing):
                    sharing.append(handle)
    return live


def _kept_for_gradients(rec: Recording, live: dict[int, list[Tensor]]) -> list[int] | None:
    """Positions worth keeping for a later backward(); None when no gradient can be asked for."""
    wanted = []
    for position, handles in live.items():
        kind = handles[0]._kind
        if kind.requires_grad and not kind.leaf and not any(position in f for f in rec.freed):
            wanted.append(position)
    if not wanted:
        return None
    nodes = rec.nodes()
    known = {id(node): i for i, (node, _) in enumerate(nodes)}
    keep = []
    seen: set[int] = set()
    stack = [nodes[p][0] for p in wanted]
    while stack:
        node = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        stack.extend(node.src)
        position = known.get(id(node), -1)
        if position >= 0 and position not in live and node.op.family not in _CHEAP:
            keep.append(position)
    return sorted(keep)


_CHEAP = frozenset(("elementwise", "movement", "source"))


FREED: Any = ("freed", -1)  # the history of a result whose graph a backward() has used up
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
        self.inputs = list(rec.inputs)
        self.entered = list(rec.entered)
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


def _donations(
    rec: Recording, positions: list[int], live: dict[int, list[Tensor]]
) -> tuple[tuple[int, int], ...]:
    """Pairs (output, input): the input's memory that nothing else refers to takes the output."""
    free: dict[tuple[Any, Any], list[tuple[int, Tensor]]] = {}
    nodes = None
    entered = rec.entered
    inputs = rec.inputs
    out: list[tuple[int, int]] = []
    for i in range(len(entered)):
        position, handle, buffer, _ = entered[i]
        if buffer.exported:
            continue
        ours = handle._buf is buffer
        # the entered tuple, `handle` and getrefcount's argument
        if ours and getrefcount(handle) > 3:
            continue
        # the entered tuple, rec.inputs, `buffer`, the argument, and a dead handle's own
        if getrefcount(buffer) > 4 + ours:
            continue
        if nodes is None:
            nodes = rec.nodes()
        node = nodes[position][0]
        free.setdefault((node.shape, node.dtype), []).append((node.attrs[0], handle))
    if nodes is None:
        return ()
    for o, position in enumerate(positions):
        node = nodes[position][0]
        candidates = free.get((node.shape, node.dtype))
        if not candidates:
            continue
        best = 0
        for c, (_, handle) in enumerate(candidates):
            if any(h is handle for h in live[position]):
                best = c
        out.append((o, candidates.pop(best)[0]))
    assert len(inputs) >= len(entered)
    return tuple(out)


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


def enter_into(rec: Recording, tensor: Tensor) -> int:
    """The position of a tensor that ends up in `rec` after it was left (a result of jit)."""
    outer = local.rec
    local.rec = rec
    try:
        return enter(rec, tensor)
    finally:
        local.rec = outer


def remember(state: State, key: Key, program: Any) -> None:
    """Keeps a program with the state where its recordings end."""
    _roots.remember(state, key, program)


def compile_recording(
    rec: Recording, outputs: tuple[int, ...], donated: tuple[tuple[int, int], ...]
) -> Any:
    """A program that computes positions of a recording."""
    return _compile(rec, outputs, donated)


def _compile(
    rec: Recording, outputs: tuple[int, ...], donated: tuple[tuple[int, int], ...]
) -> Any:
    nodes = rec.nodes()
    graph = Graph(graph_inputs(rec.state), tuple(nodes[p][0] for p in outputs), donated)
    return targets.get(flags.get("FIRTH_TARGET")).compile(graph)


def _failed(rec: Recording, live: dict[int, list[Tensor]], error: BaseException) -> None:
    """A program failed: replaced tensors get their old value back, the others keep the error."""
    if isinstance(error, FirthError):
        error.at(_line_of_error(rec, error))
    before = {id(handle): (handle, buffer) for _, handle, buffer, _ in rec.entered}
    for handles in live.values():
        for handle in handles:
            handle._rec = None
            handle._pos = 0
            if id(handle) in before:
                handle._buf = before[id(handle)][1]
            elif isinstance(error, Exception):
                extra(handle).error = error


def _line_of_error(rec: Recording, error: FirthError) -> str:
    """The line that recorded the op which failed, where the error names its node."""
    node = getattr(error, "node", None)
    if node is not None:
        for position, (known, _) in enumerate(rec.nodes()):
            if known is node:
                for at, code, instruction in rec.places:
                    if at == position:
                        return describe(code, line_of(code, instruction))
    return user_line()
