from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

import firth
from tests.onnx.oracle import check, node_model, normal, run

X = normal(3, 4) * 3


@pytest.mark.parametrize(
    "kind", [np.uint8, np.int8, np.int16, ml_dtypes.int4, ml_dtypes.uint2, ml_dtypes.float8_e4m3fn]
)
def test_there_and_back(kind):
    scale, zero = np.float32([0.1, 0.2, 0.5]), np.zeros(3).astype(kind)
    check("QuantizeLinear", X, scale, zero, axis=0, opset=25)
    model = node_model("QuantizeLinear", [X, scale, zero], axis=0, opset=25)
    narrow = run(model, X, scale, zero)[0]
    check("DequantizeLinear", narrow, scale, zero, axis=0, opset=25)


def test_blocks_have_a_scale_each():
    scale = np.abs(normal(3, 2, seed=1)) + 0.1
    zero = np.zeros((3, 2), np.int8)
    check("QuantizeLinear", X, scale, zero, axis=1, block_size=2)


def test_ties_of_a_dynamic_scale_are_rounded_as_float32_has_them():
    x = np.array([0, 2, -3, -2.5, 1.34, 0.5], np.float32)
    assert run(node_model("DynamicQuantizeLinear", [x], 3), x)[0].tolist() == [
        153, 255, 0, 26, 221, 179
    ]  # fmt: skip


def test_products_in_int32():
    a = np.array([[11, 7, 3], [10, 6, 2]], np.uint8)
    b = np.array([[1, 4], [2, 5], [3, 6]], np.uint8)
    check("MatMulInteger", a, b, np.uint8([12]), np.uint8([0]))
    x = np.arange(9, dtype=np.uint8).reshape(1, 1, 3, 3)
    found = run(node_model("ConvInteger", [x, np.ones((1, 1, 2, 2), np.uint8), np.uint8([1])]),
                x, np.ones((1, 1, 2, 2), np.uint8), np.uint8([1]))[0]  # fmt: skip
    assert found.dtype == np.int32 and found.reshape(-1).tolist() == [4, 8, 16, 20]


def test_quantised_convolution_is_near_the_real_one():
    x, w = (
        np.uint8([[[[0, 50, 100], [150, 200, 250], [5, 10, 15]]]]),
        np.int8([[[[1, -2], [3, 4]]]]),
    )
    row = [x, np.float32(0.1), np.uint8(10), w, np.float32(0.2), np.int8(0), np.float32(2.0),
           np.uint8(100)]  # fmt: skip
    row = [np.asarray(v) for v in row]
    found = run(node_model("QLinearConv", row), *row)[0].astype(np.float64)
    real = firth.nn.functional.conv2d(firth.tensor((x - 10.0) * 0.1), firth.tensor(w * 0.2)).numpy()
    np.testing.assert_allclose((found - 100) * 2, real, atol=1.01)
