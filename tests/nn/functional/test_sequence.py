"""Losses of sequences, against PyTorch."""

import numpy as np
import pytest

import firth
from firth.base.errors import ShapeError

torch = pytest.importorskip("torch")
RNG = np.random.default_rng(0)
X = RNG.standard_normal((7, 3, 5)).astype(np.float32)
TARGETS = RNG.integers(1, 5, (3, 4))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("joined", [False, True])
def test_ctc_loss(reduction, joined):
    found = []
    for m in (firth, torch):
        x = m.tensor(X, requires_grad=True)
        rows = [TARGETS[0, :2], TARGETS[1, :0], TARGETS[2]]
        targets = m.tensor(np.concatenate(rows) if joined else TARGETS)
        loss = m.nn.functional.ctc_loss(
            x.log_softmax(2), targets, (7, 5, 6), (2, 0, 4), reduction=reduction
        )
        loss.sum().backward()
        found.append((loss.detach().numpy(), x.grad.numpy()))
    for mine, right in zip(*found, strict=True):
        np.testing.assert_allclose(mine, right, rtol=1e-4, atol=1e-5)


def test_lengths_that_do_not_add_up():
    scores = firth.zeros(4, 2, 3)
    with pytest.raises(ShapeError, match="ctc_loss: the lengths don't add up"):
        firth.nn.functional.ctc_loss(scores, firth.tensor([1, 2]), (4, 4), (2, 1))
