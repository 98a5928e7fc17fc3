from __future__ import annotations

import numpy as np
import pytest

import firth
from firth.onnx.ops import recurrent
from tests.onnx.oracle import node_model, normal, run

torch = pytest.importorskip("torch")
T, B, IN, H = 5, 3, 4, 6
# Where PyTorch has the gates that ONNX wants in this order.
ORDER = {"RNN": [0], "GRU": [1, 0, 2], "LSTM": [0, 3, 1, 2]}


def of_torch(layer, kind):
    """W, R, B of a bidirectional layer of PyTorch's."""
    rows = {"weight_ih": [], "weight_hh": [], "bias_ih": [], "bias_hh": []}
    for name, found in rows.items():
        for end in ("", "_reverse"):
            whole = getattr(layer, f"{name}_l0{end}").detach().numpy()
            found.append(np.concatenate([whole[g * H : (g + 1) * H] for g in ORDER[kind]]))
    w, r, wb, rb = (np.stack(v) for v in rows.values())
    return w, r, np.concatenate([wb, rb], 1)


@pytest.mark.parametrize("kind, steps", [("RNN", T), ("GRU", T), ("LSTM", T), ("LSTM", 40)])
def test_both_directions_and_their_gradients_are_as_in_pytorch(kind, steps):
    torch.manual_seed(0)
    layer = getattr(torch.nn, kind)(IN, H, bidirectional=True)
    x = normal(steps, B, IN)
    theirs = torch.from_numpy(x).requires_grad_()
    wanted, _ = layer(theirs)
    (wanted**2).sum().backward()
    weights = of_torch(layer, kind)
    extra = {"linear_before_reset": 1} if kind == "GRU" else {}
    model = firth.onnx.load(
        node_model(kind, [x, *weights], 2, direction="bidirectional", hidden_size=H, **extra)
    )
    ours = firth.tensor(x, requires_grad=True)
    y = model(ours, *weights)[0]  # (T, D, B, H)
    (y**2).sum().backward()
    flat = y.detach().numpy().transpose(0, 2, 1, 3).reshape(steps, B, 2 * H)
    np.testing.assert_allclose(flat, wanted.detach().numpy(), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("unrolled", [16, 0])
def test_short_sequences_end_early_in_both_directions(unrolled, monkeypatch):
    monkeypatch.setattr(recurrent, "_UNROLLED", unrolled)
    rng = np.random.default_rng(0)
    w, r = rng.standard_normal((2, 2, H, IN)), rng.standard_normal((2, H, H))
    w, r = w[0].astype(np.float32), r.astype(np.float32)
    x, lengths = normal(T, B, IN), np.array([5, 2, 3], np.int32)
    model = node_model("RNN", [x, w, r, None, lengths], 2, direction="bidirectional")
    y, last = run(model, x, w, r, lengths)
    for b, n in enumerate(lengths):
        alone = node_model("RNN", [x[:n, b : b + 1], w, r], 2, direction="bidirectional")
        own, own_last = run(alone, x[:n, b : b + 1], w, r)
        np.testing.assert_allclose(y[:n, :, b : b + 1], own, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(last[:, b : b + 1], own_last, rtol=1e-4, atol=1e-6)
        assert not y[n:, :, b].any()
