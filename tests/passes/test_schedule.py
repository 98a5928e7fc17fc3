"""From clusters to kernels: order, storage, values that cannot be computed in place."""

from __future__ import annotations

import pytest

from firth.base import dtype as dt
from firth.ir.kernel_text import kernel_text
from firth.ir.node import Node
from firth.ir.op import TABLE as T
from firth.ir.op import Expr
from firth.passes import schedule as module
from firth.passes.pipeline import to_base
from firth.passes.schedule import Schedule, schedule
from tests.passes.facts import FACTS
from tests.passes.graphs import Build, graph_of, softmax


def written(steps: Schedule) -> list[list[str]]:
    """The ops whose buffers each kernel writes."""
    out = []
    for call in steps.calls:
        buffers = [b for b in call.kernel.buffers if not b.scratch]
        pairs = zip(buffers, call.arguments, strict=True)
        out.append([node.op.name for b, node in pairs if b.written])
    return out


def test_every_argument_is_an_input_or_was_written_before() -> None:
    graph = graph_of(
        lambda x, w: softmax(T["matmul"](T["tanh"](T["matmul"](x, w)), w)), (6, 6), (6, 6)
    )
    steps = schedule(graph, FACTS)
    ready: set[int] = {id(n) for n in graph.inputs}
    for call in steps.calls:
        buffers = [b for b in call.kernel.buffers if not b.scratch]
        for buffer, node in zip(buffers, call.arguments, strict=True):
            assert buffer.written or id(node) in ready
            assert buffer.dtype is node.dtype
        ready |= {id(n) for b, n in zip(buffers, call.arguments, strict=True) if b.written}
    assert id(graph.outputs[0]) in ready


CASES: dict[str, tuple[Build, tuple[tuple[int, ...], ...], list[list[str]]]] = {
    "one chain": (lambda x: T["exp"](x * 2.0), ((9,),), [["exp"]]),
    "a lookup reads stored values": (
        lambda x, i: T["gather"](T["tanh"](x), T["cast"](i, dtype=dt.int64), axes=(0,)),
        ((9, 3), (4,)),
        [["tanh"], ["gather"]],
    ),
    "sorting needs its keys in memory": (
        lambda x: T["argsort"](x * 2.0, axis=0, descending=False),
        ((9,),),
        [["mul"], ["argsort"]],
    ),
    "a copy in two parts": (
        lambda x, y: T["concatenate"](x, y, axis=0),
        ((4,), (5,)),
        [["concatenate"], ["concatenate"]],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_kernels(name: str) -> None:
    build, shapes, kernels = CASES[name]
    assert written(schedule(graph_of(build, *shapes), FACTS)) == kernels


def test_without_fusion_every_value_is_stored() -> None:
    graph = graph_of(lambda x: T["exp"](T["tanh"](x) * x) + x, (7,))
    apart = schedule(graph, FACTS, fused=False)
    computed = [n for n in graph.nodes() if n.op.name != "input"]
    assert len(apart.calls) == len(computed) == 4
    assert all(isinstance(apart.stored[id(n)], Node) for n in computed)
    assert len(schedule(graph, FACTS).calls) == 1


def test_places_that_can_fail_are_numbered() -> None:
    graph = graph_of(lambda x, y: T["remainder"](x // y, y), (5,), (5,), dtype=dt.int32)
    steps = schedule(graph, FACTS)
    assert [(s.op, s.kind) for s in steps.sites.table] == [
        ("floor_divide", "division"),
        ("remainder", "division"),
    ]
    assert [c.checks for c in steps.calls] == [True]


def test_clusters_keep_their_kernels_when_grouping_starts_again(monkeypatch) -> None:
    def build(x: Expr, w: Expr) -> Expr:
        y = T["exp"](x)  # cheap to compute again, but not through this reshape
        z = T["sum"](T["reshape"](y, shape=(3, 8)) + w, axes=(1,), keepdims=True)
        square = T["matmul"](w, T["permute"](w, axes=(1, 0)))  # not touched by that
        apart = T["sum"](square, axes=(0, 1), keepdims=False)
        return T["tanh"](z * w) + T["sum"](y * 2.0, axes=(0, 1), keepdims=False) + apart

    graph = to_base(graph_of(build, (4, 6), (3, 8)))
    made = []
    one = module._cluster
    monkeypatch.setattr(module, "_cluster", lambda *a: made.append(a[1]) or one(*a))
    reused = [kernel_text(c.kernel) for c in schedule(graph, FACTS).calls]
    few = len(made)
    monkeypatch.setattr(module, "_key", lambda *_: object())
    assert [kernel_text(c.kernel) for c in schedule(graph, FACTS).calls] == reused
    assert few < len(made) - few
