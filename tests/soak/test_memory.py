"""A long training loop stays flat in memory: 5,000 steps by default, FIRTH_SOAK=100000 for all."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import Any

import pytest

import firth
from firth import nn, optim
from firth.nn import functional as F

STEPS = int(os.environ.get("FIRTH_SOAK", "5000"))
WARM = max(STEPS // 5, 1000)
GROWTH = 2 * 1024 * 1024


def resident() -> int:
    """Bytes of this process that are in memory."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads /proc")
@pytest.mark.parametrize("jitted", [True, False], ids=["jit", "eager"])
def test_memory_is_flat(jitted: bool) -> None:
    firth.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    x, y = firth.randn(8, 4), firth.arange(8) % 3

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    run = firth.jit(step) if jitted else step
    total = firth.zeros(())
    sizes = []
    for k in range(WARM + STEPS):
        total += run(x, y)
        if k >= WARM and (k - WARM) % max(STEPS // 20, 1) == 0:
            sizes.append(resident())
    assert 0 < total.item() < 2 * (WARM + STEPS)
    # the smaller of the last ones: a block that is in use for a moment is no growth
    assert min(sizes[-5:]) - sizes[0] <= GROWTH, [s - sizes[0] for s in sizes]
