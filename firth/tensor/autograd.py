"""Gradients of what was recorded: backward(), grad(), and the switches that turn recording off."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from firth.base.errors import GradientError, message
from firth.ir.graph import topological
from firth.ir.node import Node
from firth.ir.op import TABLE, make
from firth.passes.grad import full, gradient, substitute
from firth.tensor.handle import Kind, Tensor, extra, kind_of, realised
from firth.tensor.record import (
    FREED,
    Recording,
    Segment,
    apply,
    enter,
    local,
    set_grad,
    step,
    user_line,
)


class _Switch:
    """A context manager and decorator that sets gradient recording and sets it back."""

    __slots__ = ("_before", "enabled")

    def __init__(self, enabled: bool) -> None:
        self.enabled = enabled
        self._before: list[bool] = []

    def __enter__(self) -> None:
        self._before.append(set_grad(self.enabled))

    def __exit__(self, *_: object) -> None:
        set_grad(self._before.pop())

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            before = set_grad(self.enabled)
            try:
                return function(*args, **kwargs)
            finally:
                set_grad(before)

        return wrapped


class no_grad(_Switch):  # noqa: N801
    """Nothing inside is recorded for gradients. A context manager or decorator.

    >>> with no_grad():
    ...     is_grad_enabled()
    False
    """

    __slots__ = ()

    def __new__(cls, function: Any = None) -> Any:
        if function is not None:  # used as a bare decorator
            return _Switch(False)(function)
        return object.__new__(cls)

    def __init__(self, function: Any = None) -> None:
        super().__init__(False)


class enable_grad(_Switch):  # noqa: N801
    """What is inside is recorded for gradients, whatever is around it."""

    __slots__ = ()

    def __new__(cls, function: Any = None) -> Any:
        if function is not None:
            return _Switch(True)(function)
        return object.__new__(cls)

    def __init__(self, function: Any = None) -> None:
        super().__init__(True)


class inference_mode(_Switch):  # noqa: N801
    """As no_grad; mode=False records."""

    __slots__ = ()

    def __init__(self, mode: bool = True) -> None:
        super().__init__(not mode)


class set_grad_enabled(_Switch):  # noqa: N801
    """Sets gradient recording at once; as a context manager it sets it back at the end."""

    __slots__ = ()

    def __init__(self, mode: bool) -> None:
        super().__init__(mode)
        self._before.append(set_grad(mode))

    def __enter__(self) -> None:
        pass


def is_grad_enabled() -> bool:
    """Whether operations are recorded for gradients in this thread."""
    return local.rec.state.grad


# --- backward -------------------------------------------------------------------------------------


class _Note:
    """What a known backward step remembers: the positions whose gradients it made, in order, and
    the positions that it went through."""

    __slots__ = ("leaves", "reached")

    def __init__(self, leaves: tuple[int, ...], reached: frozenset[int]) -> None:
        self.leaves = leaves
        self.reached = reached


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Adds the gradients of the sum of `tensors` (times `grad_tensors`) to the leaves' `.grad`.

    Raises GradientError for a tensor without history, for several elements without a gradient to
    start from, and for a second pass over a graph that was not retained.
    """
    roots, given = _paired(tensors, grad_tensors)
    retain = create_graph if retain_graph is None else retain_graph
    only = None
    if inputs is not None:
        only = {id(t) for t in ([inputs] if isinstance(inputs, Tensor) else inputs)}
    for leaf, g in _run("backward", roots, given, retain, create_graph, None):
        if g is not None and (only is None or id(leaf) in only):
            _accumulate(leaf, g, create_graph)


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> tuple[Tensor | None, ...]:
    """Gradients of the sum of `outputs` (times `grad_outputs`) for each of `inputs`.

    Raises GradientError for an input that the outputs don't depend on, unless allow_unused.
    """
    roots, given = _paired(outputs, grad_outputs)
    wrt = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    for t in wrt:
        if not t._kind.requires_grad:
            raise GradientError(
                message(
                    "grad", "an input requires no gradient", f"a tensor {tuple(t._kind.shape)}",
                    "inputs with requires_grad=True", "call x.requires_grad_() before computing",
                )
            ).at(user_line())  # fmt: skip
    retain = create_graph if retain_graph is None else retain_graph
    found = _run("grad", roots, given, retain, create_graph, wrt)
    out = []
    for i, (_, g) in enumerate(found):
        if g is None and not allow_unused:
            raise GradientError(
                message(
                    "grad", f"the outputs don't depend on input {i}", "an unused input",
                    "inputs that led to the outputs", "pass allow_unused=True to get None for it",
                )
            ).at(user_line())  # fmt: skip
        out.append(g)
    return tuple(out)


