"""firth.nn.functional.loss: refusals. The losses are compared in tests/nn/test_loss.py."""

from __future__ import annotations

import pytest

import firth
from firth.nn import functional as F


def test_what_is_refused() -> None:
    logits, classes = firth.zeros(2, 3), firth.tensor([0, 1])
    with pytest.raises(ValueError, match="share"):
        F.cross_entropy(logits, classes, label_smoothing=1.5)
    with pytest.raises(ValueError, match="probabilities"):
        F.cross_entropy(logits, firth.zeros(2, 4))
    with pytest.raises(ValueError, match="ignore_index"):
        F.cross_entropy(logits, firth.zeros(2, 3), ignore_index=0)
    with pytest.raises(TypeError, match="weight has another dtype"):
        F.nll_loss(logits, classes, firth.ones(3).double())
    with pytest.raises(ValueError, match="reduction"):
        F.cross_entropy(logits, classes, reduction="batchmean")
    with pytest.raises(ValueError, match="squeeze"):
        F.binary_cross_entropy_with_logits(firth.zeros(2, 1), firth.zeros(2))
    with pytest.raises(ValueError, match="shapes differ"):
        F.binary_cross_entropy(firth.zeros(2, 1), firth.zeros(2))


def test_half_types_do_not_overflow() -> None:
    logits = firth.tensor([[2000.0, -2000.0]], dtype=firth.float16)
    assert F.cross_entropy(logits, firth.tensor([0])).item() == 0.0
    assert F.cross_entropy(logits, firth.tensor([1])).item() == 4000.0
