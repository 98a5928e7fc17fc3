from __future__ import annotations

import numpy as np
import pytest

from tests.onnx.oracle import check, node_model, normal, run

X = normal(2, 6, 3, 4)


@pytest.mark.parametrize("training_mode, outputs", [(0, 1), (1, 3)])
def test_batch_norm(training_mode, outputs):
    rows = [np.abs(normal(6, seed=s)) + 0.1 for s in range(1, 5)]
    check("BatchNormalization", X, *rows, outputs=outputs, rtol=1e-3, training_mode=training_mode)


def test_layer_norm_with_its_statistics():
    scale, bias = normal(3, 4, seed=1), normal(3, 4, seed=2)
    check("LayerNormalization", X, scale, bias, axis=2, outputs=3, rtol=1e-4)


def test_group_norm_scaled_by_channel_or_by_group():
    channel = normal(6, seed=1), normal(6, seed=2)
    check("GroupNormalization", X, *channel, num_groups=3, rtol=1e-4)
    group = normal(3, seed=1), normal(3, seed=2)
    wide = [np.repeat(v, 2) for v in group]
    old = run(node_model("GroupNormalization", [X, *group], opset=18, num_groups=3), X, *group)
    new = run(node_model("GroupNormalization", [X, *wide], num_groups=3), X, *wide)
    np.testing.assert_allclose(old[0], new[0], rtol=1e-5)


@pytest.mark.parametrize(
    "kind, more, attributes",
    [("InstanceNormalization", 2, {}),
     ("LpNormalization", 0, {"axis": 1, "p": 1}), ("MeanVarianceNormalization", 0, {})],
)  # fmt: skip
def test_others(kind, more, attributes):
    check(kind, np.abs(X[:1]), *(normal(6, seed=s) for s in range(more)), rtol=1e-3, **attributes)


def test_rms_norm():
    check("RMSNormalization", X, normal(4, seed=1), opset=23, rtol=1e-4)


def test_local_response_norm_is_as_in_pytorch():
    torch = pytest.importorskip("torch")
    wanted = torch.nn.functional.local_response_norm(torch.from_numpy(X), 3, 0.5, 0.75, 1.0)
    found = run(node_model("LRN", [X], size=3, alpha=0.5), X)[0]
    np.testing.assert_allclose(found, wanted.numpy(), rtol=1e-4)
