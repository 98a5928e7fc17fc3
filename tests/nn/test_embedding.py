"""firth.nn.embedding against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn as tnn

import firth
from firth import nn
from tests.nn.oracle import Oracle


def test_embedding() -> None:
    x = np.random.default_rng(0).integers(0, 7, (3, 4))
    Oracle().module(nn.Embedding(7, 5), tnn.Embedding(7, 5), x)


def test_padding_row_is_zero_and_gets_no_gradient() -> None:
    x = np.random.default_rng(0).integers(0, 7, (3, 4))
    x[0, 0] = 5
    ours, theirs = nn.Embedding(7, 5, padding_idx=-2), tnn.Embedding(7, 5, padding_idx=-2)
    assert not np.asarray(ours.weight.detach())[5].any()
    Oracle().module(ours, theirs, x)


def test_an_index_outside_is_refused() -> None:
    with pytest.raises(IndexError):
        nn.Embedding(7, 5)(firth.tensor([7])).detach().numpy()


def test_from_pretrained() -> None:
    table = firth.tensor([[1.0, 2.0], [3.0, 4.0]])
    layer = nn.Embedding.from_pretrained(table)
    assert not layer.weight.requires_grad
    assert layer(firth.tensor([1])).tolist() == [[3.0, 4.0]]


def test_embedding_bag() -> None:
    x, offsets = np.array([1, 2, 4, 0, 3]), np.array([0, 2])
    for mode in ("mean", "sum", "max"):
        ours, theirs = (lib.EmbeddingBag(5, 3, mode=mode, padding_idx=4) for lib in (nn, torch.nn))
        assert repr(ours) == repr(theirs)
        Oracle().module(ours, theirs, x, offsets)
    with pytest.raises(ValueError, match="mode"):
        nn.EmbeddingBag(5, 3, mode="median")
