"""Every smooth op: gradients against central differences in float64 and complex128, two orders."""

from __future__ import annotations

import numpy as np
import pytest

from firth import ops
from firth.base import dtype as dt
from firth.ir.graph import Graph
from firth.ir.node import Node
from firth.ir.op import Op, input_node
from firth.ops.rules import LOOSE, Case
from firth.passes.grad import gradient
from tests.table.table_tools import OPS, TARGETS, apply, close, rng, run, samples

STEP = 1e-5
WIDE = (dt.float64, dt.complex128)
SMOOTH = [op for op in OPS if op.sample.smooth and set(op.sample.dtypes) & set(WIDE)]


def cases_of(op: Op) -> list[Case]:
    """The 64-bit samples whose result is a float or complex, and not empty."""
    found = [case for _, case in samples(op, WIDE)]
    return [c for c in found if _is_float(apply(op, c.args, c.attrs).outputs[0])]


def _is_float(node: Node) -> bool:
    return node.dtype.kind in "fc" and 0 not in node.shape


def real_part(node: Node) -> Node:
    """What a loss may be made of: both parts of a complex value, with weights of their own."""
    return ops.real(ops.mul(node, 0.75 - 0.5j)).node if node.dtype.is_complex else node


def differences(graph: Graph, args: list[np.ndarray], directions: list[np.ndarray]) -> float:
    """The derivative of the sum of the graph's outputs along a direction."""
    sides = []
    for sign in (1, -1):
        moved = [
            a + sign * STEP * d if a.dtype in (np.float64, np.complex128) else a
            for a, d in zip(args, directions, strict=True)
        ]
        sides.append(sum(float(out.sum()) for out in run(graph, moved)))
    return (sides[0] - sides[1]) / (2 * STEP)


def direction(generator: np.random.Generator, a: np.ndarray) -> np.ndarray:
    """A random direction to go from a."""
    drawn = generator.standard_normal(a.shape)
    return drawn + 1j * generator.standard_normal(a.shape) if a.dtype.kind == "c" else drawn


def check(graph: Graph, args: list[np.ndarray], op: Op) -> Graph | None:
    """Compares the gradient of the graph's sum along a random direction; the gradient's graph."""
    places = [i for i, n in enumerate(graph.inputs) if n.dtype in WIDE]
    wrt = [graph.inputs[i] for i in places]
    found = gradient(graph.outputs, [None] * len(graph.outputs), wrt)
    kept = [(i, g) for i, g in zip(places, found, strict=True) if g is not None]
    if not kept:
        return None
    grads = Graph(graph.inputs, tuple(g for _, g in kept))
    values = dict(zip((i for i, _ in kept), run(grads, args), strict=True))
    generator = rng(op)
    directions = [
        direction(generator, a) if i in values else np.zeros_like(a) for i, a in enumerate(args)
    ]
    expected = differences(graph, args, directions)
    got = sum(float((v.conj() * directions[i]).real.sum()) for i, v in values.items())
    scale = sum(float(np.abs(v * directions[i]).sum()) for i, v in values.items())
    assert np.isfinite(got) and abs(got - expected) <= 1e-6 * (1 + scale), (got, expected)
    return grads


def weighted(op: Op, case: Case) -> tuple[Graph, list[np.ndarray]]:
    """The call times a random weight of its own shape, so that its sum depends on every part."""
    graph = apply(op, case.args, case.attrs)
    out = graph.outputs[0]
    weight = input_node(len(case.args), out.shape, dt.float64)
    product = real_part(ops.mul(out, weight).node)
    values = rng(op).uniform(0.5, 1.5, out.shape)
    return Graph((*graph.inputs, weight), (product,)), [*map(np.asarray, case.args), values]


@pytest.mark.parametrize("op", SMOOTH, ids=lambda op: op.name)
def test_gradients_of_both_orders(op: Op) -> None:
    for case in cases_of(op):
        graph, args = weighted(op, case)
        grads = check(graph, args, op)
        if grads is not None:
            outputs = [real_part(g) for g in grads.outputs if _is_float(g)]
            if outputs:
                check(Graph(grads.inputs, tuple(outputs)), args, op)


@pytest.mark.parametrize("op", SMOOTH, ids=lambda op: op.name)
@pytest.mark.parametrize("target", [t for t in TARGETS if t != "ref"])
def test_target_agrees_with_ref(op: Op, target: str) -> None:
    for dtype in (dt.float64, dt.float32, dt.bfloat16, dt.complex64):
        found = [case for _, case in samples(op, [dtype])][: 3 if dtype is dt.float64 else 1]
        for case in found:
            graph = apply(op, case.args, case.attrs)
            wrt = [n for n in graph.inputs if n.dtype.kind in "fc"]
            grads = gradient(graph.outputs, [None] * len(graph.outputs), wrt)
            outputs = tuple(g for g in grads if g is not None)
            if not outputs:
                continue
            both = Graph(graph.inputs, (*graph.outputs, *outputs))
            tolerance = 4 * LOOSE[dtype]
            for a, b in zip(run(both, case.args, target), run(both, case.args), strict=True):
                close(a, b, tolerance)
