"""The networks of the benchmarks, made small, trained a few steps: their bits as a hash.

`python -m tests.runtime.networks NAME` trains one under jit in a process of its own.
"""

from __future__ import annotations

import hashlib
import sys
from typing import Any

import pytest

import firth
from benchmarks.networks import NETWORKS, gpt, resnet
from firth.targets.cpu import build

SMALL: dict[Any, dict[str, Any]] = {
    gpt: {"BATCH": 2, "CONTEXT": 40, "TOKENS": 96, "WIDTH": 64, "HEADS": 2, "LAYERS": 2},
    resnet: {"BATCH": 4, "SIZE": 16, "STEM": 8, "STAGES": ((8, 8, 1), (8, 24, 2))},
}


def bits(name: str, way: str, steps: int = 3) -> str:
    """A hash of losses, parameters and running statistics.

    way: jit, eager, or read (eager, the loss looked at before its gradient).
    """
    with pytest.MonkeyPatch.context() as patch:
        for module, sizes in SMALL.items():
            for constant, value in sizes.items():
                patch.setattr(module, constant, value)
        model, optimizer, x, y = NETWORKS[name].firth_parts()
    found = hashlib.sha256()

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        logits = model(x)
        loss = firth.nn.functional.cross_entropy(
            logits.reshape(-1, logits.shape[-1]), y.reshape(-1)
        )
        if way == "read":
            found.update(loss.detach().numpy().tobytes())
        loss.backward()
        optimizer.step()
        return loss

    run = firth.jit(step) if way == "jit" else step
    for _ in range(steps):
        loss = run(x, y)
        if way != "read":
            found.update(loss.detach().numpy().tobytes())
    for value in model.state_dict().values():
        found.update(value.numpy().tobytes())
    return found.hexdigest()


if __name__ == "__main__":
    print(bits(sys.argv[1], "jit"), build.compilations)
