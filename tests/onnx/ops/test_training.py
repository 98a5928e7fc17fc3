from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

import firth
from tests.onnx.oracle import node_model, normal, run

DOMAIN = "ai.onnx.preview.training"
torch = pytest.importorskip("torch")


def test_gradients_of_a_part_of_the_graph():
    nodes = [
        helper.make_node("Mul", ["a", "b"], ["c"]), helper.make_node("Exp", ["c"], ["d"]),
        helper.make_node("Gradient", ["a", "b"], ["da", "db"], domain=DOMAIN, xs=["a", "b"], y="d"),
    ]  # fmt: skip
    infos = [helper.make_tensor_value_info(n, 1, [3]) for n in "ab"]
    outs = [onnx.ValueInfoProto(name=n) for n in ("d", "da", "db")]
    imports = [helper.make_opsetid("", 20), helper.make_opsetid(DOMAIN, 1)]
    model = helper.make_model(helper.make_graph(nodes, "g", infos, outs), opset_imports=imports)
    a, b = normal(3), normal(3, seed=1)
    d, da, db = firth.onnx.load(model)(a, b)
    np.testing.assert_allclose(da.numpy(), b * d.numpy(), rtol=1e-5)
    np.testing.assert_allclose(db.numpy(), a * d.numpy(), rtol=1e-5)


def test_first_steps_are_those_of_pytorch():
    x, g = normal(4), normal(4, seed=1)
    parameter = torch.nn.Parameter(torch.from_numpy(x.copy()))
    parameter.grad = torch.from_numpy(g)
    torch.optim.Adam([parameter], lr=0.1, eps=1e-8).step()
    zeros = np.zeros(4, np.float32)
    row = [np.float32([0.1]), np.array([1]), x, g, zeros, zeros]
    model = node_model("Adam", row, 3, domain=DOMAIN, alpha=0.9, beta=0.999, epsilon=1e-8)
    np.testing.assert_allclose(run(model, *row)[0], parameter.detach().numpy(), rtol=1e-4)


def test_momentum_carries_on():
    x, g, v = normal(3), normal(3, seed=1), normal(3, seed=2)
    row = [np.float32(0.1), np.array(5), x, g, v]
    model = node_model("Momentum", row, 2, domain=DOMAIN, alpha=0.9, beta=1.0, mode="standard",
                       norm_coefficient=0.0)  # fmt: skip
    new, velocity = run(model, *row)
    np.testing.assert_allclose(velocity, 0.9 * v + g, rtol=1e-5)
    np.testing.assert_allclose(new, x - 0.1 * velocity, rtol=1e-5)
