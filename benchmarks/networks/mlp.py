"""784-128-10 with ReLU, batch 64, Adam."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from benchmarks.networks.common import Init, Network, Weights

BATCH = 64
SIZES = (784, 128, 10)


def build(framework: Any) -> Any:
    """The network on firth.nn, or on torch.nn."""
    nn = framework.nn
    inputs, hidden, classes = SIZES
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, classes))


def weights() -> Weights:
    """Initial weights."""
    init = Init()
    init.linear("0", SIZES[0], SIZES[1])
    init.linear("2", SIZES[1], SIZES[2])
    return init.weights


def batch() -> tuple[np.ndarray, np.ndarray]:
    """x: (64, 784), y: (64,)."""
    random = np.random.default_rng(1)
    x = random.standard_normal((BATCH, SIZES[0]), dtype=np.float32)
    return x, random.integers(0, SIZES[-1], BATCH)


def logits(jax: Any, params: Any, state: Any, x: Any, training: bool) -> Any:
    """The same for JAX, weights (in, out)."""
    hidden = jax.nn.relu(x @ params["0.weight"] + params["0.bias"])
    return hidden @ params["2.weight"] + params["2.bias"], state


_FIRST, _SECOND = (2.0 * BATCH * a * b for a, b in itertools.pairwise(SIZES))
NETWORK = Network(
    "mlp", "784-128-10, batch 64, cross entropy + Adam", build, logits, weights, batch,
    "Adam", {"lr": 1e-3}, lambda name, w: w.T,
    _FIRST + _SECOND, 2 * _FIRST + 3 * _SECOND,
)  # fmt: skip
