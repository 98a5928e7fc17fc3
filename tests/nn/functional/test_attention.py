"""firth.nn.functional.attention against PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as TF

import firth
from firth.nn import functional as F
from tests.nn.oracle import Oracle

RNG = np.random.default_rng(0)
Q, K, V = (RNG.normal(size=s) for s in ((2, 3, 4, 6), (2, 3, 5, 6), (2, 3, 5, 7)))
SEEN = RNG.random((4, 5)) < 0.7
SEEN[:, 0] = True
BIAS = RNG.normal(size=(2, 1, 4, 5))


@pytest.mark.parametrize("scale", [None, 0.3])
@pytest.mark.parametrize(
    "mask", [None, SEEN, BIAS, "causal"], ids=["none", "bool", "float", "causal"]
)
def test_against_pytorch(mask: Any, scale: float | None) -> None:
    causal = isinstance(mask, str)

    def run(functional: Any, make: Any) -> Any:
        given = None if mask is None or causal else make(mask)
        return lambda q, k, v: functional.scaled_dot_product_attention(
            q, k, v, given, 0.0, causal, scale=scale
        )

    Oracle().function(run(F, firth.tensor), run(TF, torch.tensor), Q, K, V)


def test_grouped_queries() -> None:
    q, k, v = (RNG.normal(size=(2, n, 4, 6)) for n in (4, 2, 2))
    Oracle().function(
        lambda *a: F.scaled_dot_product_attention(*a, enable_gqa=True),
        lambda *a: TF.scaled_dot_product_attention(*a, enable_gqa=True),
        q, k, v,
    )  # fmt: skip


def test_dropout_drops_weights() -> None:
    firth.manual_seed(0)
    q = firth.zeros(1, 64, 4)
    out = F.scaled_dot_product_attention(q, q, firth.eye(64).unsqueeze(0), dropout_p=0.5)
    dropped = (out.numpy() == 0).mean()
    assert 0.4 < dropped < 0.6
    np.testing.assert_allclose(out.numpy().max(), 2 / 64, rtol=1e-6)
