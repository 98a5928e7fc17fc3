"""Recording: operations become nodes; a cut turns what is still alive into one program.

What others rely on:
  apply(op_name, *tensors_or_numbers, **attrs) -> Tensor   records one op
  assign(tensor, other)                                     rebinds a handle to another's value
  cut()                                                     computes everything pending
  realise(tensor) -> Buffer                                 computes one tensor (and all others)
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from sys import _getframe
from types import FrameType
from typing import Any

import numpy as np

import firth.ops  # noqa: F401  (fills the table of ops)
from firth.base.dtype import DType, int64
from firth.base.errors import DTypeError, FirthError, OutOfMemory, ShapeError, message
from firth.ir.node import Node
from firth.ir.op import TABLE, Op, check_number, input_node, make
from firth.runtime.buffer import PHYSICAL_BYTES, from_array
from firth.tensor.cut import cut, realise, revive
from firth.tensor.handle import Kind, Tensor, kind_of
from firth.tensor.lines import user_frame, user_line
from firth.tensor.recording import LONG, Place, Recording, local
from firth.tensor.trie import Key, State, number_key, place_key, plain_number, roots, varies
from firth.tensor.unwatched import OWN, unwatched

__all__ = [
    "apply", "apply_op", "assign", "cut", "enter", "local", "plain_number", "realise", "set_grad",
    "step", "user_line",
]  # fmt: skip

Number = bool | int | float | complex
_LONGEST = 20 * LONG  # positions after which one line of a user's that records much is cut too
_LARGEST = 16 * PHYSICAL_BYTES  # of a value; those inside of a program may never be stored
_TENSOR = os.path.dirname(os.path.abspath(__file__))
_new = object.__new__
_INTS = {int}
_PLAIN = frozenset((int, bool, float, str, DType, type(None)))


def apply(name: str, *sources: Tensor | Number, **attrs: Any) -> Tensor:
    """Records one op of the table on tensors and numbers; the result is computed when needed.

    Raises ShapeError, DTypeError or ArgumentError at the user's line.
    """
    op = TABLE[name]
    return apply_op(op, sources, op.bind(attrs))


def apply_op(op: Op, sources: Sequence[Any], attrs: tuple[Any, ...] = ()) -> Tensor:
    """Records an op whose attributes are already in order. Numbers may become run-time inputs."""
    rec = local.rec
    if len(rec.handles) >= rec.limit and not rec.borrowed:
        rec = _long(rec)
    key: list[Any] = [op]
    numbers = False
    for s in sources:
        if isinstance(s, Tensor):
            key.append(s._pos if s._rec is rec and s._pos >= 0 else enter(rec, s))
        else:
            numbers = True
            key += number_key(op.name, s)
    if attrs:
        key.append(attrs)
    full = tuple(key)
    state = rec.state.edges.get(full)
    if state is None:
        if op in OWN:
            state = unwatched(_miss, rec, full, op, sources, attrs, numbers)
        else:
            state = _miss(rec, full, op, sources, attrs, numbers)
    if state.scalars:
        _push_numbers(rec, state, sources)
    frame = user_frame() or _getframe(2)
    out = _handle(rec, state, (len(rec.handles), frame.f_code, frame.f_lasti))
    if rec.borrowed:
        cut()  # memory of somebody else's is read before control returns to them
    return out


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


def _miss(
    rec: Recording, key: Key, op: Op, sources: Sequence[Any], attrs: tuple[Any, ...], numbers: bool
) -> State:
    """Takes a step that the trie doesn't know as it stands."""
    state = rec.state
    shadow = state.shadow
    if not numbers:
        after = shadow.edges.get(key) if shadow is not None else None
        return _grow(rec, state, key, _nodes_for(rec, op, sources, attrs, None, False), after)
    place = place_key(key)
    if state.dynamic is not None and place in state.dynamic:
        return state.dynamic[place]
    differs, after = varies(state, key, place)
    if differs:
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


def _nodes_for(
    rec: Recording,
    op: Op,
    sources: Sequence[Any],
    attrs: tuple[Any, ...],
    scalar_input: int | None,
    numbers: bool = True,
) -> tuple[Node, Kind, tuple[Node, ...]]:
    """The new node, its kind, and the input nodes that its numbers became.

    numbers: whether there may be any among the sources.
    """
    known = rec.nodes()
    nodes = [known[s._pos][0] if isinstance(s, Tensor) else s for s in sources]
    attrs = tuple([_plain(op.name, attr) for attr in attrs])
    try:
        if op.name == "dynamic_slice" and isinstance(nodes[0], Node):
            return _window(rec, nodes[0], nodes[1:], attrs, scalar_input, known[sources[0]._pos][1])
        if not numbers:
            node = make(op, tuple(nodes), attrs)
        else:
            node = op(*nodes, **dict(zip(op.attrs, attrs, strict=True))).node
    except FirthError as error:
        raise error.at(user_line()) from None
    _check_shape(op, node)
    scalars: list[Node] = []
    if scalar_input is not None:
        src = list(node.src)
        for i, s in enumerate(sources):
            if not isinstance(s, Tensor):
                src[i] = input_node(scalar_input + len(scalars), (), src[i].dtype)
                scalars.append(src[i])
        node = make(op, tuple(src), attrs)
    flows = node.dtype.kind in "fc" and any(
        [isinstance(s, Tensor) and known[s._pos][1].requires_grad for s in sources]
    )
    if flows and not rec.state.grad:
        node = make(TABLE["stop_gradient"], (node,))
    grad = flows and rec.state.grad and op.name != "stop_gradient"
    return node, kind_of(node.shape, node.dtype, grad, not grad), tuple(scalars)