def _paired(tensors: Any, given: Any) -> tuple[list[Tensor], list[Tensor | None]]:
    roots = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    if given is None or isinstance(given, Tensor):
        starts: list[Tensor | None] = [given]
    else:
        starts = list(given)
    return roots, starts + [None] * (len(roots) - len(starts))


def _accumulate(leaf: Tensor, g: Tensor, create_graph: bool) -> None:
    found = extra(leaf)
    for hook in found.hooks or ():
        changed = hook(g)
        if changed is not None:
            g = changed
    if found.grad is None:
        found.grad = g
    elif create_graph:
        found.grad = apply("add", found.grad, g)
    else:
        before = set_grad(False)
        try:
            found.grad = apply("add", found.grad, g)
        finally:
            set_grad(before)


def _run(
    name: str,
    roots: list[Tensor],
    cotangents: list[Tensor | None],
    retain: bool,
    create: bool,
    wrt: list[Tensor] | None,
) -> list[tuple[Tensor, Tensor | None]]:
    """(tensor, gradient) for every leaf, or for every tensor of `wrt`."""
    _check_roots(name, roots, cotangents)
    rec = local.rec
    at = tuple(position_of(rec, r) for r in roots)
    starts = tuple(-1 if c is None else position_of(rec, c) for c in cotangents)
    wanted = None if wrt is None else tuple(position_of(rec, t) for t in wrt)
    for freed in rec.freed:
        if any(p in freed for p in at):
            raise _second_time(name)
    replayed = rec.histories and replay(name, rec, (*at, *(wanted or ())))
    retained = tuple(sorted(rec.retained)) if wrt is None else ()
    key = ("backward", at, starts, retain, create, wanted, retained)

    def build() -> tuple[Sequence[tuple[Node, Kind]], Any]:
        return _build(rec, at, starts, create, wanted, retained)

    state, made = step(rec, key, build)
    note = state.note
    if not retain:
        rec.freed.append(note.reached)
        if replayed:
            _free_entered(rec, note.reached)
    if wrt is not None:
        handles = iter(made)
        return [
            (t, next(handles) if p in note.leaves else None)
            for t, p in zip(wrt, wanted or (), strict=True)
        ]
    owners = rec.leaf_of
    return [
        (owners.get(p) or rec.handles[p], g) for p, g in zip(note.leaves, made, strict=True)
    ]


def position_of(rec: Recording, tensor: Tensor) -> int:
    """The tensor's position in the recording, entered when it isn't there."""
    return tensor._pos if tensor._rec is rec and tensor._pos >= 0 else enter(rec, tensor)


def _build(
    rec: Recording,
    at: tuple[int, ...],
    starts: tuple[int, ...],
    create: bool,
    wanted: tuple[int, ...] | None,
    retained: tuple[int, ...],
) -> tuple[Sequence[tuple[Node, Kind]], _Note]:
    """The nodes of the gradients: the grad pass over what was recorded."""
    known = rec.nodes()
    forward, back = _replay_maps(rec)
    outputs = [substitute(known[p][0], forward) for p in at]
    cotangents = [known[p][0] if p >= 0 else None for p in starts]
    inside = _differentiated(outputs)
    mapped = {p: forward.get(id(n), n) for p, (n, _) in enumerate(known)}
    if wanted is None:
        positions = [
            p for p, (_, kind) in enumerate(known)
            if kind.requires_grad and (kind.leaf or p in retained) and id(mapped[p]) in inside
        ]  # fmt: skip
    else:
        positions = list(dict.fromkeys(wanted))
    found = gradient(outputs, cotangents, [mapped[p] for p in positions])
    added = []
    leaves = []
    for p, g in zip(positions, found, strict=True):
        if g is None and wanted is None and known[p][1].leaf:
            g = full(known[p][0].shape, 0, known[p][0].dtype)
        if g is None:
            continue
        if not create:
            g = make(TABLE["stop_gradient"], (substitute(g, back),))
        leaves.append(p)
        added.append((g, kind_of(g.shape, g.dtype, create, not create)))
    if wanted is not None and len(set(wanted)) != len(wanted):
        added = [added[leaves.index(p)] for p in wanted if p in leaves]
    reached = frozenset(
        p for p, (_, kind) in enumerate(known)
        if kind.requires_grad and not kind.leaf and id(mapped[p]) in inside
    )  # fmt: skip
    return added, _Note(tuple(leaves), reached)


