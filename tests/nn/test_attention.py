"""firth.nn.attention against PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn as tnn

import firth
from firth import nn
from tests.nn.oracle import Oracle

ORACLE = Oracle()


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("need_weights", [False, True])
def test_self_attention(batch_first: bool, need_weights: bool) -> None:
    theirs = tnn.MultiheadAttention(8, 2, batch_first=batch_first)
    ours = nn.MultiheadAttention(8, 2, batch_first=batch_first)
    pick = 1 if need_weights else 0
    for module in (theirs, ours):
        inner = module.forward
        module.forward = lambda x, f=inner: f(x, x, x, need_weights=need_weights)[pick]
    ORACLE.module(ours, theirs, np.random.default_rng(0).normal(size=(3, 4, 8)))


def test_masks_and_sizes() -> None:
    rng = np.random.default_rng(0)
    theirs = tnn.MultiheadAttention(8, 2, kdim=6, vdim=5, batch_first=True).double()
    ours = nn.MultiheadAttention(8, 2, kdim=6, vdim=5, batch_first=True).double()
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    inputs = [rng.normal(size=s) for s in ((2, 3, 8), (2, 4, 6), (2, 4, 5))]
    padding = np.array([[False, False, True, False], [False, False, False, True]])
    causal = np.triu(np.ones((3, 4), bool), 2)

    def run(module: Any, make: Any, **options: Any) -> Any:
        q, k, v = map(make, inputs)
        masks = dict(key_padding_mask=make(padding), attn_mask=make(causal))
        return module(q, k, v, **masks, **options)

    for average in (True, False):
        mine = run(ours, firth.tensor, average_attn_weights=average)
        for a, b in zip(mine, run(theirs, torch.tensor, average_attn_weights=average), strict=True):
            ORACLE.close(a, b)
    out, weights = run(ours, firth.tensor, need_weights=False)
    assert weights is None
    ORACLE.close(out, run(theirs, torch.tensor)[0])


def test_without_a_batch() -> None:
    x = np.random.default_rng(0).normal(size=(4, 8))
    theirs, ours = tnn.MultiheadAttention(8, 2).double(), nn.MultiheadAttention(8, 2).double()
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    a, b = firth.tensor(x), torch.tensor(x)
    for mine, other in zip(ours(a, a, a), theirs(b, b, b), strict=True):
        ORACLE.close(mine, other)


def test_heads_must_divide_the_embedding() -> None:
    with pytest.raises(ValueError, match="heads"):
        nn.MultiheadAttention(8, 3)


@pytest.mark.parametrize("batch_first", [False, True])
def test_more_keys(batch_first: bool) -> None:
    options = dict(add_bias_kv=True, add_zero_attn=True, batch_first=batch_first)
    theirs, ours = tnn.MultiheadAttention(8, 2, **options), nn.MultiheadAttention(8, 2, **options)
    hidden = np.triu(np.ones((4, 4), bool), 1)
    for module, make in ((theirs, torch.tensor), (ours, firth.tensor)):
        inner = module.forward
        module.forward = lambda x, f=inner, m=make: f(x, x, x, attn_mask=m(hidden))[0]
    ORACLE.module(ours, theirs, np.random.default_rng(0).normal(size=(4, 4, 8)))
