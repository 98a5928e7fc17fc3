"""firth.nn.functional.dropout: what is dropped, what is kept, what the moments are."""

from __future__ import annotations

import numpy as np
import pytest

import firth
from firth.nn import functional as F


@pytest.mark.parametrize("spatial", [1, 2, 3])
def test_whole_channels_are_dropped(spatial: int) -> None:
    firth.manual_seed(0)
    drop = getattr(F, f"dropout{spatial}d")
    y = np.asarray(drop(firth.ones(8, 16, *(3,) * spatial), 0.25)).reshape(8 * 16, -1)
    assert (y == y[:, :1]).all()
    assert set(np.unique(y)) == {0.0, np.float32(1 / 0.75)}
    assert 0.6 < (y[:, 0] > 0).mean() < 0.9


def test_alpha_dropout_keeps_mean_and_variance() -> None:
    firth.manual_seed(0)
    x = firth.randn(200, 200)
    y = np.asarray(F.alpha_dropout(x, 0.3, training=True))
    assert abs(y.mean()) < 0.02
    assert abs(y.var() - 1) < 0.03
    floor, share = np.unique(y, return_counts=True)
    assert 0.28 < share.max() / y.size < 0.32  # the dropped ones all have one value
    assert floor[share.argmax()] < -0.9
    assert F.alpha_dropout(x, 0.3) is x
    with pytest.raises(ValueError, match="probability"):
        F.alpha_dropout(x, 1.5)
