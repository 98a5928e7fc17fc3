from __future__ import annotations

import numpy as np
import pytest

import firth
from tests.onnx.oracle import node_model, normal

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_cross_entropy_and_its_gradient_are_as_in_pytorch(reduction):
    x, target = normal(2, 3, 4), np.array([[0, 1, 2, 0], [2, 1, 1, -1]])
    weights = np.float32([1.0, 0.5, 2.0])
    model = firth.onnx.load(node_model(
        "SoftmaxCrossEntropyLoss", [x, target, weights], 2, reduction=reduction, ignore_index=-1
    ))  # fmt: skip
    ours = firth.tensor(x, requires_grad=True)
    theirs = torch.from_numpy(x).requires_grad_()
    loss, log_prob = model(ours, target, weights)
    wanted = torch.nn.functional.cross_entropy(
        theirs, torch.from_numpy(target), torch.from_numpy(weights), ignore_index=-1,
        reduction=reduction,
    )  # fmt: skip
    loss.sum().backward()
    wanted.sum().backward()
    np.testing.assert_allclose(loss.detach().numpy(), wanted.detach().numpy(), rtol=1e-5)
    np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(log_prob.detach().exp().sum(1).numpy(), 1, rtol=1e-5)


def test_the_loss_of_log_probabilities():
    x, target = normal(3, 4), np.array([1, 0, 3])
    model = firth.onnx.load(node_model("NegativeLogLikelihoodLoss", [x, target]))
    np.testing.assert_allclose(model(x, target).item(), -x[[0, 1, 2], target].mean(), rtol=1e-5)
