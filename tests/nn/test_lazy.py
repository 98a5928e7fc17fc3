"""Layers that learn their channels from the first input, against PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import firth
from firth import nn
from firth.base.errors import ShapeError
from firth.nn.module import StateDictError
from tests.nn.oracle import Oracle

CASES: list[tuple[str, tuple[Any, ...], dict[str, Any], tuple[int, ...]]] = [
    ("LazyLinear", (5,), {"bias": False}, (2, 3, 4)),
    ("LazyConv1d", (4, 3), {"stride": 2}, (2, 3, 9)),
    ("LazyConv2d", (4, 3), {"padding": 1, "padding_mode": "circular"}, (3, 6, 7)),
    ("LazyConv3d", (2, 2), {}, (1, 2, 3, 4, 3)),
    ("LazyConvTranspose1d", (4, 3), {}, (2, 3, 5)),
    ("LazyConvTranspose2d", (4, 3, 2), {"output_padding": 1}, (2, 3, 5, 4)),
    ("LazyConvTranspose3d", (2, 2), {}, (1, 2, 3, 2, 2)),
    ("LazyBatchNorm1d", (), {"momentum": 0.3}, (4, 3)),
    ("LazyBatchNorm1d", (), {}, (4, 3, 5)),
    ("LazyBatchNorm2d", (), {}, (2, 3, 4, 3)),
    ("LazyBatchNorm3d", (), {"affine": False}, (2, 3, 2, 3, 2)),
    ("LazyInstanceNorm1d", (), {"affine": True}, (2, 3, 5)),
    ("LazyInstanceNorm2d", (), {}, (2, 3, 4, 5)),
    ("LazyInstanceNorm3d", (), {}, (1, 2, 3, 4, 3)),
]


@pytest.mark.parametrize(
    ("name", "args", "kwargs", "shape"), CASES, ids=lambda x: str(x).replace(" ", "")
)
def test_the_first_call_makes_the_ordinary_layer(
    name: str, args: Any, kwargs: Any, shape: tuple[int, ...]
) -> None:
    ours = getattr(nn, name)(*args, **kwargs)
    theirs = getattr(torch.nn, name)(*args, **kwargs).double()
    assert not list(ours.parameters()) and name in repr(ours)
    x = np.random.default_rng(0).normal(size=shape)
    with torch.no_grad():
        theirs(torch.tensor(x))
    ours(firth.tensor(x))
    assert type(ours) is getattr(nn, name.removeprefix("Lazy")) and repr(ours) == repr(theirs)
    assert all(p.dtype is firth.float64 for p in ours.parameters())
    Oracle().module(ours, theirs, x)


def test_what_was_said_before_holds_afterwards() -> None:
    seen = []
    layer = nn.LazyBatchNorm1d(dtype=firth.float32)
    layer.register_forward_hook(lambda *_: seen.append(1))
    layer.eval()
    model = nn.Sequential(nn.LazyLinear(3), layer)
    x = firth.randn(4, 2)
    model(x), model(x)
    assert seen == [1, 1] and not layer.training and int(layer.num_batches_tracked) == 0
    assert list(model.state_dict())[:2] == ["0.weight", "0.bias"]


def test_wrong_arguments_are_seen_at_once() -> None:
    with pytest.raises(TypeError, match="kernel_size"):
        nn.LazyConv2d(4)
    with pytest.raises(ShapeError, match=r"LazyConv2d: the input has no channels; got shape \(3,"):
        nn.LazyConv2d(4, 3)(firth.ones(3, 3))


@pytest.mark.parametrize(
    ("name", "args", "kwargs", "shape"), CASES, ids=lambda x: str(x).replace(" ", "")
)
def test_a_saved_state_says_the_sizes(
    name: str, args: Any, kwargs: Any, shape: tuple[int, ...]
) -> None:
    saved = nn.Sequential(getattr(nn, name)(*args, **{**kwargs, "dtype": firth.float64}))
    x = firth.tensor(np.random.default_rng(0).normal(size=shape))
    saved(x)
    fresh = nn.Sequential(getattr(nn, name)(*args, **{**kwargs, "dtype": firth.float64}))
    fresh.load_state_dict(saved.state_dict())
    assert repr(fresh) == repr(saved)
    found, wanted = (net.eval()(x).detach().numpy() for net in (fresh, saved))
    np.testing.assert_array_equal(found, wanted)


def test_a_state_that_does_not_fit_leaves_the_layer_waiting() -> None:
    model = nn.Sequential(nn.LazyConv2d(4, 3, groups=2), nn.LazyLinear(3))
    saved = nn.Sequential(nn.Conv2d(6, 4, 3, groups=2), nn.Linear(5, 2)).state_dict()
    with pytest.raises(StateDictError, match=r"1\.weight: got \(2, 5\), expected \(3, 5\)"):
        model.load_state_dict(saved)
    assert [type(layer).__name__ for layer in model] == ["LazyConv2d", "LazyLinear"]
    model.load_state_dict({k: v for k, v in saved.items() if k.startswith("0")}, strict=False)
    assert model[0].in_channels == 6 and type(model[1]) is nn.LazyLinear
