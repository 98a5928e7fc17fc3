"""A hundred operations on four numbers, nothing decorated: what the eager layer itself costs."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.harness import THREADS, Call, Goal, Workload

VALUES = np.array([0.9, 1.0, 1.05, 1.1], np.float32)
STEPS = 100


def _adds(a: Any) -> Call:
    def call() -> Any:
        x = a
        for _ in range(STEPS):
            x = x + a
        return x.numpy()

    return call


def _muls(b: Any) -> Call:
    def call() -> Any:
        x = b
        for _ in range(STEPS):
            x = x * b
        x.sum().backward()
        grad = b.grad.numpy()
        b.grad = None
        return grad

    return call


def _firth(requires_grad: bool) -> Any:
    import firth

    return firth.tensor(VALUES, requires_grad=requires_grad)


def _torch(requires_grad: bool) -> Any:
    import torch

    torch.set_num_threads(THREADS)
    return torch.tensor(VALUES, requires_grad=requires_grad)


def _jax_adds() -> Call:
    import jax.numpy as jnp

    a = jnp.asarray(VALUES)

    def call() -> Any:
        x = a
        for _ in range(STEPS):
            x = x + a
        return np.asarray(x)

    return call


WORKLOADS = (
    Workload(
        "tiny_adds",
        "100 eager additions of 4 numbers, the result read",
        {
            "firth": lambda: _adds(_firth(False)),
            "torch": lambda: _adds(_torch(False)),
            "jax": _jax_adds,
        },
        goals=(Goal("firth", 1.0, "torch"),),
    ),
    Workload(
        "tiny_muls_backward",
        "100 eager multiplications of 4 numbers, backward, the gradient read",
        {"firth": lambda: _muls(_firth(True)), "torch": lambda: _muls(_torch(True))},
        goals=(Goal("firth", 1.0, "torch"),),
    ),
)
