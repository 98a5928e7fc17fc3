"""A program by formula is what the compiler makes of the same extents, field by field."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from firth import ops
from firth.base import dtype as dt
from firth.ir.graph import Graph
from firth.ir.op import Expr, input_node
from firth.targets.cpu import compiler, target, templates

SIZES = (2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 100, 127, 128, 129, 500, 1000, 5000)
x32 = lambda i, *shape: Expr(input_node(i, shape, dt.float32))
BINARY: dict[str, Callable[[int], Expr]] = {
    "add": lambda n: x32(0, n, 6) + x32(1, n, 6),
    "broadcast": lambda n: x32(0, n, 6) * x32(1, 6) - x32(2, n, 1),
    "mean": lambda n: ops.mean(x32(0, n, 6), axes=(0,), keepdims=False),
    "variance of rows": lambda n: ops.var(x32(0, 4, n), axes=(1,), keepdims=True, correction=1),
    "softmax": lambda n: ops.softmax(x32(0, 3, n), axis=1),
    "matmul": lambda n: ops.matmul(x32(0, n, 30), x32(1, 30, n)),
    "running sum": lambda n: ops.cumulate(x32(0, n, 3), axis=0, kind="add"),
    "sort": lambda n: ops.argsort(x32(0, n, 3), axis=0, descending=False),
    "largest": lambda n: ops.argmax(x32(0, n, 3), axis=0, keepdims=False),
    "take": lambda n: ops.take(x32(0, n, 3), Expr(input_node(1, (5,), dt.int64)), axis=0),
    "slices": lambda n: ops.slice(x32(0, n, 9), starts=(1, 0), sizes=(n - 1, 3), steps=(1, 3)),
    "crossed": lambda n: ops.permute(x32(0, n, 40), axes=(1, 0)) + 1.0,
    "joined": lambda n: ops.concatenate(x32(0, n, 3), x32(1, n + 4, 3), axis=0),
}


@pytest.mark.parametrize("name", BINARY)
def test_the_same_program(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[Any] = []
    monkeypatch.setattr(templates.plans, "program", lambda fields, _: taken.append(fields))
    traces = 0
    whole = templates._traced

    def counted(*given: Any) -> Any:
        nonlocal traces
        traces += 1
        return whole(*given)

    monkeypatch.setattr(templates, "_traced", counted)
    templates._known.clear()
    for n in (*SIZES, *SIZES):
        root = BINARY[name](n).node
        inputs = {s.attrs[0]: s for s in Graph((), (root,)).nodes() if s.op.name == "input"}
        graph = Graph(tuple(inputs[i] for i in sorted(inputs)), (root,))
        structure, _ = target._signature(graph)
        templates.program(graph, structure)
        fields, _, _ = compiler.build_fields(graph, True, True)
        assert taken[-1] == fields, f"{n} of {name}"
    assert traces < len(SIZES)  # the second round, at the least, needs none
