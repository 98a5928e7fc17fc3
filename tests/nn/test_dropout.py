"""firth.nn.dropout."""

from __future__ import annotations

import numpy as np
import pytest

import firth
from firth import nn


def test_it_drops_a_share_and_keeps_the_mean() -> None:
    firth.manual_seed(0)
    layer, x = nn.Dropout(0.25), firth.ones(100, 100)
    out = layer(x).numpy()
    assert set(np.unique(out)) == {0.0, np.float32(1 / 0.75)}
    assert abs((out == 0).mean() - 0.25) < 0.02
    assert not np.array_equal(out, layer(x).numpy())


def test_evaluation_and_certainty() -> None:
    x = firth.ones(4, 5)
    assert (nn.Dropout(0.5).eval()(x).numpy() == 1).all()
    assert (nn.Dropout(1.0)(x).numpy() == 0).all()
    assert (nn.Dropout(0.0)(x).numpy() == 1).all()


def test_the_gradient_uses_the_same_mask() -> None:
    x = firth.ones(50, requires_grad=True)
    out = nn.Dropout(0.5)(x)
    out.sum().backward()
    assert np.array_equal(out.detach().numpy(), x.grad.numpy())


def test_whole_channels() -> None:
    channels = nn.Dropout2d(0.5)(firth.ones(8, 8, 3, 3)).numpy()
    assert (channels.reshape(64, 9).std(1) == 0).all()
    assert 0 < (channels == 0).mean() < 1


def test_p_is_a_probability() -> None:
    with pytest.raises(ValueError, match="probability"):
        nn.Dropout(1.5)
