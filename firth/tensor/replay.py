"""Going on into earlier recordings: what a cut kept enters again, the rest is recorded again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from firth.base.errors import GradientError, message
from firth.ir.graph import topological
from firth.ir.node import Node
from firth.tensor.handle import Kind, Tensor, kind_of, realised
from firth.tensor.record import enter, step, user_line
from firth.tensor.recording import FREED, JITTED, Recording, Segment


def position_of(rec: Recording, tensor: Tensor) -> int:
    """The tensor's position in the recording, entered when it isn't there."""
    return tensor._pos if tensor._rec is rec and tensor._pos >= 0 else enter(rec, tensor)


def second_time(name: str) -> GradientError:
    error = GradientError(
        message(
            name, "the graph was freed by an earlier backward()",
            "a second pass over the same results", "one pass, or a graph that is retained",
            "pass retain_graph=True to the first call, or add the losses before backward()",
        )
    )  # fmt: skip
    error.at(user_line())
    return error


def _check_history(name: str, history: Any) -> None:
    if history is FREED:
        raise second_time(name)
    if history is JITTED:
        raise GradientError(
            message(
                name, "this was computed inside a function under jit, which keeps no graph",
                "a result of a call", "a loss whose graph is recorded",
                "call backward() inside the jitted function",
            )
        ).at(user_line())  # fmt: skip


class _Replayed:
    """Node maps of a replay step: input -> how it was computed, and back to known values."""

    __slots__ = ("back", "forward")

    def __init__(self, forward: dict[int, Node], back: dict[int, Node]) -> None:
        self.forward = forward
        self.back = back


def replay_maps(rec: Recording) -> tuple[dict[int, Node], dict[int, Node]]:
    forward: dict[int, Node] = {}
    back: dict[int, Node] = {}
    state: Any = rec.state
    while state is not None:
        if isinstance(state.note, _Replayed):
            forward = {**state.note.forward, **forward}
            back = {**state.note.back, **back}
        state = state.parent
    return forward, back


def replay(name: str, rec: Recording, at: tuple[int, ...]) -> bool:
    """Puts what earlier recordings knew of the inputs that `at` depends on into this one.

    Results that were kept at the cut enter as inputs; the rest is recorded to be computed again.
    """
    state = rec.state
    if state.memo is None:
        state.memo = {}
    inside = state.memo.get(at)
    if inside is None:
        known = rec.nodes()
        reached = {id(n) for n in topological([known[p][0] for p in at])}
        inside = frozenset(p for p, _, _, _ in rec.entered if id(known[p][0]) in reached)
        state.memo[at] = inside
    needed = {
        p: history for p, _, _, history in rec.entered
        if history is not None and p in inside and p not in rec.replayed
    }  # fmt: skip
    if not needed:
        return bool(rec.replayed)
    for history in needed.values():
        _check_history(name, history)
    wanted: dict[Segment, set[int]] = {}
    for segment, position in needed.values():
        wanted.setdefault(segment, set()).add(position)
    plan = _plan(name, wanted)
    placed: list[
        tuple[Segment, tuple[int, ...], list[tuple[Node, Any]], list[tuple[int, int]]]
    ] = []
    for segment, positions, inputs, saved in plan:
        sources = [(node, _enter_input(rec, segment, node)) for node in inputs]
        kept = [(p, _enter_buffer(rec, segment, p)) for p in saved]
        placed.append((segment, positions, sources, kept))
    key = ("replay", _structure(placed, needed))

    def build() -> tuple[Sequence[tuple[Node, Kind]], Any]:
        return (), _rebuild(rec, placed, needed)

    step(rec, key, build)
    rec.replayed.update(needed)
    return True


def _structure(placed: Any, needed: dict[int, Any]) -> Any:
    """What is replayed, told by its ops alone, so that equal work is known again."""
    numbers: dict[tuple[int, int], tuple[int, int]] = {}  # (segment, position) -> place here
    parts = []
    for which, (segment, positions, sources, kept) in enumerate(placed):
        ends = {id(node) for node, _ in sources}
        number: dict[int, int] = {id(node): i for i, (node, _) in enumerate(sources)}
        steps = []
        for node in topological([segment.nodes[p][0] for p in positions], stop=ends):
            if id(node) not in number:
                number[id(node)] = len(number)
                steps.append((node.op, node.attrs, tuple(number[id(x)] for x in node.src)))
        wheres = tuple(
            numbers[where[2], where[1]] if isinstance(where, tuple) else where
            for _, where in sources
        )
        for p in positions:
            numbers[segment.number, p] = (which, number[id(segment.nodes[p][0])])
        saved = tuple((number[id(segment.nodes[p][0])], at) for p, at in kept)
        kinds = tuple((node.shape, node.dtype) for node, _ in sources)
        parts.append((tuple(steps), wheres, kinds, saved))
    return tuple(parts), tuple((p, numbers[h[0].number, h[1]]) for p, h in needed.items())


def _plan(
    name: str, wanted: dict[Segment, set[int]]
) -> list[tuple[Segment, tuple[int, ...], list[Node], list[int]]]:
    """Segments that are needed, oldest first: positions asked for, inputs, kept positions."""
    out = []
    while wanted:
        segment = max(wanted, key=lambda s: s.number)
        positions = tuple(sorted(wanted.pop(segment)))
        roots = [segment.nodes[p][0] for p in positions]
        order = topological(roots, stop=segment.leaves)
        inside = {id(n) for n in order}
        inputs = [n for n in order if n.op.name == "input"]
        used = {id(s) for n in order for s in n.src}
        inputs += [segment.nodes[leaf[0]][0] for key, leaf in segment.leaves.items() if key in used]
        for node in inputs:
            history = segment.history_of(node)
            _check_history(name, history)
            if history is not None:
                wanted.setdefault(history[0], set()).add(history[1])
        saved = [p for p in segment.saved if id(segment.nodes[p][0]) in inside]
        out.append((segment, positions, inputs, saved))
    return out[::-1]


def _enter_input(rec: Recording, segment: Segment, node: Node) -> Any:
    """Where an input of a segment is now: a position, or (segment, position) it came from."""
    leaf = segment.leaves.get(id(node))
    found = (*leaf, None) if leaf is not None else segment.by_index().get(node.attrs[0])
    if found is None:
        buffer = segment.inputs[node.attrs[0]]
        return position_of(rec, _stand_in(rec, buffer, kind_of(node.shape, node.dtype)))
    _, handle, buffer, history = found
    kind = segment.nodes[found[0]][1]
    if history is not None:
        return history[0].state, history[1], history[0].number
    if handle._buf is buffer and handle._kind is kind:
        return position_of(rec, handle)
    stand_in = _stand_in(rec, buffer, kind)
    position = position_of(rec, stand_in)
    if kind.requires_grad:
        rec.leaf_of[position] = segment.leaf_of.get(found[0], handle)
    return position


def _stand_in(rec: Recording, buffer: Any, kind: Kind) -> Tensor:
    return realised(buffer, kind)


def _enter_buffer(rec: Recording, segment: Segment, position: int) -> int:
    node, kind = segment.nodes[position]
    del kind
    return position_of(rec, realised(segment.saved[position], kind_of(node.shape, node.dtype)))


def _rebuild(rec: Recording, placed: Any, needed: dict[int, Any]) -> _Replayed:
    """The segments' nodes on this recording's inputs; maps of inputs forward, results back."""
    known = rec.nodes()
    rebuilt: dict[tuple[Any, int], Node] = {}
    back: dict[int, Node] = {}
    for segment, positions, sources, kept in placed:
        made: dict[int, Node] = {}
        for node, where in sources:
            made[id(node)] = (
                rebuilt[where[2], where[1]] if isinstance(where, tuple) else (known[where][0])
            )
        for node in topological([segment.nodes[p][0] for p in positions], stop=made):
            src = tuple(made[id(s)] for s in node.src)
            made[id(node)] = Node(node.op, src, node.attrs, node.shape, node.dtype)
        for p, at in kept:
            back[id(made[id(segment.nodes[p][0])])] = known[at][0]
        for p in positions:
            rebuilt[segment.number, p] = made[id(segment.nodes[p][0])]
    forward = {}
    for p, (segment, position) in needed.items():
        fresh = rebuilt[segment.number, position]
        forward[id(known[p][0])] = fresh
        back[id(fresh)] = known[p][0]
    rec.pinned.append((rebuilt, placed))
    return _Replayed(forward, back)


def free_entered(rec: Recording, reached: frozenset[int]) -> None:
    """Histories that a backward() went through are let go of."""
    for p in rec.replayed:
        if p in reached:
            handle = rec.handles[p]
            if handle._extra is not None and handle._extra.history is rec.replayed[p]:
                handle._extra.history = FREED
