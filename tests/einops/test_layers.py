"""Patterns as modules."""

from __future__ import annotations

import firth
from firth import nn
from firth.einops.layers import Rearrange, Reduce


def test_in_a_network():
    net = nn.Sequential(
        Reduce("b c (h 2) (w 2) -> b c h w", "max"),
        Rearrange("b c h w -> b (c h w)", h=2),
        nn.Linear(12, 5),
    )
    assert net(firth.ones(3, 3, 4, 4)).shape == (3, 5)
    assert "Rearrange('b c h w -> b (c h w)', h=2)" in repr(net)
    assert "Reduce('b c (h 2) (w 2) -> b c h w', 'max')" in repr(net)
