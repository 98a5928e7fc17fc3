"""firth.nn.linear against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from firth import nn
from tests.nn.oracle import SCALES, LayerCase, Oracle, case_name, check_layer

CASES: list[LayerCase] = [
    ("Linear", (5, 3), {}, (4, 5)),
    ("Linear", (5, 3), {"bias": False}, (2, 4, 5)),
    ("Flatten", (), {}, (2, 3, 4)),
    ("Unflatten", (1, (2, 3)), {}, (2, 6, 4)),
    ("Identity", (), {}, (2, 3)),
]


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("case", CASES, ids=case_name)
def test_layer(case: LayerCase, scale: float) -> None:
    check_layer(case, scale)


def test_bilinear() -> None:
    x1, x2 = np.random.default_rng(0).normal(size=(2, 5, 3))
    ours, theirs = (lib.Bilinear(3, 3, 4) for lib in (nn, torch.nn))
    assert repr(ours) == repr(theirs)
    Oracle().module(ours, theirs, x1, x2)
    with pytest.raises(ValueError, match="in1_features"):
        nn.Bilinear(0, 3, 4)
