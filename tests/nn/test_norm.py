"""firth.nn.norm against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn as tnn

import firth
from firth import nn
from tests.nn.oracle import SCALES, LayerCase, Oracle, case_name, check_layer

CASES: list[LayerCase] = [
    ("BatchNorm1d", (3,), {}, (6, 3)),
    ("BatchNorm1d", (3,), {"momentum": None}, (4, 3, 5)),
    ("BatchNorm2d", (3,), {}, (4, 3, 5, 2)),
    ("BatchNorm3d", (3,), {}, (2, 3, 2, 3, 2)),
    ("BatchNorm2d", (3,), {"affine": False}, (4, 3, 5, 2)),
    ("BatchNorm2d", (3,), {"track_running_stats": False}, (4, 3, 5, 2)),
    ("LayerNorm", (6,), {}, (4, 6)),
    ("LayerNorm", ((3, 4),), {"bias": False}, (2, 3, 4)),
    ("LayerNorm", (6,), {"elementwise_affine": False}, (4, 6)),
    ("RMSNorm", (6,), {}, (4, 6)),
    ("RMSNorm", (6,), {"eps": 1e-3}, (2, 4, 6)),
    ("GroupNorm", (2, 6), {}, (3, 6, 4)),
]


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("case", CASES, ids=case_name)
def test_layer(case: LayerCase, scale: float) -> None:
    check_layer(case, scale)


@pytest.mark.parametrize("name", ["BatchNorm1d", "BatchNorm2d"])
def test_batch_norm_in_evaluation(name: str) -> None:
    rng = np.random.default_rng(0)
    shape = (4, 3, 5) if name == "BatchNorm1d" else (4, 3, 5, 2)
    theirs = getattr(tnn, name)(3).double()
    for _ in range(3):
        theirs(torch.tensor(rng.normal(size=shape) * 3 + 1))
    Oracle().module(getattr(nn, name)(3), theirs.eval(), rng.normal(size=shape))


def test_an_empty_batch_leaves_running_statistics_alone() -> None:
    layer = nn.BatchNorm2d(3)
    assert layer(firth.zeros(0, 3, 2, 2)).shape == (0, 3, 2, 2)
    assert layer.running_mean.tolist() == [0, 0, 0]
    assert layer.num_batches_tracked.item() == 1


def test_batch_norm_names_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match=r"BatchNorm2d.*\(2, 3, 4\).*\(N, 3, \.\.\.\)"):
        nn.BatchNorm2d(3)(firth.zeros(2, 3, 4))
