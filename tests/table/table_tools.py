"""Runs table ops on targets: one graph per call, compared by tolerance."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np

from firth import ops, targets
from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.ir.graph import Graph, topological
from firth.ir.node import Node
from firth.ir.op import Expr, Op, input_node, make
from firth.ops.rules import Case
from firth.runtime.buffer import from_array

TARGETS = ["ref"] + (["cpu"] if importlib.util.find_spec("firth.targets.cpu.target") else [])
OPS = [op for op in ops.TABLE.values() if op.sample is not None]


def rng(op: Op) -> np.random.Generator:
    """The same numbers for an op whichever tests run."""
    return np.random.default_rng(sum(map(ord, op.name)))


def samples(op: Op, dtypes: Sequence[DType] | None = None) -> Iterator[tuple[DType, Case]]:
    """Every sample of an op, with the dtype that it was drawn for."""
    generator = rng(op)
    for dtype in op.sample.dtypes:
        if dtypes is None or dtype in dtypes:
            for case in op.sample.draw(generator, dtype):
                yield dtype, case


def inputs(args: Sequence[Any]) -> tuple[Node, ...]:
    """One input node per array."""
    arrays = [np.asarray(a) for a in args]
    return tuple(input_node(i, a.shape, dt.from_numpy(a.dtype)) for i, a in enumerate(arrays))


def apply(op: Op, args: Sequence[Any], attrs: dict[str, Any]) -> Graph:
    """The graph of one call."""
    nodes = inputs(args)
    return Graph(nodes, (make(op, nodes, op.bind(attrs)),))


def run(graph: Graph, args: Sequence[Any], target: str = "ref") -> list[np.ndarray]:
    """The graph's outputs as arrays."""
    buffers = [from_array(np.ascontiguousarray(a)) for a in args]
    found = targets.get(target).compile(graph).run(buffers)
    return [b.view(n.dtype, n.shape) for b, n in zip(found, graph.outputs, strict=True)]


def expand_bodies(roots: Sequence[Node], everything: bool = True) -> list[Node]:
    """The roots with composed ops replaced by their bodies, all the way down."""
    new: dict[int, Node] = {}
    for node in topological(roots):
        src = tuple(new[id(s)] for s in node.src)
        if node.op.lower is None:
            same = all(a is b for a, b in zip(src, node.src, strict=True))
            new[id(node)] = node if same else Node(node.op, src, node.attrs, node.shape, node.dtype)
            continue
        body = node.op.lower(*[Expr(s) for s in src], **node.kwargs())
        assert body.shape == node.shape, f"{node.op.name}: body {body.shape}, rule {node.shape}"
        assert body.dtype is node.dtype, f"{node.op.name}: body {body.dtype}, rule {node.dtype}"
        new[id(node)] = expand_bodies([body.node])[0]
    return [new[id(r)] for r in roots]


def close(found: np.ndarray, expected: np.ndarray, tolerance: float) -> None:
    """Equal for integers and bools; within tolerance, relative and absolute, for floats."""
    assert found.shape == expected.shape and found.dtype == expected.dtype
    kind = dt.from_numpy(found.dtype).kind
    if kind not in "fc":
        np.testing.assert_array_equal(found, expected)
        return
    wide = np.complex128 if kind == "c" else np.float64
    a, b = found.astype(wide), expected.astype(wide)
    if kind == "c":  # an infinite or undefined number part by part, others by their distance
        odd = ~np.isfinite(b)
        close(a[odd].real, b[odd].real, tolerance)
        close(a[odd].imag, b[odd].imag, tolerance)
        a, b = a[~odd], b[~odd]
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True)


@cache
def hard_values(dtype: DType) -> np.ndarray:
    """Zeros, infinities, NaN, subnormals and the ends of the range."""
    if dtype.kind == "b":
        return np.array([False, True])
    if dtype.is_integer:
        info = np.iinfo(dtype.np)
        return np.array([0, 1, 2, info.max, info.max - 1, info.min, info.min + 1], dtype.np)
    if dtype.is_complex:  # the ends of the range are tried in tests/ops/test_pairs.py
        line = np.array([0.0, -0.0, 1.0, -2.5, 0.25])
        return (line[:, None] + 1j * line).ravel().astype(dtype.np)
    import ml_dtypes

    info = ml_dtypes.finfo(dtype.np)
    values = [
        0.0, -0.0, 1.0, -1.0, 0.5, 1.5, 2.5, np.inf, -np.inf, np.nan,
        float(info.smallest_subnormal), -float(info.smallest_subnormal),
        float(info.smallest_normal), float(info.max), float(info.min), float(info.eps),
    ]  # fmt: skip
    return np.array(values, np.float64).astype(dtype.np)


def fill_gradient_seed(op: Op, shape: tuple[int, ...]) -> np.ndarray:
    """A cotangent of the given shape."""
    return rng(op).uniform(0.5, 1.5, shape)
