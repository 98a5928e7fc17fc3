"""firth.optim.adamax against PyTorch."""

from __future__ import annotations

import pytest

import firth
from firth import optim
from firth.base.errors import ArgumentError
from tests.optim.along import check


@pytest.mark.parametrize("name, options", [
    ("Adamax", {"lr": 0.05, "weight_decay": 0.1}),
    ("NAdam", {"lr": 0.05, "momentum_decay": 0.01, "weight_decay": 0.1,
               "decoupled_weight_decay": True}),
    ("RAdam", {"lr": 0.05, "weight_decay": 0.1}),
])  # fmt: skip
def test_trajectory(name, options):
    check(name, **options)


def test_what_is_refused():
    p = firth.zeros(2, requires_grad=True)
    with pytest.raises(ArgumentError, match="RAdam: betas are shares"):
        optim.RAdam([p], betas=(1.0, 0.0))
    with pytest.raises(ArgumentError, match="NAdam: momentum_decay is negative"):
        optim.NAdam([p], momentum_decay=-0.2)
