"""Control flow: switch, while_loop and scan, whose bodies are graphs kept as attributes.

Such a node has several results, which lie in its one value one after the other, as bytes; `result`
takes one out. They are host ops: the program hands over to a driver (here), which calls compiled
bodies; nothing is unrolled. How gradients, tangents and batches of them are made is written in
`firth/passes/flow.py` and `firth/ops/flow_batching.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.base.errors import ShapeError, message
from firth.ir.graph import Graph
from firth.ir.node import Node, Shape
from firth.ir.op import HOST, Op, declare
from firth.ir.text import Body
from firth.ops.rules import count

Arrays = Sequence[np.ndarray]
Run = Callable[[Arrays], list[np.ndarray]]  # a body, ready to be called
Runner = Callable[[Graph], Run]
Kinds = list[tuple[Shape, DType]]
_ALIGNMENT = 64


# --- results as bytes -----------------------------------------------------------------------------


def results(op: Op, attrs: dict[str, Any]) -> Kinds:
    """Shape and dtype of each result of a node of control flow."""
    return _KINDS[op.name](**attrs)


def is_flow(node: Node) -> bool:
    """Whether the node is control flow, with several results."""
    return node.op.name in _KINDS


def places(kinds: Kinds) -> tuple[list[int], int]:
    """Where each result begins, and the size of all, in bytes."""
    starts, size = [], 0
    for shape, dtype in kinds:
        starts.append(size)
        nbytes = count(shape) * dtype.itemsize
        size += -(-nbytes // _ALIGNMENT) * _ALIGNMENT
    return starts, size


def pack(kinds: Kinds, arrays: Arrays) -> np.ndarray:
    """The arrays as bytes, one after the other."""
    starts, size = places(kinds)
    out = np.zeros(size, np.uint8)
    for start, (shape, dtype), array in zip(starts, kinds, arrays, strict=True):
        n = count(shape) * dtype.itemsize
        out[start : start + n].view(dtype.np).reshape(shape)[...] = array
    return out


def _take(packed: np.ndarray, index: int, start: int, shape: Shape, dtype: DType) -> np.ndarray:
    n = count(shape) * dtype.itemsize
    return np.array(packed[start : start + n]).view(dtype.np).reshape(shape)


RESULT = declare(
    "result", family=HOST, attrs=("index", "start", "shape", "dtype"),
    doc="One of the results of control flow: all of them as bytes -> shape.",
    shape=lambda x, index, start, shape, dtype: shape,
    dtype=lambda x, index, start, shape, dtype: dtype, ref=_take,
)  # fmt: skip


# --- bodies ---------------------------------------------------------------------------------------


def reference(graph: Graph) -> Run:
    """A body by the NumPy meaning of its ops."""
    order = [n for n in graph.nodes() if n.op.name != "input"]

    def run(arrays: Arrays) -> list[np.ndarray]:
        values = {id(n): np.asarray(a) for n, a in zip(graph.inputs, arrays, strict=True)}
        for node in order:
            values[id(node)] = node.op.ref(*[values[id(s)] for s in node.src], **node.kwargs())
        return [values[id(o)] for o in graph.outputs]

    return run


def _kinds_of(nodes: Sequence[Node]) -> Kinds:
    return [(n.shape, n.dtype) for n in nodes]


def _check(name: str, what: str, got: Kinds, expected: Kinds) -> None:
    for k, (a, b) in enumerate(zip(got, expected, strict=False)):
        if a != b:
            raise ShapeError(
                message(name, f"{what} {k} does not fit", f"{a[1].name}{list(a[0])}",
                        f"{b[1].name}{list(b[0])}", "make both the same, e.g. with .to(dtype)")
            )  # fmt: skip
    if len(got) != len(expected):
        raise ShapeError(
            message(name, f"the number of {what}s differs", str(len(got)), str(len(expected)),
                    "nest what goes in and what comes out alike")
        )  # fmt: skip


def _check_sources(name: str, shapes: Sequence[Shape], inputs: Sequence[Node]) -> None:
    expected = [n.shape for n in inputs]
    if list(shapes) != expected:
        raise ShapeError(
            message(name, "sources do not fit the body", str(list(shapes)), str(expected),
                    "make the body for these shapes")
        )  # fmt: skip


def _bytes(*dtypes: DType, **_: Any) -> DType:
    return dt.uint8


def _flow(
    name: str, doc: str, attrs: tuple[str, ...], kinds: Callable[..., Kinds],
    check: Callable[..., None], drive: Callable[..., list[np.ndarray]],
) -> Op:  # fmt: skip
    """Declares control flow: drive(runner, sources, **attrs) computes all results."""

    def shape_rule(*shapes: Shape, **o: Any) -> Shape:
        check(shapes, **o)
        return (places(kinds(**o))[1],)

    def meaning(*arrays: np.ndarray, **o: Any) -> np.ndarray:
        return pack(kinds(**o), drive(reference, arrays, **o))

    _KINDS[name], _DRIVERS[name] = kinds, drive
    return declare(
        name, family=HOST, arity=None, attrs=attrs, doc=doc, shape=shape_rule, dtype=_bytes,
        ref=meaning,
    )  # fmt: skip


_KINDS: dict[str, Callable[..., Kinds]] = {}
_DRIVERS: dict[str, Callable[..., list[np.ndarray]]] = {}


def driven(name: str, runner: Runner) -> Callable[..., np.ndarray]:
    """The op with bodies made ready by `runner`: (*arrays, **attrs) -> bytes."""
    made: dict[int, tuple[Graph, Run]] = {}

    def ready(graph: Graph) -> Run:
        if id(graph) not in made:
            made[id(graph)] = graph, runner(graph)
        return made[id(graph)][1]

    def run(*arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        return pack(_KINDS[name](**attrs), _DRIVERS[name](ready, arrays, **attrs))

    return run


# --- switch ---------------------------------------------------------------------------------------


def _switch_check(shapes: Sequence[Shape], bodies: tuple[Body, ...]) -> None:
    if not bodies or shapes[0] != ():
        raise ShapeError(
            message("switch", "the index is not one number, or there are no branches",
                    f"index {shapes[0]}, {len(bodies)} branches", "() int64 and at least one",
                    "reduce the condition, e.g. with .any()")
        )  # fmt: skip
    for body in bodies:
        _check("switch", "result", _kinds_of(body.graph.outputs),
               _kinds_of(bodies[0].graph.outputs))  # fmt: skip
        _check_sources("switch", shapes[1:], body.graph.inputs)


def _switch(runner: Runner, arrays: Arrays, bodies: tuple[Body, ...]) -> list[np.ndarray]:
    which = min(max(int(arrays[0]), 0), len(bodies) - 1)
    return runner(bodies[which].graph)(arrays[1:])


SWITCH = _flow(
    "switch",
    "The results of the body with this number, the nearest one outside: index () int64, sources "
    "of the bodies -> their results.",
    ("bodies",), lambda bodies: _kinds_of(bodies[0].graph.outputs), _switch_check, _switch,
)  # fmt: skip


# --- while_loop -----------------------------------------------------------------------------------


def _while_check(shapes: Sequence[Shape], cond: Body, body: Body) -> None:
    outs, ins = _kinds_of(body.graph.outputs), _kinds_of(body.graph.inputs)
    _check("while_loop", "carried value", outs, ins[: len(outs)])
    _check("while_loop", "condition", _kinds_of(cond.graph.outputs), [((), dt.bool_)])
    _check_sources("while_loop", shapes, body.graph.inputs)
    _check_sources("while_loop", shapes, cond.graph.inputs)


def _while(runner: Runner, arrays: Arrays, cond: Body, body: Body) -> list[np.ndarray]:
    carried = len(body.graph.outputs)
    values, rest = list(arrays[:carried]), list(arrays[carried:])
    goes_on, step = runner(cond.graph), runner(body.graph)
    while bool(goes_on([*values, *rest])[0]):
        values = step([*values, *rest])
    return values


WHILE = _flow(
    "while_loop",
    "What the body makes of the carried values again and again, as long as the condition holds: "
    "carried values, then what does not change -> carried values.",
    ("cond", "body"), lambda cond, body: _kinds_of(body.graph.outputs), _while_check, _while,
)  # fmt: skip


# --- scan -----------------------------------------------------------------------------------------


def _scan_kinds(
    body: Body, carried: int, rows: int, length: int, reverse: bool, kept: bool
) -> Kinds:
    outs = _kinds_of(body.graph.outputs)
    made = [(s, d) for s, d in outs[:carried]]
    made += [((length, *s), d) for s, d in outs[carried:]]
    return made + ([((length, *s), d) for s, d in outs[:carried]] if kept else [])


def _scan_check(
    shapes: Sequence[Shape], body: Body, carried: int, rows: int, length: int, reverse: bool,
    kept: bool,
) -> None:  # fmt: skip
    ins, outs = _kinds_of(body.graph.inputs), _kinds_of(body.graph.outputs)
    _check("scan", "carried value", outs[:carried], ins[:carried])
    wide = [(length, *s) for s, _ in ins[carried : carried + rows]]
    expected = [*(s for s, _ in ins[:carried]), *wide, *(s for s, _ in ins[carried + rows :])]
    if list(shapes) != expected:
        raise ShapeError(
            message("scan", "sources do not fit the body", str(list(shapes)), str(expected),
                    "give xs that are as long as each other")
        )  # fmt: skip


def _scan(
    runner: Runner, arrays: Arrays, body: Body, carried: int, rows: int, length: int,
    reverse: bool, kept: bool,
) -> list[np.ndarray]:  # fmt: skip
    kinds = _scan_kinds(body, carried, rows, length, reverse, kept)
    values, step = list(arrays[:carried]), runner(body.graph)
    xs, rest = arrays[carried : carried + rows], arrays[carried + rows :]
    wide = [np.empty(s, d.np) for s, d in kinds[carried:]]
    ys, before = wide[: len(wide) - carried * kept], wide[len(wide) - carried * kept :]
    for i in reversed(range(length)) if reverse else range(length):
        for history, value in zip(before, values, strict=kept):
            history[i] = value
        made = step([*values, *(x[i] for x in xs), *rest])
        values = made[:carried]
        for y, row in zip(ys, made[carried:], strict=True):
            y[i] = row
    return [*values, *wide]


SCAN = _flow(
    "scan",
    "The body along the first dimension of xs, with values carried from step to step: carried "
    "values, xs (length, ...), what does not change -> carried values, ys (length, ...), and if "
    "kept the carried values before each step (length, ...).",
    ("body", "carried", "rows", "length", "reverse", "kept"), _scan_kinds, _scan_check, _scan,
)  # fmt: skip


FLOWS = frozenset(_KINDS)

# --- making nodes ---------------------------------------------------------------------------------


def call(op: Op, src: Sequence[Node], **attrs: Any) -> list[Node]:
    """A node of control flow on these sources; its results."""
    from_op = op(*src, **attrs).node
    kinds = results(op, attrs)
    starts, _ = places(kinds)
    return [
        RESULT(from_op, index=i, start=start, shape=shape, dtype=dtype).node
        for i, (start, (shape, dtype)) in enumerate(zip(starts, kinds, strict=True))
    ]
