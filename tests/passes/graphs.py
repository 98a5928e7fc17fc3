"""Small graphs that tests of passes share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

import firth.ops  # noqa: F401 (fills the table)
from firth.base import dtype as dt
from firth.ir.graph import Graph
from firth.ir.node import Shape
from firth.ir.op import TABLE as T
from firth.ir.op import Expr, input_node
from firth.runtime.buffer import from_array

Build = Callable[..., Expr | Sequence[Expr]]


def graph_of(build: Build, *shapes: Shape, dtype: dt.DType = dt.float32) -> Graph:
    """The graph of a function of inputs with the given shapes."""
    inputs = tuple(input_node(i, s, dtype) for i, s in enumerate(shapes))
    out = build(*map(Expr, inputs))
    outs = (out,) if isinstance(out, Expr) else out
    return Graph(inputs, tuple(o.node for o in outs))


def run(target: object, graph: Graph, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The graph's outputs for some inputs."""
    buffers = target.compile(graph).run([from_array(a) for a in arrays])  # type: ignore[attr-defined]
    return [b.view(o.dtype, o.shape).copy() for b, o in zip(buffers, graph.outputs, strict=True)]


def softmax(x: Expr) -> Expr:
    """Softmax along the last axis, in base ops."""
    axes = (x.ndim - 1,)
    e = T["exp"](x - T["amax"](x, axes=axes, keepdims=True))
    return e / T["sum"](e, axes=axes, keepdims=True)
