"""firth.nn.maxima against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import firth
from firth import nn
from tests.nn.oracle import LayerCase, Oracle, case_name, check_layer

CASES: list[LayerCase] = [
    ("AdaptiveMaxPool1d", (3,), {}, (2, 3, 7)),
    ("AdaptiveMaxPool2d", ((3, None),), {}, (2, 3, 7, 5)),
    ("AdaptiveMaxPool3d", (2,), {}, (1, 2, 4, 5, 3)),
    ("LPPool1d", (2, 3), {"stride": 2}, (2, 3, 9)),
    ("LPPool2d", (2, (3, 2)), {}, (1, 2, 5, 4)),
    ("LPPool3d", (2, 2), {}, (1, 2, 4, 4, 3)),
]


@pytest.mark.parametrize("case", CASES, ids=case_name)
def test_layer(case: LayerCase) -> None:
    check_layer(case, 1.0)


@pytest.mark.parametrize("spatial", [1, 2, 3])
def test_unpooling_puts_maxima_back(spatial: int) -> None:
    x = np.random.default_rng(0).normal(size=(2, 2) + (4,) * spatial)

    def back(library):
        pool = getattr(library, f"MaxPool{spatial}d")(2, return_indices=True)
        unpool = getattr(library, f"MaxUnpool{spatial}d")(2)
        return lambda value: unpool(*pool(value))

    Oracle().function(back(nn), back(torch.nn), x)
    assert repr(nn.MaxUnpool2d(2)) == repr(torch.nn.MaxUnpool2d(2))


def test_adaptive_indices_are_where_the_maxima_are() -> None:
    y, where = nn.AdaptiveMaxPool1d(2, return_indices=True)(firth.tensor([[[1.0, 3.0, 2.0, 0.0]]]))
    assert y.tolist() == [[[3.0, 2.0]]]
    assert where.tolist() == [[[1, 2]]]
