"""firth.nn.serialize: weights go to disk and to PyTorch and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

import firth
from firth import nn
from firth.nn import serialize


def test_weights_come_back(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    serialize.save(net, path)
    twin = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    serialize.load_into(twin, path)
    for name, tensor in net.state_dict().items():
        assert twin.state_dict()[name].dtype is tensor.dtype
        assert np.array_equal(twin.state_dict()[name].numpy(), tensor.numpy())


def test_pytorch_reads_what_we_write_and_the_other_way_round(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    ours, theirs = nn.Linear(3, 2), torch.nn.Linear(3, 2)
    serialize.save(ours.state_dict(), path)
    theirs.load_state_dict(safetensors.torch.load_file(path))
    assert np.array_equal(theirs.weight.detach().numpy(), ours.weight.detach().numpy())
    safetensors.torch.save_file(torch.nn.Linear(3, 2).state_dict(), path)
    ours.load_state_dict(serialize.load(path))


def test_only_tensors_are_saved(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="epoch is not a tensor"):
        serialize.save({"epoch": 3, "w": firth.zeros(1)}, tmp_path / "x")
