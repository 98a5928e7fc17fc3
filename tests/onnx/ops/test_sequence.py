from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

import firth
from firth.base.errors import FirthError
from tests.onnx.oracle import normal
from tests.onnx.test_graph import model_of


def test_sequences_are_built_changed_and_joined():
    nodes = [
        helper.make_node("SequenceConstruct", ["x", "x"], ["s"]),
        helper.make_node("Neg", ["x"], ["n"]),
        helper.make_node("Constant", [], ["at"], value_int=0),
        helper.make_node("SequenceInsert", ["s", "n", "at"], ["t"]),
        helper.make_node("SequenceErase", ["t"], ["u"]),
        helper.make_node("SequenceLength", ["u"], ["length"]),
        helper.make_node("ConcatFromSequence", ["u"], ["y"], axis=0),
        helper.make_node("SequenceAt", ["t", "length"], ["last"]),
    ]
    x = normal(2, 3)
    model = firth.onnx.load(model_of(nodes, outputs=["y", "length", "last"]))
    y, length, last = model(x)
    np.testing.assert_array_equal(y.numpy(), np.concatenate([-x, x]))
    np.testing.assert_array_equal(last.numpy(), x)
    assert length.item() == 2


def test_a_position_outside_is_an_error():
    nodes = [
        helper.make_node("SequenceConstruct", ["x"], ["s"]),
        helper.make_node("Constant", [], ["at"], value_int=5),
        helper.make_node("SequenceAt", ["s", "at"], ["y"]),
    ]
    with pytest.raises(FirthError, match="SequenceAt: there is no such position"):
        firth.onnx.load(model_of(nodes))(normal(2))


def test_parts_mapped_one_by_one():
    body = helper.make_graph(
        [helper.make_node("ReduceSum", ["part"], ["total"], keepdims=0)], "body",
        [helper.make_tensor_value_info("part", 1, None)], [onnx.ValueInfoProto(name="total")],
    )  # fmt: skip
    nodes = [
        helper.make_node("SplitToSequence", ["x"], ["s"], axis=1, keepdims=0),
        helper.make_node("SequenceMap", ["s"], ["t"], body=body),
        helper.make_node("ConcatFromSequence", ["t"], ["y"], axis=0, new_axis=1),
    ]
    x = normal(2, 3)
    np.testing.assert_allclose(firth.onnx.load(model_of(nodes))(x).numpy(), x.sum(0), rtol=1e-5)


def test_optionals():
    nodes = [
        helper.make_node("Optional", ["x"], ["o"]),
        helper.make_node("OptionalHasElement", ["o"], ["there"]),
        helper.make_node("OptionalGetElement", ["o"], ["y"]),
        helper.make_node("OptionalHasElement", [], ["nothing"]),
    ]
    model = firth.onnx.load(model_of(nodes, outputs=["there", "y", "nothing"]))
    there, y, nothing = model(normal(2))
    assert there.item() and not nothing.item() and y.shape == (2,)
