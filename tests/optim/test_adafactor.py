"""firth.optim.adafactor against PyTorch."""

from __future__ import annotations

import pytest

import firth
from firth import optim
from firth.base.errors import ArgumentError
from tests.optim.along import check


def test_trajectory():
    check("Adafactor", lr=0.05, weight_decay=0.1, d=1.5)


@pytest.mark.parametrize("options", [{"beta2_decay": 0.1}, {"eps": (None, -1.0)}, {"d": 0.0}])
def test_what_is_refused(options):
    with pytest.raises(ArgumentError, match=r"Adafactor: .* leave it out"):
        optim.Adafactor([firth.zeros(2, requires_grad=True)], **options)
