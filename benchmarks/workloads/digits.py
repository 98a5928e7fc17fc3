"""A training step of the demo network: two convolutions, batch norm, dropout, two linear layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.harness import THREADS, Call, Goal, Workload

BATCH = 32
_random = np.random.default_rng(0)
IMAGES = _random.random((BATCH, 1, 8, 8), dtype=np.float32)
LABELS = _random.integers(0, 10, BATCH)


def _model(nn: Any) -> Any:
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(0.25), nn.Linear(512, 64), nn.ReLU(), nn.Linear(64, 10),
    )  # fmt: skip


def _step(loss_of: Any, model: Any, optimizer: Any) -> Any:
    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = loss_of(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


def _firth(jit: bool) -> Call:
    import firth
    from firth import nn

    firth.manual_seed(0)
    model = _model(nn)
    optimizer = firth.optim.Adam(model.parameters(), lr=1e-3)
    step = _step(nn.CrossEntropyLoss(), model, optimizer)
    run = firth.jit(step) if jit else step
    x, y = firth.from_numpy(IMAGES), firth.from_numpy(LABELS)
    return lambda: run(x, y).item()


def firth_jit() -> Call:
    """The whole step as one program."""
    return _firth(jit=True)


def firth_eager() -> Call:
    """The plain loop, nothing decorated."""
    return _firth(jit=False)


def _torch(compiled: bool) -> Call:
    import torch
    from torch import nn

    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    model = _model(nn)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    run = _step(nn.CrossEntropyLoss(), torch.compile(model) if compiled else model, optimizer)
    x, y = torch.from_numpy(IMAGES), torch.from_numpy(LABELS)
    return lambda: run(x, y).item()


def torch_eager() -> Call:
    """The plain loop with Adam(fused=True)."""
    return _torch(compiled=False)


def torch_compile() -> Call:
    """The model compiled, Adam(fused=True)."""
    return _torch(compiled=True)


WORKLOADS = (
    Workload(
        "digits_step",
        "the demo's convolutional network on 8x8 images, batch 32, Adam: one training step",
        {
            "firth_jit": firth_jit,
            "firth_eager": firth_eager,
            "torch_eager": torch_eager,
            "torch_compile": torch_compile,
        },
        goals=(Goal("firth_jit", 1.0, "peers"), Goal("firth_eager", 1.0, "torch_eager")),
    ),
)
