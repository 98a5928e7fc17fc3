"""firth.nn.transformer against PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn as tnn

import firth
from firth import nn
from firth.base.errors import ShapeError
from tests.nn.oracle import Oracle

ORACLE = Oracle()
SMALL: dict[str, Any] = {"dim_feedforward": 12, "dropout": 0.0}


def floats(*shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape)).normal(size=shape)


@pytest.mark.parametrize("norm_first", [False, True])
def test_encoder_layer(norm_first: bool) -> None:
    options: dict[str, Any] = {"dim_feedforward": 12, "dropout": 0.0, "norm_first": norm_first}
    theirs, ours = tnn.TransformerEncoderLayer(8, 2, **options), None
    ours = nn.TransformerEncoderLayer(8, 2, **options)
    ORACLE.module(ours, theirs, np.random.default_rng(0).normal(size=(3, 4, 8)))


def test_encoder() -> None:
    options: dict[str, Any] = {"dim_feedforward": 12, "dropout": 0.0, "batch_first": True}
    theirs = tnn.TransformerEncoder(tnn.TransformerEncoderLayer(8, 2, **options), 2)
    ours = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, **options), 2)
    ORACLE.module(ours, theirs, np.random.default_rng(0).normal(size=(3, 4, 8)))


@pytest.mark.parametrize("norm_first", [False, True])
def test_decoder(norm_first: bool) -> None:
    options = {**SMALL, "norm_first": norm_first, "activation": "gelu", "bias": False}
    theirs = tnn.TransformerDecoder(tnn.TransformerDecoderLayer(8, 2, **options), 2)
    ours = nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, **options), 2)
    assert repr(ours.layers[0].multihead_attn.out_proj).startswith("Linear(")
    ORACLE.module(ours, theirs, floats(3, 4, 8), floats(5, 4, 8))


@pytest.mark.parametrize("batch_first", [False, True])
def test_the_whole_with_masks(batch_first: bool) -> None:
    args = (8, 2, 1, 2, 12, 0.0)
    theirs = tnn.Transformer(*args, batch_first=batch_first)
    ours = nn.Transformer(*args, batch_first=batch_first)
    later = tnn.Transformer.generate_square_subsequent_mask(3, dtype=torch.float64)
    mask = nn.Transformer.generate_square_subsequent_mask(3, dtype=firth.float64)
    ORACLE.close(mask, later)
    hidden = np.zeros((4, 5), bool)
    hidden[1, 3:] = True
    src, tgt = floats(5, 4, 8), floats(3, 4, 8) + 1
    if batch_first:
        src, tgt = src.swapaxes(0, 1), tgt.swapaxes(0, 1)
    for module, seen, make in ((theirs, later, torch.tensor), (ours, mask, firth.tensor)):
        inner, rest = module.forward, {"src_key_padding_mask": make(hidden)}
        module.forward = lambda a, b, f=inner, m=seen, r=rest: f(a, b, tgt_mask=m, **r)
    ORACLE.module(ours, theirs, src, tgt)


def test_one_example_and_modules_of_ones_own() -> None:
    model = nn.Transformer(8, 2, custom_encoder=Same(), custom_decoder=Same())
    src, tgt = firth.randn(5, 8), firth.randn(3, 8)
    assert firth.equal(model(src, tgt), tgt) and not list(model.parameters())
    assert nn.Transformer(8, 2, 1, 1, 12)(src, tgt).shape == (3, 8)


class Same(nn.Module):
    def forward(self, x: Any, *_: Any) -> Any:
        return x


def test_sequences_must_fit() -> None:
    model = nn.Transformer(8, 2, 1, 1, 12)
    for src, tgt in (((5, 4, 8), (3, 3, 8)), ((5, 4, 6), (3, 4, 6)), ((5, 8), (3, 4, 8))):
        with pytest.raises(ShapeError, match=r"Transformer: src and tgt do not fit; got .5, "):
            model(firth.ones(*src), firth.ones(*tgt))


def test_a_jitted_step_is_the_eager_one() -> None:
    model = nn.Transformer(8, 2, 1, 1, 12, 0.0)
    src, tgt = firth.randn(5, 2, 8), firth.randn(3, 2, 8)
    assert firth.allclose(firth.jit(model)(src, tgt), model(src, tgt), atol=1e-6)
