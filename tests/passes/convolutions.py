"""Graphs of 3x3 convolutions, and their kernels run on arrays: for tests of Winograd."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from firth.base.facts import TargetFacts
from firth.ir.graph import Graph
from firth.ir.node import Node
from firth.ir.op import TABLE as T
from firth.ir.op import Expr
from firth.passes.pipeline import place, to_base, to_kernels
from firth.passes.stored import strip
from tests.codegen.harness import facts
from tests.codegen.harness import run as run_kernel
from tests.passes.graphs import graph_of

WIDE = TargetFacts(
    *(getattr(facts(64), f) for f in ("triple", "cpu", "features")), 64, 32, True, True
)
MACHINES = {
    "avx2": facts(32), "avx512": WIDE, "neon": facts(16, masked=False),
    "plain": facts(32, masked=False, fma=False),
}  # fmt: skip


def conv(x: Expr, w: Expr, *bias: Expr, padding: int = 1) -> Expr:
    """A 3x3 convolution with stride 1."""
    pairs = ((padding, padding),) * 2
    options = {"stride": (1, 1), "padding": pairs, "dilation": (1, 1), "groups": 1}
    return T["conv"](x, w, *bias, **options)


def gradients(x: Expr, w: Expr, g: Expr) -> tuple[Expr, Expr]:
    """Those of the input and of the weights, given that of the result."""
    rule = T["conv"].vjp
    assert rule is not None
    y = conv(x, w)
    return tuple(rule(g, y, x, w, **y.node.kwargs()))  # type: ignore[return-value]


def sizes(n: int, c: int, o: int, h: int, w: int) -> tuple[tuple[int, ...], ...]:
    """Shapes of the input, the weights and the result."""
    return (n, c, h, w), (o, c, 3, 3), (n, o, h, w)


def contraction(*shape: int, gradient: bool = False) -> Node:
    """The contraction that a convolution, or the gradient of its weights, lowers to."""
    x, w, g = sizes(*shape)
    if gradient:
        graph = to_base(graph_of(lambda a, b, c: gradients(a, b, c)[1], x, w, g))
    else:
        graph = to_base(graph_of(conv, x, w))
    (found,) = [n for n in graph.nodes() if n.op.name == "contract"]
    return found


def names(graph: Graph, target: TargetFacts, generic: bool = False) -> list[str]:
    """Of the kernels of a graph."""
    return [c.kernel.name for c in to_kernels(graph, target, generic)[0].calls]


def run(graph: Graph, target: TargetFacts, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The outputs of a graph, kernel by kernel, by the code for some machine."""
    lowered = to_base(graph)
    memory = {
        id(n): np.ascontiguousarray(a).reshape(-1)
        for n, a in zip(lowered.inputs, arrays, strict=True)
    }
    for call in place(lowered, target)[0].calls:
        buffers = [b for b in call.kernel.buffers if not b.scratch]
        for node, buffer in zip(call.arguments, buffers, strict=True):
            if id(node) not in memory:
                memory[id(node)] = np.full(buffer.elements, np.nan, np.float32)
        run_kernel(call.kernel, [memory[id(n)] for n in call.arguments], target)
    return [memory[id(strip(o))].reshape(o.shape) for o in lowered.outputs]


def rms(found: np.ndarray, wanted: np.ndarray) -> float:
    """The root of the mean squared error, relative to the values."""
    return float(np.sqrt(np.mean((found - wanted) ** 2) / np.mean(wanted**2)))
