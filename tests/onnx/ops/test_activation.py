from __future__ import annotations

import numpy as np
import pytest

from tests.onnx.oracle import check, node_model, normal, run


@pytest.mark.parametrize(
    "kind, attributes",
    [("LeakyRelu", {"alpha": 0.1}), ("Elu", {"alpha": 2.0}), ("Celu", {"alpha": 2.0}), ("Selu", {}),
     ("Softplus", {}), ("HardSigmoid", {"alpha": 0.5}), ("Gelu", {"approximate": "tanh"}),
     ("Shrink", {"lambd": 1.0, "bias": 0.5}), ("ThresholdedRelu", {"alpha": 0.3})],
)  # fmt: skip
def test_activations(kind, attributes):
    check(kind, normal(3, 4) * 2, **attributes)


@pytest.mark.parametrize("kind", ["Softmax", "LogSoftmax", "Hardmax"])
def test_softmax_along_an_axis(kind):
    check(kind, normal(2, 3, 4), axis=1)


def test_before_opset_13_softmax_is_over_all_dimensions_from_the_axis_on():
    x = normal(2, 3, 4)
    found = run(node_model("Softmax", [x], opset=11, axis=1), x)[0]
    np.testing.assert_allclose(found.reshape(2, -1).sum(1), 1, rtol=1e-5)
    assert abs(found.sum(2) - 1).max() > 0.1


def test_prelu_with_one_slope_for_each_channel():
    check("PRelu", normal(2, 3, 4), np.array([[0.1], [0.2], [0.3]], np.float32))
