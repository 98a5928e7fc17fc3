"""Gradients of what was recorded: the grad pass, its results as steps of the same recording."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from firth.base.errors import GradientError, message
from firth.ir.node import Node
from firth.ir.op import TABLE, make
from firth.passes.grad import full, gradient, substitute_all
from firth.tensor.handle import Kind, Tensor, extra, kind_of
from firth.tensor.record import apply, assign, local, set_grad, step, user_line
from firth.tensor.recording import Recording
from firth.tensor.replay import free_entered, position_of, replay, replay_maps, second_time
from firth.tensor.unwatched import OWN, unwatched


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
    session = local.rec.jit
    if session is not None:
        session.grad_read(leaf)
    if found.grad is None:
        found.grad = g
    elif session is not None and not create_graph and session.grads[id(leaf)][1] is found.grad:
        assign(found.grad, apply("add", found.grad, g))  # the one that is there at each call
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
            raise second_time(name)
    replayed = rec.histories and replay(name, rec, (*at, *(wanted or ())))
    retained = tuple(sorted(rec.retained)) if wrt is None else ()
    key = ("backward", at, starts, retain, create, wanted, retained)

    def build() -> tuple[Sequence[tuple[Node, Kind]], Any]:
        if all(node.op in OWN for node, _ in rec.nodes()):
            return unwatched(_build, rec, at, starts, create, wanted, retained)
        return _build(rec, at, starts, create, wanted, retained)

    state, made = step(rec, key, build)
    note = state.note
    if not retain:
        rec.freed.append(note.reached)
        if replayed:
            free_entered(rec, note.reached)
    if wrt is not None:
        handles = iter(made)
        return [
            (t, next(handles) if p in note.leaves else None)
            for t, p in zip(wrt, wanted or (), strict=True)
        ]
    owners = rec.leaf_of
    return [(owners.get(p, rec.handles[p]), g) for p, g in zip(note.leaves, made, strict=True)]


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
    forward, back = replay_maps(rec)
    outputs = substitute_all([known[p][0] for p in at], forward)
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
    if wanted is None:  # leaves that were reached without a gradient have one of zeros
        found = [
            full(mapped[p].shape, 0, mapped[p].dtype) if g is None and known[p][1].leaf else g
            for p, g in zip(positions, found, strict=True)
        ]
    leaves = [p for p, g in zip(positions, found, strict=True) if g is not None]
    made = [g for g in found if g is not None]
    if not create:
        made = [make(TABLE["stop_gradient"], (g,)) for g in substitute_all(made, back)]
    added = [(g, kind_of(g.shape, g.dtype, create, not create)) for g in made]
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


def _check_roots(name: str, roots: Sequence[Tensor], cotangents: Sequence[Tensor | None]) -> None:
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
        if cotangent is None and kind.dtype.is_complex:
            raise GradientError(
                message(
                    name, "a complex number is no loss", kind.dtype.name, "a real tensor",
                    "take its real part or abs(), or pass gradient=",
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
