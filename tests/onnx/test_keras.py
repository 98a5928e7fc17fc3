"""Models that Keras and tf2onnx exported (tests/onnx/keras/make.py) answer and train as there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import firth

FOLDER = Path(__file__).parent / "keras"
NAMES = ["dense", "picture", "recurrent", "attention", "decoder"]


@pytest.mark.parametrize("exporter", ["keras", "tf2onnx"])
@pytest.mark.parametrize("name", NAMES)
def test_answer_gradient_and_jit(name, exporter):
    known = np.load(FOLDER / f"{name}.npz")
    model = firth.onnx.load(FOLDER / f"{name}_{exporter}.onnx")
    x = firth.tensor(known["x"], requires_grad=True)
    y = model(x)
    (y * y).sum().backward()
    np.testing.assert_allclose(y.detach().numpy(), known["y"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(x.grad.numpy(), known["gradient"], rtol=1e-3, atol=1e-5)
    assert all(p.grad is not None for p in model.parameters())
    found = firth.jit(lambda v: model(v))(x.detach()).detach().numpy()
    np.testing.assert_allclose(found, known["y"], rtol=1e-4, atol=1e-5)
