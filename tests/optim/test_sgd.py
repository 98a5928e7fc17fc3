"""firth.optim.sgd: the rule on one number. PyTorch is followed in test_optimizer.py."""

from __future__ import annotations

import firth
from firth.optim import SGD


def test_momentum_by_hand() -> None:
    p = firth.tensor(1.0, requires_grad=True)
    optimizer = SGD([p], lr=0.5, momentum=0.5)
    for expected in (0.5, -0.25):  # v = 1, then 0.5 * 1 + 1
        p.grad = firth.tensor(1.0)
        optimizer.step()
        assert p.item() == expected


def test_without_momentum_there_is_no_state() -> None:
    p = firth.tensor(1.0, requires_grad=True)
    optimizer = SGD([p], lr=0.5)
    p.grad = firth.tensor(1.0)
    optimizer.step()
    assert optimizer.state_dict()["state"] == {}
