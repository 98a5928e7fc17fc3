"""firth.nn.cell against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import firth
from firth import nn
from tests.nn.oracle import Oracle, arrays

RNG = np.random.default_rng(0)
X, H, C = RNG.normal(size=(2, 3)), RNG.normal(size=(2, 4)), RNG.normal(size=(2, 4))


@pytest.mark.parametrize("name, options", [("RNNCell", {"nonlinearity": "relu"}), ("GRUCell", {})])
def test_one_state(name, options):
    ours, theirs = (getattr(lib, name)(3, 4, **options) for lib in (nn, torch.nn))
    assert repr(ours) == repr(theirs)
    Oracle().module(ours, theirs, X, H)
    Oracle().module(ours, theirs, X[0])


def test_lstm_cell():
    ours, theirs = (lib.LSTMCell(3, 4, bias=False) for lib in (nn, torch.nn))
    assert repr(ours) == repr(theirs)
    ours.double().load_state_dict(arrays(theirs.double()))

    def joined(cell):
        def function(x, h, c):
            h, c = cell(x, (h, c))
            return h + 2 * c

        return function

    Oracle().function(joined(ours), joined(theirs), X, H, C)


def test_a_state_that_does_not_fit_is_named():
    with pytest.raises(ValueError, match=r"GRUCell.*\(2, 5\).*\(2, 4\)"):
        nn.GRUCell(3, 4)(firth.zeros(2, 3), firth.zeros(2, 5))
