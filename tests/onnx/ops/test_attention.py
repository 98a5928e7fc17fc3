from __future__ import annotations

import numpy as np
import pytest

import firth
from tests.onnx.oracle import node_model, normal, run

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("is_causal", [0, 1])
def test_attention_and_its_gradient_are_as_in_pytorch(is_causal):
    q, k, v = (normal(2, 4, 5, 6, seed=s) for s in range(3))
    model = firth.onnx.load(node_model("Attention", [q, k, v], opset=23, is_causal=is_causal))
    ours, theirs = firth.tensor(q, requires_grad=True), torch.from_numpy(q).requires_grad_()
    y = model(ours, k, v)
    wanted = torch.nn.functional.scaled_dot_product_attention(
        theirs, *map(torch.from_numpy, (k, v)), is_causal=bool(is_causal)
    )
    (y * y).sum().backward()
    (wanted * wanted).sum().backward()
    np.testing.assert_allclose(y.detach().numpy(), wanted.detach().numpy(), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), rtol=1e-3, atol=1e-5)


def test_heads_that_share_keys_may_lie_side_by_side():
    q, k, v = normal(2, 5, 24), normal(2, 5, 12, seed=1), normal(2, 5, 12, seed=2)
    heads = {"q_num_heads": 4, "kv_num_heads": 2}
    flat = run(node_model("Attention", [q, k, v], opset=23, **heads), q, k, v)[0]
    apart = [x.reshape(2, 5, -1, 6).transpose(0, 2, 1, 3) for x in (q, k, v)]
    found = run(node_model("Attention", apart, opset=23), *apart)[0]
    np.testing.assert_allclose(flat, found.transpose(0, 2, 1, 3).reshape(2, 5, 24), rtol=1e-5)


def test_masks_and_caches_run_by_the_standards_body():
    q, k, v, mask = normal(1, 2, 3, 4), normal(1, 2, 3, 4, seed=1), normal(1, 2, 3, 4, seed=2), (
        np.tril(np.ones((3, 3), np.bool_)))  # fmt: skip
    masked = run(node_model("Attention", [q, k, v, mask], opset=23), q, k, v, mask)[0]
    causal = run(node_model("Attention", [q, k, v], opset=23, is_causal=1), q, k, v)[0]
    np.testing.assert_allclose(masked, causal, rtol=1e-4, atol=1e-6)
