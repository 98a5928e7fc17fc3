from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

import firth
from firth.base.errors import FormatError, MissingRule
from tests.onnx.oracle import normal


def model_of(nodes, inputs=("x",), outputs=("y",), functions=(), opset=20, **options):
    infos = [helper.make_tensor_value_info(n, 1, None) for n in inputs]
    outs = [onnx.ValueInfoProto(name=n) for n in outputs]
    graph = helper.make_graph(nodes, "g", infos, outs, **options)
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("mine", 1)]
    return helper.make_model(graph, opset_imports=imports, functions=functions)


def test_everything_that_is_missing_is_named_at_once():
    nodes = [
        helper.make_node("Nothing", ["x"], ["a"], name="first"),
        helper.make_node("Relu", ["a"], ["b"], slope=2.0),
        helper.make_node("Mystery", ["b"], ["y"], domain="mine"),
    ]
    with pytest.raises(MissingRule) as error:
        firth.onnx.load(model_of(nodes))
    for word in ("ai.onnx::Nothing (opset 20): in first", "Relu: attribute slope", "mine::Mystery"):
        assert word in str(error.value)


def test_functions_of_the_model_take_attributes_and_defaults():
    add = helper.make_node("Constant", [], ["c"])
    add.attribute.append(onnx.AttributeProto(name="value_float", ref_attr_name="by", type=1))
    function = helper.make_function(
        "mine", "AddBy", ["x"], ["y"], [add, helper.make_node("Add", ["x", "c"], ["y"])],
        [helper.make_opsetid("", 20)], attributes=[], attribute_protos=[
            helper.make_attribute("by", 2.0)],
    )  # fmt: skip
    nodes = [
        helper.make_node("AddBy", ["x"], ["a"], domain="mine"),
        helper.make_node("AddBy", ["a"], ["y"], domain="mine", by=10.0),
    ]
    loaded = firth.onnx.load(model_of(nodes, functions=[function]))
    assert loaded(firth.tensor([1.0])).tolist() == [13.0]


def test_operators_without_a_rule_run_by_the_body_that_the_standard_gives():
    from firth.onnx import registry

    hidden = registry._OPS.pop(("", "HardSwish"))
    try:
        loaded = firth.onnx.load(model_of([helper.make_node("HardSwish", ["x"], ["y"])]))
        x = normal(5)
        np.testing.assert_allclose(
            loaded(x).numpy(), x * np.clip(x / 6 + 0.5, 0, 1), rtol=1e-5, atol=1e-7
        )
    finally:
        registry._OPS["", "HardSwish"] = hidden


@pytest.mark.parametrize(
    "nodes, outputs",
    [([helper.make_node("Relu", ["z"], ["y"])], ("y",)),
     ([helper.make_node("Relu", ["x"], ["y"]), helper.make_node("Relu", ["x"], ["y"])], ("y",)),
     ([helper.make_node("Relu", ["b"], ["a"]), helper.make_node("Relu", ["a"], ["b"])], ("b",)),
     ([helper.make_node("Relu", ["x"], ["y"])], ("nobody",))],
)  # fmt: skip
def test_names_that_make_no_sense_are_refused(nodes, outputs):
    with pytest.raises(FormatError):
        firth.onnx.load(model_of(nodes, outputs=outputs))


def test_a_newer_standard_than_the_known_one_is_refused():
    with pytest.raises(FormatError, match="opset 999"):
        firth.onnx.load(model_of([helper.make_node("Relu", ["x"], ["y"])], opset=999))
