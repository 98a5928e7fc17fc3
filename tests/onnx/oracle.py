"""One-node models, answered by Firth and by the reference evaluator of the onnx package."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import helper
from onnx.reference import ReferenceEvaluator

import firth
import firth.onnx
from firth.onnx.values import number_of


def node_model(
    kind: str, inputs: list[Any], outputs: int = 1, opset: int = 22, domain: str = "", **attrs: Any
) -> onnx.ModelProto:
    """A model of one node whose inputs have the types of the arrays given; None is left out."""
    names = [f"x{i}" if x is not None else "" for i, x in enumerate(inputs)]
    results = [f"y{i}" for i in range(outputs)]
    node = helper.make_node(kind, names, results, domain=domain, **attrs)
    infos = [
        helper.make_tensor_value_info(n, number_of(x.dtype), x.shape)
        for n, x in zip(names, inputs, strict=True)
        if n
    ]
    outs = [onnx.ValueInfoProto(name=n) for n in results]
    graph = helper.make_graph([node], "test", infos, outs)
    opsets = [helper.make_opsetid("", opset)]
    if domain:
        opsets.append(helper.make_opsetid(domain, 1))
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def run(model: onnx.ModelProto, *inputs: Any) -> list[Any]:
    """What Firth makes of a model, as arrays."""
    loaded = firth.onnx.load(model)
    results = loaded.run(*[x for x in inputs if x is not None])
    return [r.detach().numpy() if isinstance(r, firth.Tensor) else r for r in results]


def check(kind: str, *inputs: Any, outputs: int = 1, rtol: float = 1e-5, **options: Any) -> None:
    """Firth and the reference evaluator agree on one node."""
    model = node_model(kind, list(inputs), outputs, **options)
    given = [x for x in inputs if x is not None]
    feeds = {i.name: x for i, x in zip(model.graph.input, given, strict=True)}
    wanted = ReferenceEvaluator(model).run(None, feeds)
    for got, expected in zip(run(model, *given), wanted, strict=True):
        assert got.dtype == expected.dtype and got.shape == expected.shape
        if got.dtype == object:
            np.testing.assert_array_equal(got, expected)
        else:
            a, b = (v.astype(np.float64) for v in (got, expected))
            np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-6)


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    """Float32 numbers of a normal distribution."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
