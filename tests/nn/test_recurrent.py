"""firth.nn.recurrent against PyTorch: unrolled, and through scan."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import firth
from firth import nn
from firth.nn.recurrent import UNROLLED
from tests.nn.oracle import Oracle, arrays

LONG = UNROLLED + 2
CASES = [
    ("RNN", {"nonlinearity": "relu", "bidirectional": True}, (3, 2, 3)),
    ("RNN", {"bias": False}, (3, 3)),
    ("LSTM", {"num_layers": 2, "bidirectional": True}, (3, 2, 3)),
    ("LSTM", {"bidirectional": True}, (LONG, 2, 3)),
    ("LSTM", {"proj_size": 2, "num_layers": 2}, (3, 2, 3)),
    ("GRU", {"num_layers": 2, "batch_first": True}, (2, 3, 3)),
    ("GRU", {}, (LONG, 2, 3)),
]


def summed(module):
    """One tensor that all results enter with their own weights."""

    def function(x):
        y, last = module(x)
        last = last if isinstance(last, tuple) else (last,)
        return y + sum((s * (i + 2)).sum() for i, s in enumerate(last))

    return function


@pytest.mark.parametrize("name, options, shape", CASES)
def test_as_pytorch(name, options, shape):
    ours, theirs = (getattr(lib, name)(3, 4, **options) for lib in (nn, torch.nn))
    assert repr(ours) == repr(theirs)
    theirs.double()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.double().load_state_dict(arrays(theirs))
    Oracle().function(summed(ours), summed(theirs), np.random.default_rng(0).normal(size=shape))
    for (told, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        Oracle().close(p.grad, q.grad, told)


def test_states_are_taken_and_given():
    layer = nn.LSTM(3, 4).double()
    x = firth.tensor(np.random.default_rng(0).normal(size=(4, 2, 3)))
    whole, (h, c) = layer(x)
    _, state = layer(x[:2])
    rest, (later, cell) = firth.jit(lambda part, held: layer(part, held))(x[2:], state)
    for a, b in ((rest, whole[2:]), (later, h), (cell, c)):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-12)


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match=r"GRU.*\(5, 2, 4\).*\(T, N, 3\)"):
        nn.GRU(3, 4)(firth.zeros(5, 2, 4))
    with pytest.raises(ValueError, match="batch"):
        nn.GRU(3, 4)(firth.zeros(5, 2, 3), firth.zeros(1, 3, 4))
    with pytest.raises(ValueError, match="hidden_size"):
        nn.RNN(3, 0.5)
