"""Cuts: everything pending that is still alive is computed in one program.

cut() computes it; realise(tensor) gives one tensor's buffer. What a later backward() needs is
kept; an input's memory that nothing else refers to is given to an output.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from sys import getrefcount
from typing import Any

from firth import targets
from firth.base import flags
from firth.base.errors import FirthError, RecordingError
from firth.ir.graph import Graph, topological
from firth.ir.text import to_text
from firth.runtime import trace
from firth.runtime.buffer import Buffer
from firth.targets.lock import imported
from firth.tensor import origins
from firth.tensor.blame import blame
from firth.tensor.finite import Searched
from firth.tensor.handle import Tensor, extra
from firth.tensor.layers import labels
from firth.tensor.lines import user_line
from firth.tensor.recording import FREED, JITTED, Recording, Segment, local
from firth.tensor.trie import TRIE_LIMIT, graph_inputs, roots

_CHEAP = frozenset(("elementwise", "movement", "source"))
# How a view whose base has moved on looks again; entered by firth.tensor.lens.
refreshers: list[Callable[[Tensor], None]] = []


def cut() -> None:
    """Computes every pending tensor of this thread that is still alive, in one program."""
    rec = local.rec
    if not rec.handles or rec.jit is not None or rec.scope is not None:
        return
    grad = rec.state.grad
    if roots.count > TRIE_LIMIT:
        roots.clear()
    local.rec = Recording(grad, local.inside)
    with rec.lock:
        try:
            _run(rec)
        finally:  # a tensor that entered keeps the recording, which must not keep its buffers
            rec.inputs, rec.entered = [], []


def realise(tensor: Tensor) -> Buffer:
    """The tensor's buffer, computed (with everything else that is pending) when it isn't yet."""
    buffer = tensor._buf
    if local.rec.jit is not None:
        raise local.rec.jit.refuse_read()
    if buffer is None:
        if local.rec.scope is not None:
            return local.rec.scope.value(tensor)  # type: ignore[no-any-return]
        if tensor._rec is not local.rec:
            revive(tensor)
        if tensor._buf is None:
            cut()
        buffer = tensor._buf
        if buffer is None:
            if tensor._extra is not None and tensor._extra.error is not None:
                raise tensor._extra.error
            raise RecordingError("tensor: its value was lost; this is a bug in Firth")
    return buffer


def revive(tensor: Tensor) -> None:
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
        refreshers[0](tensor)
        return
    compute_foreign(tensor)


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
        program = targets.compiled(graph)
        tensor._buf = program.run(list(rec.inputs[: len(graph.inputs)]))[0]
        tensor._rec = None


def _run(rec: Recording) -> None:
    rec.closed = True
    live = _live(rec)
    if live:
        _compute(rec, live)
    _let_go(rec)


def _compute(rec: Recording, live: dict[int, list[Tensor]], again: bool = False) -> None:
    """Gives live handles their values. again: after a failure, what had no part in it."""
    positions = sorted(live)
    wanted = _wanted(rec, live)
    keep = _kept_for_gradients(rec, live, wanted) if wanted else None
    outputs = (*positions, *keep) if keep is not None else tuple(positions)
    donated = _donations(rec, positions, live) if keep is None and not again else ()
    try:
        buffers = _results(rec, outputs, donated, len(positions))
    except BaseException as error:
        spared = _failed(rec, live, outputs, error)
        if spared:
            with suppress(FirthError):  # these have an error of their own then
                _compute(rec, spared, True)
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
                extra(handle).history = (segment, position) if position in wanted else FREED


def _results(
    rec: Recording, outputs: tuple[int, ...], donated: tuple[tuple[int, int], ...], count: int
) -> list[Buffer]:
    """The values at some positions, from a program that is known or compiled now."""
    key = (flags.program_key(), outputs, donated)
    programs = rec.state.programs
    program = programs.get(key) if programs is not None else None
    if program is None:
        program = compile_recording(rec, outputs, donated, count=count)
        roots.remember(rec.state, key, program)
    if trace.collector is not None:
        known = rec.nodes(), rec.places, labels(rec), outputs
        return origins.run(program, rec.inputs, *known)
    buffers: list[Buffer] = program.run(rec.inputs)
    return buffers


def _let_go(rec: Recording) -> None:
    """Handles that were inputs forget the recording, or they would keep it and all before it."""
    for _, handle, _, _ in rec.entered:
        if handle._rec is rec:
            handle._rec = None
            handle._pos = 0


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


def _wanted(rec: Recording, live: dict[int, list[Tensor]]) -> list[int]:
    """Live positions that a backward() can still be asked for.

    What depends on a graph that was used up is used up as well, so that `total += loss` after
    loss.backward() keeps no history.
    """
    wanted = []
    for position, handles in live.items():
        kind = handles[0]._kind
        if kind.requires_grad and not kind.leaf:
            wanted.append(position)
    if not wanted or not (rec.freed or rec.histories):
        return wanted
    nodes = rec.nodes()
    gone = {id(nodes[p][0]) for freed in rec.freed for p in freed}
    gone.update(
        id(nodes[p][0]) for p, _, _, history in rec.entered if history is FREED or history is JITTED
    )
    if gone:
        for node, kind in nodes:
            if kind.requires_grad and any(id(s) in gone for s in node.src):
                gone.add(id(node))
    return [p for p in wanted if id(nodes[p][0]) not in gone]


def _kept_for_gradients(
    rec: Recording, live: dict[int, list[Tensor]], wanted: list[int]
) -> list[int]:
    """Positions worth keeping for a later backward()."""
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


def _donations(
    rec: Recording, positions: list[int], live: dict[int, list[Tensor]]
) -> tuple[tuple[int, int], ...]:
    """Pairs (output, input): the input's memory that nothing else refers to takes the output."""
    free: dict[tuple[Any, Any], list[tuple[int, Tensor]]] = {}
    entered = rec.entered
    where = rec.where
    for i in range(len(entered)):
        handle, buffer = entered[i][1], entered[i][2]
        if buffer.exported:
            continue
        ours = handle._buf is buffer
        # the entered tuple, `handle` and getrefcount's argument
        if ours and getrefcount(handle) > 3:
            continue
        # the entered tuple, rec.inputs, `buffer`, the argument, and a dead handle's own
        if getrefcount(buffer) > 4 + ours:
            continue
        index, kind = where[i]
        free.setdefault((kind.shape, kind.dtype), []).append((index, handle))
    if not free:
        return ()
    searched = flags.program_key().endswith(",nan")
    out: list[tuple[int, int]] = []
    for o, position in enumerate(positions):
        sharing = live[position]
        kind = sharing[0]._kind
        candidates = free.get((kind.shape, kind.dtype))
        if not candidates:
            continue
        best = 0
        for c, (_, handle) in enumerate(candidates):
            if handle is sharing[0] or any(h is handle for h in sharing):
                best = c
                break
        else:
            if searched:
                continue  # a new value: it is searched at every run, what is updated is not
        out.append((o, candidates.pop(best)[0]))
    return tuple(out)


