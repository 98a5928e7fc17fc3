"""Places: reuse, donation, and the order that keeps a failed step harmless."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from firth.base import dtype as dt
from firth.base.errors import IndexOutOfRange, VerifyError
from firth.ir.graph import Graph
from firth.ir.op import TABLE as T
from firth.ir.op import Expr, const_node, input_node
from firth.passes.pipeline import to_kernels
from firth.passes.plan import verify_order
from firth.runtime.buffer import from_array
from firth.targets.cpu import target as cpu
from tests.passes.graphs import graph_of
from tests.passes.test_fuse import FACTS


def test_dead_values_share_memory() -> None:
    def build(x: Expr, *ws: Expr) -> Expr:
        for w in ws:
            x = T["matmul"](x, w)
        return x

    graph = graph_of(build, (64, 64), *[(64, 64)] * 8)
    _, plan = to_kernels(graph, FACTS)
    assert plan.arena_bytes == 2 * 64 * 64 * 4  # seven values, two alive at a time


def donated(build: object, *arrays: np.ndarray) -> tuple[Graph, list[object]]:
    inputs = tuple(input_node(i, a.shape, dt.from_numpy(a.dtype)) for i, a in enumerate(arrays))
    outs = build(*map(Expr, inputs))  # type: ignore[operator]
    pairs = tuple((k, k) for k in range(len(outs)))
    graph = Graph(inputs, tuple(o.node for o in outs), pairs)
    return graph, [from_array(a) for a in arrays]


def test_donated_inputs_that_swap() -> None:
    a, b = np.arange(6, dtype=np.float32), np.arange(6, dtype=np.float32) * 10
    graph, buffers = donated(lambda x, y: (y, x), a, b)
    out = cpu.compile(graph).run(buffers)  # type: ignore[arg-type]
    assert out[0] is buffers[0]
    np.testing.assert_array_equal(out[0].view(dt.float32, (6,)), b)
    np.testing.assert_array_equal(out[1].view(dt.float32, (6,)), a)


def test_a_donated_input_without_elements() -> None:
    graph, buffers = donated(lambda x: (T["concatenate"](x, x, axis=0),), np.zeros(0, np.float32))
    assert cpu.compile(graph).run(buffers)[0] is buffers[0]  # type: ignore[arg-type]


def test_donated_input_read_elsewhere() -> None:
    a = np.arange(12, dtype=np.float32).reshape(3, 4)
    b = np.ones((4,), np.float32)
    graph, buffers = donated(
        lambda x, y: (x * 2.0, y + T["sum"](T["flip"](x, axes=(1,)), axes=(0,), keepdims=False)),
        a, b,
    )  # fmt: skip
    out = cpu.compile(graph).run(buffers)  # type: ignore[arg-type]
    np.testing.assert_array_equal(out[0].view(dt.float32, (3, 4)), a * 2)
    np.testing.assert_array_equal(out[1].view(dt.float32, (4,)), b + a[:, ::-1].sum(0))


def test_unaligned_read_is_not_in_place() -> None:
    a = np.arange(50000, dtype=np.float32)
    graph, buffers = donated(lambda x: (x + T["flip"](x, axes=(0,)),), a)
    out = cpu.compile(graph).run(buffers)  # type: ignore[arg-type]
    np.testing.assert_array_equal(out[0].view(dt.float32, a.shape), a + a[::-1])


def test_a_failed_step_changes_nothing() -> None:
    table = np.arange(20, dtype=np.float32).reshape(5, 4)
    state = np.ones((3, 4), np.float32)
    index = np.array([0, 7, 1])

    def build(w: Expr, s: Expr, i: Expr) -> tuple[Expr, Expr]:
        rows = T["gather"](w, i, axes=(0,))
        return w * 0.5, s + rows

    graph, buffers = donated(build, table, state, index)
    program = cpu.compile(graph)
    with pytest.raises(IndexOutOfRange, match="7"):
        program.run(buffers)  # type: ignore[arg-type]
    np.testing.assert_array_equal(buffers[0].view(dt.float32, (5, 4)), table)  # type: ignore[attr-defined]
    np.testing.assert_array_equal(buffers[1].view(dt.float32, (3, 4)), state)  # type: ignore[attr-defined]
    buffers[2] = from_array(np.array([0, 4, 1]))
    program.run(buffers)  # type: ignore[arg-type]
    np.testing.assert_array_equal(
        buffers[1].view(dt.float32, (3, 4)),
        state + table[[0, 4, 1]],  # type: ignore[attr-defined]
    )


def test_a_number_in_a_buffer_is_read_by_lookups_only() -> None:
    """Its kernel may come late: everybody else has the number in the code."""

    def build(x: Expr, i: Expr) -> list[Expr]:
        one = T["reshape"](Expr(const_node(1.0, dt.float32)), shape=(1,))
        padded = T["pad"](one, low=(7,), high=(0,), inner=(0,), value=0.0)
        return [x * padded, T["gather"](T["expand"](one, shape=(5,)), i, axes=(0,))]

    inputs = (input_node(0, (8,), dt.float32), input_node(1, (3,), dt.int64))
    graph = Graph(inputs, tuple(o.node for o in build(*map(Expr, inputs))))
    _, plan = to_kernels(graph, FACTS)
    verify_order(plan)
    x = np.arange(8, dtype=np.float32)
    first, second = cpu.compile(graph).run([from_array(x), from_array(np.array([0, 4, 2]))])
    np.testing.assert_array_equal(first.view(dt.float32, (8,)), [0, 0, 0, 0, 0, 0, 0, 7])
    np.testing.assert_array_equal(second.view(dt.float32, (3,)), 1)


def test_a_read_before_the_write_is_refused() -> None:
    _, plan = to_kernels(
        graph_of(lambda x, w: T["matmul"](T["matmul"](x, w), w), (4, 4), (4, 4)), FACTS
    )
    verify_order(plan)
    with pytest.raises(VerifyError, match="before it is written"):
        verify_order(replace(plan, steps=plan.steps[::-1]))
