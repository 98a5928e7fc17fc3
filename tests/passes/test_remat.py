"""Values computed again to save memory: less of it, and the same results."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from firth.base import dtype as dt
from firth.ir.graph import Graph
from firth.ir.kernel_key import kernel_key
from firth.ir.op import TABLE as T
from firth.ir.op import Expr, input_node
from firth.passes import pipeline
from firth.passes.checks import failing
from firth.passes.plan import Plan, verify_order
from firth.passes.remat import fullest
from firth.passes.schedule import Schedule
from firth.targets.cpu import facts as host
from firth.targets.cpu import target as cpu
from firth.targets.ref import target as ref
from tests.passes.facts import FACTS
from tests.passes.graphs import graph_of, run

LAYERS, ROWS, WIDTH = 8, 256, 256
SHAPES = ((ROWS, WIDTH), *((WIDTH, WIDTH),) * LAYERS)
CROWDED = replace(FACTS, crowded=1 << 20)


def product(a: Expr, b: Expr) -> Expr:
    return T["contract"](a, b, a_labels=(0, 1), b_labels=(1, 2), out_labels=(0, 2))


def network(x: Expr, *weights: Expr) -> list[Expr]:
    """Products with x * tanh(x) behind them, and the gradients of the weights."""
    inputs, sums = [x], []
    for w in weights:
        sums.append(product(inputs[-1], w))
        inputs.append(sums[-1] * T["tanh"](sums[-1]))
    gradient = inputs.pop()
    out = []
    for w, s, before in zip(weights[::-1], sums[::-1], inputs[::-1], strict=True):
        t = T["tanh"](s)
        gradient = gradient * (t + s * (1 - t * t))
        out.append(product(T["permute"](before, axes=(1, 0)), gradient))
        gradient = product(gradient, T["permute"](w, axes=(1, 0)))
    return out


def residual(x: Expr, *weights: Expr) -> list[Expr]:
    """x + (c * tanh(c)) @ w for each weight, where c is x less its rows' means, and then, from the
    last weight to the first, products with both factors."""
    inputs = []
    for w in weights:
        inputs.append(x - T["sum"](x, axes=(1,), keepdims=True) * (1 / WIDTH))
        x = x + product(inputs[-1] * T["tanh"](inputs[-1]), w)
    out = []
    for c, w in zip(inputs[::-1], weights[::-1], strict=True):
        out.append(product(T["permute"](c * T["tanh"](c), axes=(1, 0)), x))
        x = product(x, T["permute"](w, axes=(1, 0))) * c
    return out


def embedded(table: Expr, positions: Expr, *weights: Expr) -> list[Expr]:
    """The same network behind a lookup, and the gradient of its table."""
    found = T["gather"](table, positions, axes=(0,))
    *out, last = network(found, *weights)
    change = T["scatter"](table * 0, found * last, positions, axes=(0,), mode="add")
    return [*out, last, change]


def live(plan: Plan) -> int:
    at = fullest(plan)
    return sum(v.bytes for v in plan.values if v.first <= at <= v.last)


def test_results_and_derivatives_are_computed_again_from_the_sums() -> None:
    graph = pipeline.to_base(graph_of(network, *SHAPES))
    _, before = pipeline.place(graph, FACTS)
    steps, after = pipeline.place(graph, CROWDED)
    verify_order(after)
    value = 4 * ROWS * WIDTH
    # Two values of each layer were kept, now one is; and a few that the present layer needs.
    assert before.arena_bytes >= (2 * LAYERS - 1) * value
    assert after.arena_bytes <= (LAYERS + 3) * value
    assert steps.again
    assert live(after) <= after.arena_bytes


def test_of_two_values_the_one_that_others_read_is_kept() -> None:
    graph = pipeline.to_base(graph_of(residual, *SHAPES))
    _, plan = pipeline.place(graph, CROWDED)
    at = fullest(plan)
    large = [v for v in plan.values if v.bytes == 4 * ROWS * WIDTH and v.made < at < v.last]
    assert LAYERS - 2 <= len(large) <= LAYERS + 1
    assert {v.node.op.name for v in large} == {"add"}


def lookups() -> Graph:
    inputs = [input_node(0, SHAPES[0], dt.float32), input_node(1, (ROWS,), dt.int64)]
    inputs += [input_node(i, s, dt.float32) for i, s in enumerate(SHAPES[1:], 2)]
    outs = embedded(*map(Expr, inputs))
    return Graph(tuple(inputs), tuple(o.node for o in outs))


def test_what_was_looked_up_in_an_input_is_looked_up_again() -> None:
    steps, plan = pipeline.place(pipeline.to_base(lookups()), CROWDED)
    verify_order(plan)
    at = fullest(plan)
    assert not [v for v in plan.values if v.node.op.name == "gather" and v.first < at < v.last]
    assert steps.again


def test_late_lookups_hold_up_no_update() -> None:
    steps, _ = pipeline.place(pipeline.to_base(lookups()), CROWDED)
    checking = [k for k, call in enumerate(steps.calls) if call.checks]
    assert len(checking) > 2  # the first lookup, late ones, and the gradient's
    assert failing(steps.calls) == 1 << checking[0]


def test_what_a_product_reads_again_is_made_just_before() -> None:
    graph = pipeline.to_base(graph_of(network, *SHAPES))
    steps, plan = pipeline.place(graph, CROWDED)
    again = [v for v in plan.values if id(v.node) in steps.again]
    assert again
    assert all(v.last - v.first == 1 for v in again)


def test_small_programs_are_left() -> None:
    graph = pipeline.to_base(graph_of(network, *SHAPES))
    steps, _ = pipeline.place(graph, FACTS)
    assert not steps.again


def test_the_first_kernels_are_told_and_most_of_them_stay() -> None:
    graph = pipeline.to_base(graph_of(network, *SHAPES))
    told: list[Schedule] = []
    steps, plan = pipeline.place(graph, CROWDED, early=told.append)
    assert steps.again and len(told) == 1
    kernels = [{kernel_key(k) for k in ks} for ks in (
        [c.kernel for c in told[0].calls], [s.kernel for s in plan.steps]
    )]  # fmt: skip
    assert kernels[0] & kernels[1]


GRAPHS = {
    "network": lambda: graph_of(network, *SHAPES),
    "residual": lambda: graph_of(residual, *SHAPES),
    "lookups": lookups,
}


@pytest.mark.parametrize("name", GRAPHS)
def test_same_results(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    crowded = replace(host.host(), crowded=1 << 20)
    graph = GRAPHS[name]()
    rng = np.random.default_rng(0)
    arrays = [
        rng.standard_normal(n.shape).astype(np.float32) / 12
        if n.dtype is dt.float32
        else rng.integers(0, ROWS, n.shape)
        for n in graph.inputs
    ]
    plain = run(cpu, graph, arrays)
    monkeypatch.setattr(host, "host", lambda: crowded)
    again = run(cpu, GRAPHS[name](), arrays)
    for a, b, want in zip(plain, again, run(ref, graph, arrays), strict=True):
        np.testing.assert_allclose(b, want, rtol=2e-3, atol=1e-4)
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
