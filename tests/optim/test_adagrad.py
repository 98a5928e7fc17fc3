"""firth.optim.adagrad against PyTorch."""

from __future__ import annotations

import pytest

import firth
from firth import optim
from firth.base.errors import ArgumentError
from tests.optim.along import check


@pytest.mark.parametrize("name, options", [
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.05, "initial_accumulator_value": 0.3}),
    ("Adadelta", {"rho": 0.8, "weight_decay": 0.1, "maximize": True}),
])  # fmt: skip
def test_trajectory(name, options):
    check(name, **options)


def test_what_is_refused():
    p = firth.zeros(2, requires_grad=True)
    with pytest.raises(ArgumentError, match="Adadelta: rho is a share"):
        optim.Adadelta([p], rho=1.5)
    with pytest.raises(ArgumentError, match="Adagrad: lr_decay"):
        optim.Adagrad([p], lr_decay=-1)
    with pytest.raises(ArgumentError, match="Adagrad: lr is not one number"):
        optim.Adagrad([p], lr=firth.ones(2))
