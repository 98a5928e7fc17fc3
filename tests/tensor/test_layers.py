from __future__ import annotations

from firth import nn
from firth.tensor import layers
from firth.tensor.recording import Recording, local


def test_paths_from_the_outermost_module() -> None:
    inner = nn.ReLU()
    outer = nn.Sequential(nn.Sequential(inner), nn.Linear(2, 2))
    layers.want(1)
    before, local.rec = local.rec, Recording()
    try:
        assert layers.enter(outer) and layers.enter(inner)
        layers.leave()
        layers.leave()
        layers.enter(inner)
        layers.leave()
        labels = [layer for _, layer, _ in layers.labels(local.rec)]
    finally:
        layers.want(-1)
        local.rec = before
    assert labels == ["Sequential", "0.0", "Sequential", "", "ReLU", ""]
    assert not local.inside