def compile_recording(
    rec: Recording,
    outputs: tuple[int, ...],
    donated: tuple[tuple[int, int], ...],
    constants: tuple[int, ...] = (),
    count: int | None = None,
) -> Any:
    """The program of a recording; its first `count` outputs (None: all) are what users see."""
    nodes = rec.nodes()
    roots = tuple(nodes[p][0] for p in outputs)
    graph = Graph(graph_inputs(rec.state), roots, donated, constants)
    if flags.debug("graph"):
        print(to_text(graph), file=sys.stderr)
    with trace.compiling():
        make = targets.compiled
        searched = flags.debug("nan")
        program = Searched(graph, count or len(outputs), make) if searched else make(graph)
    if flags.get("FIRTH_DUMP") and flags.get("FIRTH_TARGET") == "cpu":
        found = origins.origins(nodes, rec.places, labels(rec), outputs)
        notes = [trace.words(o) for o in found]
        imported("firth.targets.cpu.stages").note_lines(graph, notes)
    return program


def _failed(
    rec: Recording, live: dict[int, list[Tensor]], outputs: Sequence[int], error: BaseException
) -> dict[int, list[Tensor]]:
    """A program failed: replaced tensors get their old value back, the others keep the error.

    Returns those to which what failed means nothing; they are left as they are.
    """
    if isinstance(error, FirthError):
        known = rec.nodes(), rec.places, labels(rec), outputs
        error.at(blame(*known, rec.inputs, error) or user_line())
    apart = _apart(rec, live, outputs, error)
    before = {id(handle): (handle, buffer) for _, handle, buffer, _ in rec.entered}
    spared: dict[int, list[Tensor]] = {}
    for position, handles in live.items():
        for handle in handles:
            if position in apart and id(handle) not in before:
                spared.setdefault(position, []).append(handle)
                continue
            handle._rec = None
            handle._pos = 0
            if id(handle) in before:
                handle._buf = before[id(handle)][1]
            elif isinstance(error, Exception):
                extra(handle).error = error
    return spared


def _apart(
    rec: Recording, live: Iterable[int], outputs: Sequence[int], error: BaseException
) -> set[int]:
    """Live positions that do not depend on the node that failed, where that is known."""
    number = error.node if isinstance(error, FirthError) else None
    if number is None:
        return set()
    nodes = rec.nodes()
    order = topological([nodes[p][0] for p in outputs])
    hit = {id(order[number])}
    for node in order:
        if any(id(s) in hit for s in node.src):
            hit.add(id(node))
    return {p for p in live if id(nodes[p][0]) not in hit}
