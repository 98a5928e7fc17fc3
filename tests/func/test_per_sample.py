"""Gradients of every example by vmap are those of a loop, for every layer there is.

A layer that is new fails here until it has its row, or its reason in OUT. The reference target
runs them: what vmap makes of a layer is the same graph everywhere, and nothing is compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

import firth
from firth import nn
from firth.base import flags
from firth.func import functional_call, grad, vmap

OUT = {
    "Module": "has no forward of its own", "ModuleDict": "a container without forward",
    "ModuleList": "a container without forward", "ParameterList": "a container without forward",
    **dict.fromkeys(
        ("AlphaDropout", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d"),
        "other numbers for every example: test_modules.py; in evaluation they are the identity",
    ),
    **{name: "becomes another layer at its first call" for name in dir(nn) if name[:4] == "Lazy"},
}  # fmt: skip
COUNT = 3
_rng = np.random.default_rng(5)


def floats(*shape: int) -> np.ndarray:
    return _rng.standard_normal((COUNT, *shape))


def shares(*shape: int) -> np.ndarray:
    return _rng.uniform(0.1, 0.9, (COUNT, *shape))


def signs(*shape: int) -> np.ndarray:
    return np.where(_rng.random((COUNT, *shape)) < 0.5, -1.0, 1.0)


def whole(below: int, *shape: int) -> np.ndarray:
    return _rng.integers(0, below, (COUNT, *shape))


def log_shares(*shape: int) -> np.ndarray:
    x = np.exp(floats(*shape))
    return np.log(x / x.sum(-1, keepdims=True))


ROW, LINES, IMAGE, VOLUME = floats(4), floats(2, 4, 6), floats(2, 4, 6, 6), floats(1, 4, 4, 4, 4)
Row = tuple[Callable[[], nn.Module], tuple[np.ndarray, ...]]


def _plain() -> Iterator[tuple[str, Row]]:
    """Layers that are made without an argument: activations, losses, distances."""
    for name in (
        "CELU ELU GELU GLU Hardshrink Hardsigmoid Hardswish Hardtanh Identity LeakyReLU LogSigmoid "
        "Mish PReLU ReLU ReLU6 SELU SiLU Sigmoid Softplus Softshrink Softsign Tanh Tanhshrink "
    ).split():
        yield name, (getattr(nn, name), (ROW,))
    for name in "Softmax LogSoftmax Softmin".split():
        yield name, (partial(getattr(nn, name), -1), (floats(2, 5),))
    for name in "HuberLoss L1Loss MSELoss PoissonNLLLoss SmoothL1Loss".split():
        yield name, (getattr(nn, name), (floats(4), floats(4)))
    for name in "BCELoss BCEWithLogitsLoss KLDivLoss MultiLabelSoftMarginLoss".split():
        yield name, (getattr(nn, name), (shares(2, 4), shares(2, 4)))
    for name in "CrossEntropyLoss NLLLoss MultiMarginLoss".split():
        yield name, (getattr(nn, name), (floats(2, 4), whole(4, 2)))
    for name in "HingeEmbeddingLoss SoftMarginLoss".split():
        yield name, (getattr(nn, name), (floats(4), signs(4)))
    for name in "CosineSimilarity PairwiseDistance".split():
        yield name, (getattr(nn, name), (floats(2, 4), floats(2, 4)))


def _by_dims() -> Iterator[tuple[str, Row]]:
    """Layers of one, two and three spatial dimensions."""
    for dims, x in ((1, LINES), (2, IMAGE), (3, VOLUME)):

        def row(name: str, *args: Any, x: np.ndarray = x, dims: int = dims, **words: Any) -> Any:
            kind = getattr(nn, f"{name}{dims}d")
            return f"{name}{dims}d", (lambda: kind(*args, **words), (x,))

        yield row("Conv", 4, 2, 3, padding=1)
        yield row("ConvTranspose", 4, 2, 3, stride=2)
        yield row("BatchNorm", 4, track_running_stats=False)
        yield row("InstanceNorm", 4, affine=True)
        yield row("MaxPool", 2)
        yield row("AvgPool", 2)
        yield row("LPPool", 2.0, 2, x=np.abs(x))
        yield row("AdaptiveAvgPool", 2)
        yield row("AdaptiveMaxPool", 2)
        for pad in ("CircularPad", "ReflectionPad", "ReplicationPad", "ZeroPad"):
            yield row(pad, 1)
        yield row("ConstantPad", 1, 2.0)
        places = 2 * np.arange(4) if dims == 1 else np.array([0, 3, 9, 14])
        shape = (1, 2, *(2,) * dims)
        count = 2**dims
        at = np.broadcast_to(np.resize(places, count).reshape((2,) * dims), (COUNT, *shape))
        if dims == 3:
            at = np.broadcast_to(np.array([0, 3, 9, 14, 20, 33, 41, 63]).reshape(2, 2, 2), at.shape)
        yield row("MaxUnpool", 2)[0], (row("MaxUnpool", 2)[1][0], (floats(*shape), at.copy()))


def _others() -> Iterator[tuple[str, Row]]:
    words = floats(3, 8)
    encoder = {"dropout": 0.0, "batch_first": True}
    yield "Linear", (lambda: nn.Linear(4, 3), (ROW,))
    yield "Bilinear", (lambda: nn.Bilinear(4, 3, 2), (ROW, floats(3)))
    yield "Embedding", (lambda: nn.Embedding(7, 3), (whole(7, 4),))
    yield "EmbeddingBag", (lambda: nn.EmbeddingBag(7, 3), (whole(7, 2, 4),))
    yield "LayerNorm", (lambda: nn.LayerNorm(4), (ROW,))
    yield "RMSNorm", (lambda: nn.RMSNorm(4), (ROW,))
    yield "GroupNorm", (lambda: nn.GroupNorm(2, 4), (IMAGE,))
    yield "LocalResponseNorm", (lambda: nn.LocalResponseNorm(3), (IMAGE,))
    yield "RNN", (lambda: nn.RNN(4, 3), (floats(5, 4),))
    yield "GRU", (lambda: nn.GRU(4, 3, bidirectional=True), (floats(5, 2, 4),))
    yield "LSTM", (lambda: nn.LSTM(4, 3, num_layers=2, batch_first=True), (floats(2, 5, 4),))
    yield "RNNCell", (lambda: nn.RNNCell(4, 3), (ROW, floats(3)))
    yield "GRUCell", (lambda: nn.GRUCell(4, 3), (floats(2, 4), floats(2, 3)))
    yield "LSTMCell", (lambda: nn.LSTMCell(4, 3), (floats(2, 4),))
    yield "MultiheadAttention", (lambda: nn.MultiheadAttention(8, 2), (words, words, words))
    yield (
        "TransformerEncoderLayer",
        (lambda: nn.TransformerEncoderLayer(8, 2, 16, **encoder), (floats(2, 3, 8),)),
    )
    yield (
        "TransformerEncoder",
        (
            lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, **encoder), 2),
            (floats(2, 3, 8),),
        ),
    )
    yield (
        "TransformerDecoderLayer",
        (
            lambda: nn.TransformerDecoderLayer(8, 2, 16, **encoder),
            (floats(2, 3, 8), floats(2, 5, 8)),
        ),
    )
    yield (
        "TransformerDecoder",
        (
            lambda: nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16, **encoder), 1),
            (floats(2, 3, 8), floats(2, 5, 8)),
        ),
    )
    yield (
        "Transformer",
        (
            lambda: nn.Transformer(8, 2, 1, 1, 16, **encoder),
            (floats(2, 5, 8), floats(2, 3, 8)),
        ),
    )
    for dims, image in ((2, IMAGE), (3, VOLUME)):
        drawn = np.full((image.shape[1], 4, dims), 0.3)  # else every example has other windows
        pool = getattr(nn, f"FractionalMaxPool{dims}d")
        yield (
            pool.__name__,
            (partial(pool, 2, 2, _random_samples=firth.tensor(drawn)), (image,)),
        )
    yield "Sequential", (lambda: nn.Sequential(nn.Linear(4, 3), nn.Tanh()), (ROW,))
    yield "Threshold", (lambda: nn.Threshold(0.1, 2.0), (ROW,))
    yield "Softmax2d", (nn.Softmax2d, (floats(4, 3, 3),))
    yield "ChannelShuffle", (lambda: nn.ChannelShuffle(2), (IMAGE,))
    yield "PixelShuffle", (lambda: nn.PixelShuffle(2), (IMAGE,))
    yield "PixelUnshuffle", (lambda: nn.PixelUnshuffle(2), (IMAGE,))
    yield "Flatten", (nn.Flatten, (IMAGE,))
    yield "Unflatten", (lambda: nn.Unflatten(0, (2, 2)), (ROW,))
    yield "Unfold", (lambda: nn.Unfold(2), (IMAGE,))
    yield "Fold", (lambda: nn.Fold((3, 3), 2), (floats(8, 4),))
    yield "Upsample", (lambda: nn.Upsample(scale_factor=2, mode="bicubic"), (IMAGE,))
    yield "UpsamplingBilinear2d", (lambda: nn.UpsamplingBilinear2d(scale_factor=2), (IMAGE,))
    yield "UpsamplingNearest2d", (lambda: nn.UpsamplingNearest2d(scale_factor=2), (IMAGE,))
    yield "CosineEmbeddingLoss", (nn.CosineEmbeddingLoss, (floats(2, 4), floats(2, 4), signs(2)))
    yield "MarginRankingLoss", (nn.MarginRankingLoss, (floats(4), floats(4), signs(4)))
    yield "GaussianNLLLoss", (nn.GaussianNLLLoss, (floats(4), floats(4), shares(4)))
    yield "TripletMarginLoss", (nn.TripletMarginLoss, (floats(2, 4), floats(2, 4), floats(2, 4)))
    yield (
        "MultiLabelMarginLoss",
        (
            nn.MultiLabelMarginLoss,
            (floats(4), np.array([[3, 0, -1, 1], [1, -1, 0, 0], [2, 1, 0, 3]])),
        ),
    )
    yield (
        "CTCLoss",
        (nn.CTCLoss, (log_shares(6, 2, 4), 1 + whole(3, 2, 2), whole(1, 2) + 6, whole(1, 2) + 2)),
    )


LAYERS: dict[str, Row] = {k: row for part in (_plain, _by_dims, _others) for k, row in part()}


def test_every_layer_has_a_row_or_a_reason() -> None:
    there = {
        name for name in nn.__all__
        if isinstance(getattr(nn, name), type) and issubclass(getattr(nn, name), nn.Module)
    }  # fmt: skip
    assert there == {*LAYERS, *OUT}
    assert not set(LAYERS) & set(OUT)


@pytest.fixture(autouse=True)
def reference() -> Iterator[None]:
    flags.put("FIRTH_TARGET", "ref")
    yield
    flags.put("FIRTH_TARGET", None)


def _leaves(tree: Any) -> list[firth.Tensor]:
    if tree is None or isinstance(tree, firth.Tensor):
        return [] if tree is None else [tree]
    parts = tree.values() if isinstance(tree, dict) else tree
    return [x for part in parts for x in _leaves(part)]


@pytest.mark.parametrize("name", LAYERS)
def test_gradients_of_every_example_are_those_of_a_loop(name: str) -> None:
    make, arrays = LAYERS[name]
    layer = make().double()
    state = {k: p.detach() for k, p in layer.named_parameters()}
    given = [firth.from_numpy(a) for a in arrays]
    real = [i for i, x in enumerate(given) if x.dtype.kind == "f"]

    def loss(state: Any, moved: Any, *inputs: firth.Tensor) -> firth.Tensor:
        full = [moved[real.index(i)] if i in real else x for i, x in enumerate(inputs)]
        total = firth.zeros((), dtype=firth.float64)
        for y in _leaves(functional_call(layer, state, tuple(full))):
            slope = firth.linspace(0.5, 1.5, y.numel(), dtype=firth.float64)
            total = total + (y * slope.reshape(y.shape)).sum()
        return total

    each = grad(loss, argnums=(0, 1))
    places = (None, 0, *(0 for _ in given))
    found = vmap(each, in_dims=places)(state, [given[i] for i in real], *given)
    for k in range(COUNT):
        alone = each(state, [given[i][k] for i in real], *(x[k] for x in given))
        for part, one in zip(_leaves(found), _leaves(alone), strict=True):
            np.testing.assert_allclose(part[k].numpy(), one.numpy(), rtol=1e-9, atol=1e-10)
