from __future__ import annotations

import numpy as np
import pytest

import firth
from firth.onnx.ops.pool import Windows
from tests.onnx.oracle import check, node_model, normal, run


@pytest.mark.parametrize("kind", ["MaxPool", "AveragePool"])
@pytest.mark.parametrize(
    "attributes",
    [{"pads": [1, 0, 1, 1], "strides": [2, 1]}, {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
     {"ceil_mode": 1, "strides": [2, 2]}],
)  # fmt: skip
def test_pools(kind, attributes):
    check(kind, normal(1, 2, 6, 7), kernel_shape=[3, 2], rtol=1e-4, **attributes)


def test_norms_of_windows():
    check("LpPool", normal(1, 2, 6, 7), kernel_shape=[3, 2], p=3, pads=[1, 0, 1, 1], rtol=1e-4)


def test_counts_of_windows_that_hang_over():
    x = firth.zeros(1, 1, 5)
    at = Windows(x, [3], [2], None, [1, 1], "NOTSET", 0)
    assert at.counts(False).tolist() == [2, 3, 2] and at.counts(True).tolist() == [3, 3, 3]
    assert at.plain and at.axes == (3,) and at.reached() == ((1, 1),)


def test_average_of_dilated_windows():
    x = normal(1, 1, 5)
    found = run(node_model("AveragePool", [x], kernel_shape=[2], dilations=[3]), x)[0]
    np.testing.assert_allclose(found, (x[..., :2] + x[..., 3:]) / 2, rtol=1e-6)


@pytest.mark.parametrize("storage_order", [0, 1])
def test_places_of_the_largest(storage_order):
    x = normal(2, 2, 4, 5)
    model = node_model("MaxPool", [x], 2, kernel_shape=[2, 2], storage_order=storage_order)
    values, places = run(model, x)
    flat = x if not storage_order else x.transpose(0, 1, 3, 2)
    np.testing.assert_array_equal(flat.reshape(-1)[places], values)


def test_unpool_puts_them_back():
    x = normal(1, 2, 4, 4)
    values, places = run(node_model("MaxPool", [x], 2, kernel_shape=[2, 2], strides=[2, 2]), x)
    back = node_model("MaxUnpool", [values, places], kernel_shape=[2, 2], strides=[2, 2])
    found = run(back, values, places)[0]
    np.testing.assert_array_equal(found[found != 0], x[found != 0])
    assert (found != 0).sum() == values.size