def _differentiated(outputs: Sequence[Node]) -> set[int]:
    """Ids of the nodes that a gradient of the outputs goes through; it ends at stop_gradient."""
    inside: set[int] = set()
    stack = list(outputs)
    while stack:
        node = stack.pop()
        if id(node) not in inside:
            inside.add(id(node))
            if node.op.name != "stop_gradient":
                stack.extend(node.src)
    return inside


def _check_roots(
    name: str, roots: Sequence[Tensor], cotangents: Sequence[Tensor | None]
) -> None:
    for root, cotangent in zip(roots, cotangents, strict=True):
        kind = root._kind
        if not kind.requires_grad:
            raise GradientError(
                message(
                    name, "nothing here requires a gradient",
                    "a tensor that no tensor with requires_grad=True led to",
                    "a result of tensors with requires_grad=True, outside no_grad()",
                    "set requires_grad=True where the parameters are made, and check for "
                    "detach(), no_grad(), integer results and argmax on the way",
                )
            ).at(user_line())  # fmt: skip
        if cotangent is None and kind.numel != 1:
            raise GradientError(
                message(
                    name, "several elements need a gradient to start from",
                    f"shape {tuple(kind.shape)}", "one element, as a loss has",
                    "reduce it first, e.g. loss.mean().backward(), or pass gradient=",
                )
            ).at(user_line())  # fmt: skip
        if cotangent is not None and cotangent._kind.shape != kind.shape:
            raise GradientError(
                message(
                    name, "the starting gradient does not fit",
                    f"{tuple(cotangent._kind.shape)}", f"{tuple(kind.shape)}",
                    "give it the shape of the tensor",
                )
            ).at(user_line())  # fmt: skip


def _second_time(name: str) -> GradientError:
    error = GradientError(
        message(
            name, "the graph was freed by an earlier backward()",
            "a second pass over the same results", "one pass, or a graph that is retained",
            "pass retain_graph=True to the first call, or add the losses before backward()",
        )
    )  # fmt: skip
    error.at(user_line())
    return error


# --- going on into earlier recordings -------------------------------------------------------------


class _Replayed:
    """Node maps of a replay step: input -> how it was computed, and back to known values."""

    __slots__ = ("back", "forward")

    def __init__(self, forward: dict[int, Node], back: dict[int, Node]) -> None:
        self.forward = forward
        self.back = back


def _replay_maps(rec: Recording) -> tuple[dict[int, Node], dict[int, Node]]:
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
    known = rec.nodes()
    inside = {id(n) for n in topological([known[p][0] for p in at])}
    needed = {
        p: history for p, _, _, history in rec.entered
        if history is not None and p not in rec.replayed and id(known[p][0]) in inside
    }  # fmt: skip
    if not needed:
        return bool(rec.replayed)
    if any(history is FREED for history in needed.values()):
        raise _second_time(name)
    wanted: dict[Segment, set[int]] = {}
    for segment, position in needed.values():
        wanted.setdefault(segment, set()).add(position)
    plan = _plan(name, wanted)
    placed: list[tuple[Segment, tuple[int, ...], list[tuple[Node, Any]], list[tuple[int, int]]]] = []
    for segment, positions, inputs, saved in plan:
        sources = [(node, _enter_input(rec, segment, node)) for node in inputs]
        kept = [(p, _enter_buffer(rec, segment, p)) for p in saved]
        placed.append((segment, positions, sources, kept))
    key = ("replay", tuple(needed.items()) if False else tuple(
        (segment.state, positions, tuple(s for _, s in sources), tuple(kept))
        for segment, positions, sources, kept in placed
    ), tuple((p, h[0].state, h[1]) for p, h in needed.items()))  # fmt: skip

    def build() -> tuple[Sequence[tuple[Node, Kind]], Any]:
        return (), _rebuild(rec, placed, needed)

    step(rec, key, build)
    rec.replayed.update(needed)
    return True


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
            if history is FREED:
                raise _second_time(name)
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
    """The segments' nodes on this recording's inputs; how to map inputs forward and results back."""
    known = rec.nodes()
    rebuilt: dict[tuple[Any, int], Node] = {}
    back: dict[int, Node] = {}
    for segment, positions, sources, kept in placed:
        made: dict[int, Node] = {}
        for node, where in sources:
            made[id(node)] = rebuilt[where[2], where[1]] if isinstance(where, tuple) else (
                known[where][0]
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


def _free_entered(rec: Recording, reached: frozenset[int]) -> None:
    """Histories that a backward() went through are let go of."""
    for p in rec.replayed:
        if p in reached:
            handle = rec.handles[p]
            if handle._extra is not None and handle._extra.history is rec.replayed[p]:
                handle._extra.history = FREED
