"""firth.optim.rmsprop: the rule on one number. PyTorch is followed in test_optimizer.py."""

from __future__ import annotations

import pytest

import firth
from firth.optim import RMSprop


def test_first_step_by_hand() -> None:
    p = firth.tensor(1.0, requires_grad=True)
    optimizer = RMSprop([p], lr=0.1, alpha=0.75)
    p.grad = firth.tensor(2.0)  # mean square 0.25 * 4 = 1
    optimizer.step()
    assert p.item() == pytest.approx(0.8)
