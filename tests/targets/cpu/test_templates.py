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


@pytest.fixture
def traces(monkeypatch: pytest.MonkeyPatch) -> list[Graph]:
    """The graphs that are traced, of structures that nobody has seen."""
    found: list[Graph] = []
    whole = templates._traced

    def counted(graph: Graph, *rest: Any) -> Any:
        found.append(graph)
        return whole(graph, *rest)

    monkeypatch.setattr(templates, "_traced", counted)
    templates._known.clear()
    return found


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The fields of programs that would be made."""
    found: list[Any] = []
    monkeypatch.setattr(templates.plans, "program", lambda fields, _: found.append(fields))
    return found


def graph_of(root: Expr) -> Graph:
    inputs = {s.attrs[0]: s for s in Graph((), (root.node,)).nodes() if s.op.name == "input"}
    return Graph(tuple(inputs[i] for i in sorted(inputs)), (root.node,))


@pytest.mark.parametrize("name", BINARY)
def test_the_same_program(name: str, taken: list[Any], traces: list[Graph]) -> None:
    for n in (*SIZES, *SIZES):
        graph = graph_of(BINARY[name](n))
        templates.program(graph, target._signature(graph)[0])
        fields, _, _ = compiler.build_fields(graph, True, True)
        assert taken[-1] == fields, f"{n} of {name}"
    assert len(traces) < len(SIZES)  # the second round, at the least, needs none


def test_products_small_and_large_have_one_formula(taken: list[Any], traces: list[Graph]) -> None:
    for n in (33, 61, 100, 300, 700, 5000):
        graph = graph_of(ops.matmul(x32(0, 2, n, 8), x32(1, 2, 8, n)))
        templates.program(graph, target._signature(graph)[0])
    assert len(traces) == 1
