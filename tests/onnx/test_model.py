from __future__ import annotations

import copy

import numpy as np
import pytest
from onnx import helper, numpy_helper

import firth
from firth.base.errors import ArgumentError, FirthError
from tests.onnx.oracle import normal
from tests.onnx.test_graph import model_of


def linear():
    weights = {"layer.weight": normal(3, 4), "layer.bias": normal(3, seed=1)}
    nodes = [
        helper.make_node("Gemm", ["x", "layer.weight", "layer.bias"], ["h"], transB=1),
        helper.make_node("Relu", ["h"], ["y"], name="act"),
    ]
    initializer = [numpy_helper.from_array(w, n) for n, w in weights.items()]
    return firth.onnx.load(model_of(nodes, initializer=initializer)), weights


def test_weights_are_parameters_under_their_names():
    model, weights = linear()
    assert {n: tuple(p.shape) for n, p in model.named_parameters()} == {
        "layer.weight": (3, 4), "layer.bias": (3,)
    }  # fmt: skip
    np.testing.assert_array_equal(model.state_dict()["layer.bias"].numpy(), weights["layer.bias"])
    assert model.inputs == ("x",) and model.outputs == ("y",)


def test_it_trains_and_jits():
    model, weights = linear()
    x = firth.tensor(normal(2, 4, seed=3))
    optimizer = firth.optim.SGD(model.parameters(), lr=0.1)

    @firth.jit
    def step(x):
        loss = (model(x) ** 2).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    losses = [step(x).item() for _ in range(4)]
    assert losses[3] < losses[0]
    w, b = weights["layer.weight"], weights["layer.bias"]
    y = np.maximum(x.numpy() @ w.T + b, 0)
    assert losses[0] == pytest.approx((y**2).sum(), rel=1e-5)


def test_another_parameter_is_another_recording():
    model, weights = linear()
    step = firth.jit(lambda x: model(x))
    x = firth.tensor(normal(2, 4, seed=3))
    step(x)
    model.layer.bias = firth.nn.Parameter(firth.zeros(3))
    wanted = np.maximum(x.numpy() @ weights["layer.weight"].T, 0)
    np.testing.assert_allclose(step(x).detach().numpy(), wanted, rtol=1e-5)


def test_copies_save_and_other_dtypes(tmp_path):
    model, _ = linear()
    x = normal(2, 4, seed=3)
    wanted = model(x).detach().numpy()
    twin = copy.deepcopy(model)
    with firth.no_grad():
        model.layer.bias.zero_()
    np.testing.assert_allclose(twin(x).detach().numpy(), wanted, rtol=1e-6)
    firth.save(twin.state_dict(), tmp_path / "w.safetensors")
    model.load_state_dict(firth.load(tmp_path / "w.safetensors"))
    np.testing.assert_allclose(model(x).detach().numpy(), wanted, rtol=1e-6)
    y = model.double()(x.astype(np.float64))
    assert y.dtype is firth.float64
    np.testing.assert_allclose(y.detach().numpy(), wanted, rtol=1e-6)


def test_inputs_by_name_and_what_does_not_fit():
    model, _ = linear()
    assert model(x=np.ones((1, 4), np.float32)).shape == (1, 3)
    with pytest.raises(ArgumentError, match="give x"):
        model()
    with pytest.raises(ArgumentError):
        model(firth.ones(1, 4), z=1)


def test_an_error_names_the_node():
    model, _ = linear()
    with pytest.raises(FirthError, match=r"in ONNX node 0 \(Gemm\)"):
        model(firth.ones(1, 5))


def test_names_that_cannot_be_attributes_are_changed():
    names = ["/a/w:0", "training", "a", "a.b", ".x"]
    nodes = [helper.make_node("Sum", ["x", *names], ["y"])]
    initializer = [numpy_helper.from_array(normal(2, seed=i), n) for i, n in enumerate(names)]
    model = firth.onnx.load(model_of(nodes, initializer=initializer))
    assert len(list(model.parameters())) == len(names) and model.training is True
    total = sum(normal(2, seed=i) for i in range(len(names)))
    np.testing.assert_allclose(model(np.zeros(2, np.float32)).detach().numpy(), total, rtol=1e-5)


def test_measured_values_are_buffers():
    names = ["scale", "shift", "mean", "var"]
    nodes = [helper.make_node("BatchNormalization", ["x", *names], ["y"])]
    initializer = [numpy_helper.from_array(np.abs(normal(3, seed=i)), n)
                   for i, n in enumerate(names)]  # fmt: skip
    model = firth.onnx.load(model_of(nodes, initializer=initializer))
    assert [n for n, _ in model.named_parameters()] == ["scale", "shift"]
    assert [n for n, _ in model.named_buffers()] == ["mean", "var"]
