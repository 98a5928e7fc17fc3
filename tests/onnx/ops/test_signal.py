from __future__ import annotations

import numpy as np
import pytest

import firth
from tests.onnx.oracle import check, node_model, normal, run


@pytest.mark.parametrize("length", [None, 7, 12])
@pytest.mark.parametrize("onesided", [0, 1])
def test_transforms_of_real_numbers(length, onesided):
    x = normal(2, 9, 1)
    sizes = None if length is None else np.array(length)
    found = run(node_model("DFT", [x, sizes, np.array(1)], onesided=onesided),
                x, sizes, np.array(1))[0]  # fmt: skip
    rule = np.fft.rfft if onesided else np.fft.fft
    wanted = rule(x[..., 0], length, axis=1)
    np.testing.assert_allclose(found[..., 0] + 1j * found[..., 1], wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("n", [8, 9])
def test_transforms_and_back(n):
    x = normal(2, n, 2)
    y = run(node_model("DFT", [x, None, np.array(1)]), x, np.array(1))[0]
    back = run(node_model("DFT", [y, None, np.array(1)], inverse=1), y, np.array(1))[0]
    np.testing.assert_allclose(back, x, rtol=1e-4, atol=1e-5)
    real = x[..., :1]
    half = node_model("DFT", [real, None, np.array(1)], onesided=1)
    y = run(half, real, np.array(1))[0]
    given = y, np.array(n), np.array(1)
    back = run(node_model("DFT", list(given), onesided=1, inverse=1), *given)[0]
    np.testing.assert_allclose(back, real, rtol=1e-4, atol=1e-5)


def test_transforms_have_gradients_and_jit():
    x = firth.tensor(normal(2, 9, 1), requires_grad=True)
    model = firth.onnx.load(node_model("DFT", [x.detach().numpy()], opset=19, axis=1))
    (model(x) ** 2).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 18 * x.detach().numpy(), rtol=1e-4)  # Parseval
    found = firth.jit(lambda x: model(x))(x.detach())
    np.testing.assert_allclose(found.numpy(), model(x).detach().numpy(), rtol=1e-6)


def test_frames_of_a_signal():
    check("STFT", normal(1, 20, 1), np.array(4), np.hanning(8).astype(np.float32), np.array(8),
          rtol=1e-3)  # fmt: skip


@pytest.mark.parametrize("kind", ["HannWindow", "HammingWindow", "BlackmanWindow"])
@pytest.mark.parametrize("periodic", [0, 1])
def test_windows(kind, periodic):
    check(kind, np.array(9), periodic=periodic, rtol=1e-4)


def test_mel_weights():
    row = [np.array(v) for v in (8, 16, 8192)] + [np.array(v, np.float32) for v in (0, 4096)]
    check("MelWeightMatrix", *row)
