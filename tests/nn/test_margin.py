"""firth.nn.margin against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

from firth import nn
from tests.nn.oracle import Oracle

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(2, 6, 4))
SIGNS = np.where(RNG.normal(size=(6, 4)) > 0, 1, -1)
ROWS = SIGNS[:, 0].copy()
CLASSES = RNG.integers(0, 4, 6)
LABELS = np.array([[1, -1, 0, 2], [3, 0, -1, 1], [2, 1, 0, 3]] * 2)
CASES = [
    ("SoftMarginLoss", {"reduction": "sum"}, (X, SIGNS)),
    ("MarginRankingLoss", {"margin": 0.3}, (X[:, 0].copy(), Y[:, 0].copy(), ROWS)),
    ("HingeEmbeddingLoss", {"margin": 0.5}, (X, SIGNS)),
    ("CosineEmbeddingLoss", {"margin": 0.1, "reduction": "none"}, (X, Y, ROWS)),
    ("PoissonNLLLoss", {"full": True}, (X, np.abs(Y))),
    ("PoissonNLLLoss", {"log_input": False}, (np.abs(X), np.abs(Y))),
    ("GaussianNLLLoss", {"full": True}, (X, Y, np.abs(X) + 0.5)),
    ("MultiMarginLoss", {"p": 2, "margin": 0.7}, (X, CLASSES)),
    ("MultiLabelMarginLoss", {"reduction": "sum"}, (X, LABELS)),
    ("MultiLabelSoftMarginLoss", {}, (X, (SIGNS > 0).astype(float))),
    ("TripletMarginLoss", {"swap": True}, (X, Y, Y[::-1].copy())),
    ("CosineSimilarity", {"dim": -1}, (X, Y)),
    ("PairwiseDistance", {"p": 3.0, "keepdim": True}, (X, Y)),
]


@pytest.mark.parametrize("name, options, inputs", CASES)
def test_as_pytorch(name, options, inputs):
    Oracle().function(getattr(nn, name)(**options), getattr(torch.nn, name)(**options), *inputs)
