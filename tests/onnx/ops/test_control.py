from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

import firth
from firth.base.errors import RecordingError
from tests.onnx.oracle import normal
from tests.onnx.test_graph import model_of


def graph(nodes, inputs, outputs):
    infos = [onnx.ValueInfoProto(name=n) for n in inputs]
    return helper.make_graph(nodes, "body", infos, [onnx.ValueInfoProto(name=n) for n in outputs])


def constant(name, value):
    return helper.make_node("Constant", [], [name], value=onnx.numpy_helper.from_array(value))


def power_model(trips):
    """y = x ** (trips + 1), each power kept; x comes from around the loop."""
    body = graph(
        [helper.make_node("Identity", ["on"], ["goes_on"]),
         helper.make_node("Mul", ["v", "x"], ["w"]), helper.make_node("Identity", ["w"], ["kept"])],
        ["i", "on", "v"], ["goes_on", "w", "kept"],
    )  # fmt: skip
    nodes = [constant("n", np.array(trips)),
             helper.make_node("Loop", ["n", "", "x"], ["y", "all"], body=body)]  # fmt: skip
    return firth.onnx.load(model_of(nodes, outputs=["y", "all"]))


def test_a_loop_carries_values_and_stacks_results():
    x = normal(3)
    y, every = power_model(3)(x)
    np.testing.assert_allclose(y.numpy(), x**4, rtol=1e-5)
    np.testing.assert_allclose(every.numpy(), np.stack([x**2, x**3, x**4]), rtol=1e-5)


def test_a_loop_has_a_gradient_and_jits():
    model = power_model(2)
    x = firth.tensor(normal(3), requires_grad=True)
    model(x)[0].sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 3 * x.detach().numpy() ** 2, rtol=1e-5)
    np.testing.assert_allclose(
        firth.jit(lambda v: model(v)[0])(x.detach()).numpy(), x.detach().numpy() ** 3, rtol=1e-5
    )


def test_a_condition_ends_a_loop():
    body = graph(
        [helper.make_node("Add", ["v", "v"], ["w"]), constant("limit", np.float32(10)),
         helper.make_node("Less", ["w", "limit"], ["on"])],
        ["i", "before", "v"], ["on", "w"],
    )  # fmt: skip
    nodes = [constant("yes", np.array(True)),
             helper.make_node("Loop", ["", "yes", "x"], ["y"], body=body)]  # fmt: skip
    assert firth.onnx.load(model_of(nodes))(np.float32(3)).item() == 12


def test_branches_see_what_is_around_them():
    sides = [graph([helper.make_node(k, ["x"], ["z"])], [], ["z"]) for k in ("Neg", "Exp")]
    nodes = [
        helper.make_node("ReduceSum", ["x"], ["total"], keepdims=0),
        constant("zero", np.float32(0)),
        helper.make_node("Less", ["total", "zero"], ["negative"]),
        helper.make_node("If", ["negative"], ["y"], then_branch=sides[0], else_branch=sides[1]),
    ]  # fmt: skip
    model = firth.onnx.load(model_of(nodes))
    assert model(np.float32([-1, -2])).tolist() == [1, 2]
    np.testing.assert_allclose(model(np.float32([1, 0])).numpy(), [np.e, 1], rtol=1e-6)


def test_scan_runs_backwards_too():
    body = graph(
        [helper.make_node("Add", ["total", "row"], ["sum"]),
         helper.make_node("Identity", ["sum"], ["kept"])],
        ["total", "row"], ["sum", "kept"],
    )  # fmt: skip
    nodes = [
        constant("start", np.zeros(3, np.float32)),
        helper.make_node("Scan", ["start", "x"], ["last", "y"], body=body, num_scan_inputs=1,
                         scan_input_directions=[1], scan_output_directions=[1]),
    ]  # fmt: skip
    x = normal(4, 3)
    last, y = firth.onnx.load(model_of(nodes, outputs=["last", "y"]))(x)
    np.testing.assert_allclose(last.numpy(), x.sum(0), rtol=1e-5)
    np.testing.assert_allclose(y.numpy(), x[::-1].cumsum(0)[::-1], rtol=1e-4, atol=1e-6)


def test_branches_and_loops_that_depend_on_values_are_compiled():
    sides = [graph([helper.make_node(k, ["x"], ["z"])], [], ["z"]) for k in ("Neg", "Exp")]
    body = graph(
        [helper.make_node("Add", ["v", "v"], ["w"]),
         helper.make_node("ReduceMax", ["w"], ["top"], keepdims=0),
         constant("limit", np.float32(9)),
         helper.make_node("Less", ["top", "limit"], ["on"])],
        ["i", "before", "v"], ["on", "w"],
    )  # fmt: skip
    nodes = [
        helper.make_node("ReduceSum", ["x"], ["total"], keepdims=0),
        constant("zero", np.float32(0)), constant("yes", np.array(True)),
        helper.make_node("Less", ["total", "zero"], ["negative"]),
        helper.make_node("If", ["negative"], ["a"], then_branch=sides[0], else_branch=sides[1]),
        helper.make_node("Loop", ["", "yes", "a"], ["y"], body=body),
    ]  # fmt: skip
    model = firth.onnx.load(model_of(nodes))
    compiled = firth.jit(lambda x: model(x))
    for x in ([-1.0, -2.0], [0.0, 1.0], [-3.0, -1.5]):
        x = firth.tensor(x)
        np.testing.assert_allclose(compiled(x).numpy(), model(x).numpy(), rtol=1e-6)
    assert len(compiled.misses) == 1


def test_scan_is_a_loop_of_the_program_in_jit():
    body = graph(
        [helper.make_node("Add", ["total", "row"], ["sum"]),
         helper.make_node("Mul", ["sum", "row"], ["kept"])],
        ["total", "row"], ["sum", "kept"],
    )  # fmt: skip
    nodes = [
        constant("start", np.zeros(4, np.float32)),
        helper.make_node("Scan", ["start", "x"], ["last", "y"], body=body, num_scan_inputs=1,
                         scan_input_axes=[1], scan_input_directions=[1], scan_output_axes=[1],
                         scan_output_directions=[1]),
    ]  # fmt: skip
    model = firth.onnx.load(model_of(nodes, outputs=["last", "y"]))
    x = firth.tensor(normal(4, 9))
    compiled = firth.jit(lambda x: model(x))(x)
    for a, b in zip(compiled, model(x), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5)


def test_results_without_a_known_number_are_refused_in_jit():
    body = graph(
        [helper.make_node("Add", ["v", "v"], ["w"]), constant("limit", np.float32(9)),
         helper.make_node("Less", ["w", "limit"], ["on"]),
         helper.make_node("Identity", ["w"], ["kept"])],
        ["i", "before", "v"], ["on", "w", "kept"],
    )  # fmt: skip
    nodes = [constant("yes", np.array(True)),
             helper.make_node("Loop", ["", "yes", "x"], ["y", "all"], body=body)]  # fmt: skip
    model = firth.onnx.load(model_of(nodes, outputs=["y", "all"]))
    assert model(np.float32(3))[1].tolist() == [6, 12]
    with pytest.raises(RecordingError, match="how many results"):
        firth.jit(lambda x: model(x))(firth.tensor(3.0))
