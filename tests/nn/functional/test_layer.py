"""firth.nn.functional.layer against PyTorch: what no module covers, and refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from torch.nn import functional as TF

import firth
from firth.nn import functional as F
from tests.nn.oracle import Oracle

RNG = np.random.default_rng(0)


def draw(*shape: int) -> Any:
    return RNG.normal(size=shape)


@pytest.mark.parametrize(
    "options",
    [{}, {"stride": 2, "padding": 1, "output_padding": 1}, {"groups": 2, "dilation": 2}],
    ids=str,
)
def test_conv_transpose(options: Any) -> None:
    for spatial in (1, 2):
        name = f"conv_transpose{spatial}d"
        Oracle().function(
            lambda x, w, b, name=name: getattr(F, name)(x, w, b, **options),
            lambda x, w, b, name=name: getattr(TF, name)(x, w, b, **options),
            draw(2, 4, *(5,) * spatial), draw(4, 3, *(3,) * spatial),
            draw(3 * options.get("groups", 1)),
        )  # fmt: skip


@pytest.mark.parametrize("training", [False, True])
def test_batch_norm(training: bool) -> None:
    mean, var = draw(3), np.abs(draw(3)) + 0.5
    Oracle().function(
        lambda x, w, b: F.batch_norm(x, firth.tensor(mean), firth.tensor(var), w, b, training),
        lambda x, w, b: TF.batch_norm(x, _t(mean), _t(var), w, b, training),
        draw(5, 3, 2), draw(3), draw(3),
    )  # fmt: skip


def _t(x: Any) -> Any:
    import torch

    return torch.tensor(x)


def test_norms_with_a_bias_alone() -> None:
    Oracle().function(
        lambda x, b: F.layer_norm(x, (4,), None, b),
        lambda x, b: TF.layer_norm(x, (4,), None, b),
        draw(3, 4), draw(4),
    )  # fmt: skip


def test_embedding_with_a_negative_padding_index() -> None:
    index = np.array([[0, 2], [3, 3]])
    Oracle().function(
        lambda w: F.embedding(firth.tensor(index), w, padding_idx=-1),
        lambda w: TF.embedding(_t(index), w, padding_idx=-1),
        draw(4, 3),
    )


def test_what_is_refused() -> None:
    x = firth.zeros(2, 3, 5, 5)
    w = firth.zeros(4, 3, 3, 3)
    with pytest.raises(ValueError, match="padding='same'"):
        F.conv2d(x, w, stride=2, padding="same")
    with pytest.raises(ValueError, match="unknown padding"):
        F.conv2d(x, w, padding="full")
    with pytest.raises(ValueError, match="negative padding"):
        F.conv2d(x, w, padding=-1)
    with pytest.raises(firth.FirthError, match="this weight does not fit"):
        F.conv2d(x, w[0], padding="same")
    with pytest.raises(ValueError, match=r"conv2d.*\(5, 5\)"):
        F.conv2d(firth.zeros(5, 5), w)
    with pytest.raises(ValueError, match="windows that do not move"):
        F.max_pool2d(x, 2, stride=0)
    with pytest.raises(ValueError, match="no variance"):
        F.batch_norm(firth.zeros(1, 3), None, None, training=True)
    with pytest.raises(ValueError, match="running"):
        F.batch_norm(x, None, None)
    with pytest.raises(ValueError, match="layer_norm"):
        F.layer_norm(x, (4,))
    with pytest.raises(ValueError, match="probability"):
        F.dropout(x, -0.1)
