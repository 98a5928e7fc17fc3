from __future__ import annotations

import numpy as np
from onnx import helper, numpy_helper

import firth
from firth.onnx.registry import find
from firth.onnx.weights import Constant, Use, role
from tests.onnx.oracle import normal
from tests.onnx.test_graph import model_of


def use(name, position, beside=()):
    return Use(find("", name, 18), position, frozenset(beside))


def told(array, *uses, weight=True):
    return role("w", Constant(np.asarray(array), weight, list(uses)), None)


def test_what_is_learned_in_is_a_parameter():
    assert told(normal(3, 4), use("MatMul", 1)) == "parameter"
    assert told(normal(1), use("Add", 1, ["MatMul"])) == "parameter"
    assert told(normal(1), use("PRelu", 1)) == "parameter"
    assert told(normal(50, 40), use("MatMul", 1), weight=False) == "buffer"


def test_numbers_of_formulas_masks_and_measurements_are_not():
    assert told(np.float32(1e-5), use("Add", 1)) == "array"
    assert told(normal(1), use("Mul", 1)) == "array"
    assert told(np.float32([[0, -np.inf]]), use("Add", 1)) == "buffer"
    assert told(np.float32([[0, -3.4e38]]), use("Add", 1)) == "buffer"
    assert told(normal(3), use("BatchNormalization", 3)) == "buffer"


def test_what_decides_shapes_stays_an_array():
    assert told([2, 3], use("Reshape", 1)) == "array"
    assert told(np.float32([1, 1, 2, 2]), use("Resize", 2)) == "array"
    assert told(np.arange(5000), use("Gather", 1)) == "buffer"


def test_a_name_can_be_asked_for():
    nodes = [helper.make_node("Mul", ["x", "scale"], ["h"]),
             helper.make_node("MatMul", ["h", "w"], ["y"])]  # fmt: skip
    initializer = [numpy_helper.from_array(normal(1), "scale"),
                   numpy_helper.from_array(normal(2, 2), "w")]  # fmt: skip
    model = model_of(nodes, initializer=initializer)
    assert [n for n, _ in firth.onnx.load(model).named_parameters()] == ["w"]
    only = firth.onnx.load(model, trained=lambda name: name == "scale")
    assert [n for n, _ in only.named_parameters()] == ["scale"]
    assert only(np.ones((1, 2), np.float32)).requires_grad
