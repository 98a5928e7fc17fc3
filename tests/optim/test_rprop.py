"""firth.optim.rprop against PyTorch."""

from __future__ import annotations

import pytest

import firth
from firth import optim
from firth.base.errors import ArgumentError
from tests.optim.along import check


@pytest.mark.parametrize("name, options", [
    ("Rprop", {"lr": 0.05, "etas": (0.4, 1.5), "step_sizes": (1e-3, 0.1)}),
    ("ASGD", {"lr": 0.05, "lambd": 0.1, "t0": 2, "weight_decay": 0.1}),
])  # fmt: skip
def test_trajectory(name, options):
    check(name, **options)


def test_mean_of_the_last_arrays():
    p = firth.ones(2, requires_grad=True)
    rule, seen = optim.ASGD([p], lr=0.1, t0=0), []
    for _ in range(4):
        p.grad = firth.ones(2)
        rule.step()
        seen.append(p.detach().numpy().copy())
    assert rule.state[p]["ax"].tolist() == pytest.approx(
        ((seen[1] + seen[2] + seen[3]) / 3).tolist()
    )


def test_what_is_refused():
    with pytest.raises(ArgumentError, match="Rprop: etas do not shrink and grow"):
        optim.Rprop([firth.zeros(2, requires_grad=True)], etas=(1.2, 0.5))
