"""Training steps of the digits demo's network through the public API, on a target by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import firth
from examples.digits import Net
from firth import nn
from firth.base import flags
from firth.ir.graph import Graph
from firth.targets import Executable
from firth.targets.cpu import target as cpu

BATCH = 16


def train(target: str, dtype: str, eps: float, steps: int) -> dict[str, np.ndarray]:
    """Losses, hits, logits, weights, running statistics and Adam's means after a few steps."""
    flags.put("FIRTH_TARGET", target)
    try:
        return _train(dtype, eps, steps)
    finally:
        flags.put("FIRTH_TARGET", None)


def _train(dtype: str, eps: float, steps: int) -> dict[str, np.ndarray]:
    firth.manual_seed(0)
    model = Net().to(getattr(firth, dtype))
    optimizer = firth.optim.Adam(model.parameters(), lr=2e-3, eps=eps)
    loss_of = nn.CrossEntropyLoss()

    @firth.jit
    def step(x: Any, y: Any) -> Any:
        logits = model(x)
        loss = loss_of(logits, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss, (logits.argmax(1) == y).sum(), logits

    rng = np.random.default_rng(0)
    found: dict[str, np.ndarray] = {}
    for k in range(steps):
        x = rng.random((BATCH, 1, 8, 8), np.float32).astype(dtype)
        y = rng.integers(0, 10, BATCH)
        results = step(firth.from_numpy(x), firth.from_numpy(y))
        for name, value in zip(("loss", "hits", "logits"), results, strict=True):
            found[f"{name} {k}"] = value.detach().numpy()
    names = [name for name, _ in model.named_parameters()]
    found |= {name: value.numpy() for name, value in model.state_dict().items()}
    for place, state in optimizer.state_dict()["state"].items():
        found[f"mean gradient of {names[place]}"] = np.asarray(state["exp_avg"])
    return found


def graphs() -> list[Graph]:
    """The graphs that a training step compiles."""
    found: list[Graph] = []

    def spy(graph: Graph, compile: Any = cpu.compile) -> Executable:
        found.append(graph)
        compiled: Executable = compile(graph)
        return compiled

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cpu, "compile", spy)
        train("cpu", "float32", 1e-8, 1)
    return found
