"""From equal weights, the losses of 200 training steps follow PyTorch's.

float64: to 1e-11, relative. float32: within 3 times what PyTorch differs from itself when the rows
of every batch are permuted (which changes nothing but rounding), with a floor of 1e-5.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import firth
from firth import nn as fnn
from firth import optim as foptim

torch = pytest.importorskip("torch")

STEPS = 200


def mlp(nn: Any) -> Any:
    return nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))


def cnn(nn: Any) -> Any:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 5),
    )


def transformer(nn: Any) -> Any:
    class Classifier(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(11, 8)
            self.encoder = nn.TransformerEncoder(
                nn.TransformerEncoderLayer(
                    8, 2, 16, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
                ),
                2,
                norm=nn.LayerNorm(8),
            )
            self.head = nn.Linear(8, 5)

        def forward(self, tokens: Any) -> Any:
            return self.head(self.encoder(self.embed(tokens)).mean(1))

    return Classifier()


def batches(name: str) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    if name == "mlp":
        return rng.normal(size=(8, 64, 784)), rng.integers(0, 10, (8, 64))
    if name == "cnn":
        return rng.normal(size=(8, 8, 1, 8, 8)), rng.integers(0, 5, (8, 8))
    return rng.integers(0, 11, (8, 8, 6)), rng.integers(0, 5, (8, 8))


CASES: dict[str, tuple[Callable[[Any], Any], str, dict[str, Any]]] = {
    "mlp": (mlp, "Adam", {"lr": 1e-4}),
    "cnn": (cnn, "SGD", {"lr": 1e-2, "momentum": 0.9, "weight_decay": 1e-3}),
    "transformer": (transformer, "AdamW", {"lr": 1e-3}),
}


def losses(
    net: Any, package: Any, optimizer: Any, make: Callable[..., Any], data: Any, order: Any = None
) -> np.ndarray:
    out = []
    loss_of = package.CrossEntropyLoss()
    for step in range(STEPS):
        x, y = data[0][step % 8], data[1][step % 8]
        if order is not None:
            x, y = x[order], y[order]
        optimizer.zero_grad()
        loss = loss_of(net(make(x)), make(y))
        loss.backward()
        optimizer.step()
        out.append(loss.item())
    return np.array(out)


def start(name: str) -> dict[str, Any]:
    torch.manual_seed(0)
    return CASES[name][0](torch.nn).state_dict()  # type: ignore[no-any-return]


def pytorch(name: str, dtype: Any, order: Any = None) -> np.ndarray:
    build, optimizer, options = CASES[name]
    net = build(torch.nn)
    net.load_state_dict(start(name))
    net = net.to(getattr(torch, dtype))
    x, y = batches(name)
    data = (x.astype(dtype) if x.dtype.kind == "f" else x), y
    rule = getattr(torch.optim, optimizer)(net.parameters(), **options)
    return losses(net, torch.nn, rule, torch.tensor, data, order)


def ours(name: str, dtype: str) -> np.ndarray:
    build, optimizer, options = CASES[name]
    net = build(fnn)
    net.load_state_dict({k: v.numpy() for k, v in start(name).items()})
    net = net.to(getattr(firth, dtype))
    x, y = batches(name)
    data = (x.astype(dtype) if x.dtype.kind == "f" else x), y
    rule = getattr(foptim, optimizer)(net.parameters(), **options)
    return losses(net, fnn, rule, firth.from_numpy, data)


def difference(a: np.ndarray, b: np.ndarray) -> float:
    return float((np.abs(a - b) / np.abs(b)).max())


@pytest.mark.parametrize("name", CASES)
def test_float64(name: str) -> None:
    assert difference(ours(name, "float64"), pytorch(name, "float64")) < 1e-11


@pytest.mark.parametrize("name", CASES)
def test_float32(name: str) -> None:
    reference = pytorch(name, "float32")
    rng = np.random.default_rng(1)
    own = max(
        difference(pytorch(name, "float32", rng.permutation(len(batches(name)[1][0]))), reference)
        for _ in range(2)
    )
    assert difference(ours(name, "float32"), reference) <= max(1e-5, 3 * own)
