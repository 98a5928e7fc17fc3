"""Several steps of an optimizer in both libraries."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import firth
from firth import optim


def check(name: str, steps: int = 8, **options: Any) -> None:
    """The same walk downhill in float64, eager and inside jit."""
    torch = pytest.importorskip("torch")
    start = np.array([[1.5, -2.0, 0.25], [3.0, 0.5, -1.0]])
    places = []
    for lib, make in ((firth, getattr(optim, name)), (torch, getattr(torch.optim, name))):
        for compiled in (False, True) if lib is firth else (False,):
            p = lib.tensor(start, dtype=lib.float64, requires_grad=True)
            # PyTorch keeps numbers of its state in the default dtype
            torch.set_default_dtype(torch.float64)
            optimizer = make([p], **options)

            def step() -> None:
                optimizer.zero_grad()
                ((p - 0.5) ** 4).sum().backward()
                optimizer.step()

            run = firth.jit(step) if compiled else step
            for _ in range(steps):
                run()
            places.append(np.array(p.detach().numpy()))
            torch.set_default_dtype(torch.float32)
    for place in places[:-1]:
        # PyTorch keeps NAdam's product of momenta in float32
        np.testing.assert_allclose(place, places[-1], rtol=1e-8, atol=1e-9)
