"""firth.nn.init: the distributions are PyTorch's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn as tnn

import firth
from firth import nn
from firth.nn import init

SHAPE = (80, 50, 3)
CASES: list[tuple[str, dict[str, Any]]] = [
    ("uniform_", {"a": -2.0, "b": 3.0}),
    ("normal_", {"mean": 1.0, "std": 2.0}),
    ("trunc_normal_", {"std": 2.0, "a": -2.0, "b": 3.0}),
    ("xavier_uniform_", {"gain": 2.0}),
    ("xavier_normal_", {}),
    ("kaiming_uniform_", {"a": math.sqrt(5)}),
    ("kaiming_uniform_", {"mode": "fan_out", "nonlinearity": "relu"}),
    ("kaiming_normal_", {"nonlinearity": "tanh"}),
    ("zeros_", {}),
    ("ones_", {}),
    ("constant_", {"val": 0.3}),
]


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[0]}-{c[1]}")
def test_moments_and_bounds(case: Any) -> None:
    name, options = case
    firth.manual_seed(1)
    torch.manual_seed(1)
    mine = nn.Parameter(firth.zeros(*SHAPE))
    assert getattr(init, name)(mine, **options) is mine
    ours, theirs = mine.detach().numpy(), getattr(init_of_torch(), name)(
        torch.zeros(SHAPE), **options
    ).numpy()  # fmt: skip
    spread = max(float(theirs.std()), 1e-9)
    assert abs(ours.mean() - theirs.mean()) < 0.05 * spread
    assert abs(ours.std() - theirs.std()) < 0.03 * spread
    if "normal" not in name or "trunc" in name:
        assert abs(ours.max() - theirs.max()) < 0.02 * spread + 1e-6
        assert abs(ours.min() - theirs.min()) < 0.02 * spread + 1e-6
    assert mine.requires_grad


def init_of_torch() -> Any:
    return tnn.init


def test_orthogonal() -> None:
    for shape in ((6, 4), (4, 6), (3, 2, 5)):
        w = init.orthogonal_(firth.zeros(*shape, dtype=firth.float64), gain=2.0).numpy()
        flat = w.reshape(shape[0], -1)
        gram = flat @ flat.T if flat.shape[0] <= flat.shape[1] else flat.T @ flat
        np.testing.assert_allclose(gram, 4 * np.eye(len(gram)), atol=1e-12)


def test_eye() -> None:
    assert init.eye_(firth.zeros(2, 3)).tolist() == [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]


def test_the_seed_decides() -> None:
    def draw(seed: int) -> list[Any]:
        firth.manual_seed(seed)
        net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
        return [p.tolist() for p in net.parameters()]

    assert draw(3) == draw(3)
    assert draw(3) != draw(4)
    first, _, second, _ = draw(3)
    assert first != second


DEFAULTS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("Linear", (300, 200), {}),
    ("Conv2d", (20, 30, 5), {"groups": 2}),
    ("Embedding", (100, 60), {}),
    ("MultiheadAttention", (64, 4), {}),
    ("BatchNorm2d", (5,), {}),
]


@pytest.mark.parametrize("case", DEFAULTS, ids=lambda c: c[0])
def test_layers_start_like_pytorchs(case: Any) -> None:
    name, args, options = case
    ours = getattr(nn, name)(*args, **options).state_dict()
    for key, theirs in getattr(tnn, name)(*args, **options).state_dict().items():
        mine, other = np.asarray(ours[key], np.float64), theirs.double().numpy()
        spread = max(other.std() if other.size > 1 else 0.0, 1e-9)
        tolerance = (0.05 if mine.size > 500 else 0.4) * spread
        assert abs(mine.std() - other.std()) <= tolerance, key
        assert abs(mine.mean() - other.mean()) <= 2 * tolerance, key


def test_errors() -> None:
    with pytest.raises(ValueError, match="two dimensions"):
        init.xavier_uniform_(firth.zeros(3))
    with pytest.raises(ValueError, match="fan_in"):
        init.kaiming_normal_(firth.zeros(3, 3), mode="fan")
    with pytest.raises(ValueError, match="nonlinearity"):
        init.calculate_gain("gelu")