def _plain(op: str, attr: Any) -> Any:
    """An attribute with Python's numbers in place of NumPy's; DTypeError for a tensor."""
    if attr.__class__ in _PLAIN:
        return attr
    if isinstance(attr, tuple):
        if not attr or {*map(type, attr)} == _INTS:
            return attr
        return tuple([_plain(op, each) for each in attr])
    if isinstance(attr, (Tensor, np.ndarray)):
        raise DTypeError(
            message(op, "a tensor stands where only a number or a dtype can",
                    f"shape {tuple(attr.shape)}", "a plain value", "pass x.item() or x.dtype")
        ).at(user_line())  # fmt: skip
    return attr.item() if isinstance(attr, np.generic) else attr


def _check_shape(op: Op, node: Node) -> None:
    """Whether a new value can be: its extents are numbers, and there could be memory for it."""
    count = beside = 1  # elements; and what 64 bits must count even beside an extent of 0
    for extent in node.shape:
        if type(extent) is not int and not hasattr(extent, "__index__") or extent < 0:
            raise ShapeError(
                message(node.op.name, "this is no shape", str(list(node.shape)),
                        "integers from 0 up",
                        "look at the sizes that are asked for; divide with // instead of /")
            ).at(user_line())  # fmt: skip
        count *= extent
        beside *= extent or 1
    if beside >= 2**59:
        raise _too_large(node)
    if count * node.dtype.itemsize > _LARGEST and not (
        op.name == "expand" or any(_bytes(s) > _LARGEST for s in node.src)
    ):
        raise _too_large(node)  # views may look as large


def _bytes(node: Node) -> int:
    return node.dtype.itemsize * math.prod(node.shape)


def _too_large(node: Node) -> OutOfMemory:
    return too_large(node.op.name, node.shape, node.dtype)


def too_large(op: str, shape: Sequence[int], dtype: DType) -> OutOfMemory:
    """The error of a result that nobody has memory for."""
    return OutOfMemory(
        message(
            op, "the result is far larger than memory",
            f"{dtype.name}{list(shape)}, {dtype.itemsize * math.prod(shape)} bytes",
            f"at most {_LARGEST}", "check the sizes that are asked for",
        )
    ).at(user_line())  # fmt: skip


def check_room(op: str, shape: Sequence[int], dtype: DType) -> None:
    """OutOfMemory for a result far larger than memory, before any work on it."""
    if dtype.itemsize * math.prod(shape) > _LARGEST:
        raise too_large(op, shape, dtype)


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
    roots.count += 1
    return after


def _push_numbers(rec: Recording, state: State, sources: Sequence[Any]) -> None:
    """The values of a dynamic step's numbers become inputs of the program."""
    numbers = [s for s in sources if not isinstance(s, Tensor)]
    try:
        for number in numbers:
            check_number(number)
    except FirthError as error:
        raise error.at(user_line()) from None
    with np.errstate(all="ignore"):
        for number, node in zip(numbers, state.scalars):
            rec.inputs.append(from_array(np.asarray(number).astype(node.dtype.np)))


def step(
    rec: Recording, key: Key, build: Callable[[], tuple[Sequence[tuple[Node, Kind]], Any]]
) -> tuple[State, list[Tensor]]:
    """Takes a step of any number of positions; `build` gives (nodes and kinds, note) if new."""
    state = rec.state.edges.get(key)
    if state is None:
        added, note = build()
        before = rec.state
        state = State(before, tuple(added), before.grad)
        state.note = note
        if before.shadow is not None:
            state.shadow = before.shadow.edges.get(key)
        before.edges[key] = state
        roots.count += 1
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
                state = roots.on if enabled else roots.off
            else:
                rec.state.edges[key] = state
            if rec.state.shadow is not None:
                state.shadow = rec.state.shadow.edges.get(key)
        rec.state = state
    return before


def enter(rec: Recording, tensor: Tensor) -> int:
    """The tensor's position in `rec`; realised tensors become inputs of the graph."""
    if tensor._rec is rec:
        if tensor._pos >= 0:
            return tensor._pos
        return _enter_moved_leaf(rec, tensor)
    if tensor._buf is None:
        revive(tensor)
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
        roots.count += 1
    rec.state = state
    position = len(rec.handles)
    rec.handles.append(tensor)
    rec.inputs.append(buffer)
    rec.entered.append((position, tensor, buffer, history))
    rec.where.append((state.inputs - 1, kind))
    if history is not None:
        rec.histories = True
    if buffer.owner is not None:
        rec.borrowed = True
        rec.limit = 0  # every operation goes through apply_op, which cuts
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


def assign(tensor: Tensor, other: Tensor) -> None:
    """Rebinds a handle to another tensor's value (same shape and dtype): what `p += 1` does."""
    rec = local.rec
    if rec.scope is not None:
        rec.scope.assigned(tensor)
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


def breathe() -> None:
    """Cuts a long recording where a loop went round, before a transform in which nothing is cut."""
    rec = local.rec
    if len(rec.handles) >= rec.limit and not rec.borrowed:
        _long(rec)


def _long(rec: Recording) -> Recording:
    """A long recording is cut when a line comes again after others: the user's loop went round.

    One line that records much by itself (an optimizer's step) is not a loop.
    """
    if rec.scope is not None:  # a transform is under way: it was asked before
        return rec
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


def enter_into(rec: Recording, tensor: Tensor) -> int:
    """The position of a tensor that ends up in `rec` after it was left (a result of jit)."""
    outer = local.rec
    local.rec = rec
    try:
        return enter(rec, tensor)
    finally:
        local.rec = outer
