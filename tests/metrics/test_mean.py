"""firth.metrics.mean."""

from __future__ import annotations

import math

import firth
from firth.metrics import Mean


def test_weighted_mean_of_numbers_and_tensors() -> None:
    mean = Mean()
    assert math.isnan(mean.compute())
    mean.update(firth.tensor(2.0), weight=3)
    mean.update([1.0, 3.0], weight=1)
    assert mean.compute() == 2.0
    mean.reset()
    mean.update(5)
    assert mean.compute() == 5.0
