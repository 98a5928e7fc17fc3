"""firth.optim.adam: what the rule promises. PyTorch is followed in test_optimizer.py."""

from __future__ import annotations

import pytest

import firth
from firth.optim import Adam, AdamW


@pytest.mark.parametrize("size", [1e-4, 1.0, 1e4])
def test_the_first_step_is_lr_whatever_the_gradient(size: float) -> None:
    p = firth.tensor(1.0, requires_grad=True)
    optimizer = Adam([p], lr=0.125)
    p.grad = firth.tensor(size)
    optimizer.step()
    assert p.item() == pytest.approx(0.875, rel=2e-5)


def test_decoupled_decay_does_not_enter_the_moments() -> None:
    p = firth.tensor(2.0, requires_grad=True)
    optimizer = AdamW([p], lr=0.5, weight_decay=0.5)
    p.grad = firth.tensor(0.0)
    optimizer.step()
    assert p.item() == 1.5
    assert optimizer.state[p]["exp_avg"].item() == 0.0


def test_parameters_share_a_counter_until_they_part() -> None:
    p, q = (firth.tensor(1.0, requires_grad=True) for _ in range(2))
    optimizer = Adam([p, q])
    p.grad = q.grad = firth.tensor(1.0)
    optimizer.step()
    assert optimizer.state[p]["step"] is optimizer.state[q]["step"]
    q.grad = None
    optimizer.step()
    assert [optimizer.state[x]["step"].item() for x in (p, q)] == [2.0, 1.0]
