"""Schedules against Keras."""

from __future__ import annotations

import pytest

from firth.base.errors import ArgumentError
from firth.keras import optimizers
from tests.keras import peer

CASES = [
    ("ExponentialDecay", (0.1, 10, 0.5), {}),
    ("ExponentialDecay", (0.1, 10, 0.5), {"staircase": True}),
    ("InverseTimeDecay", (0.1, 10, 0.5), {}),
    ("PiecewiseConstantDecay", ([5, 20], [1.0, 0.5, 0.1]), {}),
    ("PolynomialDecay", (0.1, 15), {"power": 2.0}),
    ("PolynomialDecay", (0.1, 15), {"cycle": True}),
    ("CosineDecay", (0.1, 20), {"alpha": 0.1}),
    ("CosineDecay", (0.0, 20), {"warmup_target": 0.3, "warmup_steps": 7}),
    ("CosineDecayRestarts", (0.1, 6), {"m_mul": 0.5}),
]


@pytest.mark.parametrize(("name", "args", "options"), CASES)
def test_as_keras(name, args, options):
    ours = getattr(optimizers.schedules, name)(*args, **options)
    theirs = getattr(peer.keras.optimizers.schedules, name)(*args, **options)
    for step in (0, 1, 5, 6, 13, 19, 20, 21, 40):
        assert ours(step) == pytest.approx(float(theirs(step)), rel=2e-5, abs=1e-8)


def test_boundaries_lie_between_values():
    with pytest.raises(ArgumentError, match="one value more than boundaries"):
        optimizers.schedules.PiecewiseConstantDecay([1], [0.1])
