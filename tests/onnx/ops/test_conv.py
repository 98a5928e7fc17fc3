from __future__ import annotations

import numpy as np
import pytest

from firth.onnx.ops.conv import each, window_pads
from tests.onnx.oracle import check, node_model, normal, run


@pytest.mark.parametrize(
    "attributes",
    [{"pads": [1, 0, 2, 1], "strides": [2, 1]}, {"auto_pad": "SAME_LOWER", "strides": [2, 2]},
     {"group": 2, "dilations": [1, 2]}, {"auto_pad": "VALID"}],
)  # fmt: skip
def test_conv(attributes):
    weight = normal(4, 4 // attributes.get("group", 1), 3, 2, seed=1)
    check("Conv", normal(2, 4, 7, 6), weight, normal(4, seed=2), rtol=1e-4, **attributes)


@pytest.mark.parametrize(
    "attributes",
    [{"strides": [2, 3], "pads": [1, 0, 0, 1]}, {"strides": [2, 2], "output_padding": [1, 0]},
     {"strides": [2, 2], "auto_pad": "SAME_UPPER"}, {"strides": [3, 2], "output_shape": [10, 8]}],
)  # fmt: skip
def test_transposed_conv(attributes):
    check("ConvTranspose", normal(1, 2, 3, 4), normal(2, 3, 3, 2, seed=1), rtol=1e-4, **attributes)


def test_padding_that_keeps_the_size():
    assert window_pads("SAME_UPPER", None, (5,), (4,), (1,), (1,)) == ((1, 2),)
    assert window_pads("SAME_LOWER", None, (5,), (4,), (1,), (1,)) == ((2, 1),)
    assert window_pads("NOTSET", [1, 2], (5,), (3,), (1,), (1,)) == ((1, 2),)
    assert each(None, 2) == (1, 1)


def test_deformed_windows_without_offsets_are_a_convolution():
    x, w, b = normal(2, 4, 6, 5), normal(4, 2, 3, 3, seed=1), normal(4, seed=2)
    offset = np.zeros((2, 18, 6, 5), np.float32)
    same = {"pads": [1, 1, 1, 1], "group": 2}
    deformed = run(node_model("DeformConv", [x, w, offset, b], **same), x, w, offset, b)[0]
    plain = run(node_model("Conv", [x, w, b], **same), x, w, b)[0]
    np.testing.assert_allclose(deformed, plain, rtol=1e-4, atol=1e-5)
