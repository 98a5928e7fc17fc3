"""784-128-10 with ReLU: a training step (batch 64, cross entropy, Adam) and batch-1 inference."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.harness import THREADS, Call, Goal, Workload

BATCH = 64
_random = np.random.default_rng(0)
IMAGES = _random.standard_normal((BATCH, 784), dtype=np.float32)
LABELS = _random.integers(0, 10, BATCH)


def _firth_parts() -> tuple[Any, Any, Any, Any, Any]:
    import firth
    from firth import nn

    firth.manual_seed(0)
    model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = firth.optim.Adam(model.parameters(), lr=1e-3)
    return firth, model, optimizer, firth.from_numpy(IMAGES), firth.from_numpy(LABELS)


def firth_jit() -> Call:
    """The whole step as one program."""
    firth, model, optimizer, x, y = _firth_parts()
    lossf = firth.nn.CrossEntropyLoss()

    @firth.jit
    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = lossf(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return lambda: step(x, y).item()


def firth_eager() -> Call:
    """The plain loop, nothing decorated."""
    firth, model, optimizer, x, y = _firth_parts()
    lossf = firth.nn.CrossEntropyLoss()

    def step() -> float:
        optimizer.zero_grad()
        loss = lossf(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def _torch_parts() -> tuple[Any, Any, Any, Any, Any]:
    import torch
    from torch import nn

    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    return torch, model, optimizer, torch.from_numpy(IMAGES), torch.from_numpy(LABELS)


def _torch_step(compiled: bool, fused: bool = False) -> Call:
    torch, model, optimizer, x, y = _torch_parts()
    lossf = torch.nn.CrossEntropyLoss()
    if fused:
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)

    def forward(x: Any, y: Any) -> Any:
        return lossf(model(x), y)

    loss_of = torch.compile(forward) if compiled else forward

    def step() -> float:
        optimizer.zero_grad()
        loss = loss_of(x, y)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def torch_eager() -> Call:
    """The plain loop with Adam's defaults."""
    return _torch_step(compiled=False)


def torch_fused() -> Call:
    """The plain loop with Adam(fused=True)."""
    return _torch_step(compiled=False, fused=True)


def torch_compile() -> Call:
    """Forward and backward compiled, Adam(fused=True)."""
    return _torch_step(compiled=True, fused=True)


def _jax_parts() -> tuple[Any, Any, Any]:
    import jax
    import jax.numpy as jnp

    def init(fan_in: int, fan_out: int) -> Any:
        scale = 1 / np.sqrt(fan_in)
        weights = _random.uniform(-scale, scale, (fan_in, fan_out)).astype(np.float32)
        return jnp.asarray(weights), jnp.zeros(fan_out, jnp.float32)

    def model(params: Any, x: Any) -> Any:
        (w1, b1), (w2, b2) = params
        return jax.nn.relu(x @ w1 + b1) @ w2 + b2

    return jax, model, (init(784, 128), init(128, 10))


def jax_donated() -> Call:
    """One jitted step; parameters and moments are donated."""
    jax, model, params = _jax_parts()
    jnp = jax.numpy
    lr, beta1, beta2, eps = 1e-3, 0.9, 0.999, 1e-8

    def loss_of(params: Any, x: Any, y: Any) -> Any:
        log_p = jax.nn.log_softmax(model(params, x))
        return -jnp.take_along_axis(log_p, y[:, None], axis=1).mean()

    def step(params: Any, m: Any, v: Any, t: Any, x: Any, y: Any) -> Any:
        loss, grads = jax.value_and_grad(loss_of)(params, x, y)
        t = t + 1
        m = jax.tree.map(lambda m, g: beta1 * m + (1 - beta1) * g, m, grads)
        v = jax.tree.map(lambda v, g: beta2 * v + (1 - beta2) * g * g, v, grads)
        fix1, fix2 = 1 - beta1**t, 1 - beta2**t
        params = jax.tree.map(
            lambda p, m, v: p - lr * (m / fix1) / (jnp.sqrt(v / fix2) + eps), params, m, v
        )
        return loss, params, m, v, t

    jitted = jax.jit(step, donate_argnums=(0, 1, 2, 3))
    zeros = jax.tree.map(jnp.zeros_like, params)
    state = [params, zeros, jax.tree.map(jnp.zeros_like, params), jnp.zeros((), jnp.float32)]
    x, y = jnp.asarray(IMAGES), jnp.asarray(LABELS)

    def call() -> float:
        loss, *state[:] = jitted(*state, x, y)
        jax.block_until_ready(state)
        return float(loss)

    return call


def firth_jit_infer() -> Call:
    """Batch 1, one program."""
    firth, model, _, x, _ = _firth_parts()
    model.eval()
    x1 = x[:1]

    @firth.jit
    def infer(x: Any) -> Any:
        with firth.no_grad():
            return model(x)

    return lambda: infer(x1).numpy()


def firth_eager_infer() -> Call:
    """Batch 1, nothing decorated."""
    firth, model, _, x, _ = _firth_parts()
    model.eval()
    x1 = x[:1]

    def infer() -> Any:
        with firth.no_grad():
            return model(x1).numpy()

    return infer


def _torch_infer(compiled: bool) -> Call:
    torch, model, _, x, _ = _torch_parts()
    model.eval()
    forward = torch.compile(model) if compiled else model
    x1 = x[:1]

    def infer() -> Any:
        with torch.inference_mode():
            return forward(x1).numpy()

    return infer


def torch_eager_infer() -> Call:
    """Batch 1 in inference mode."""
    return _torch_infer(compiled=False)


def torch_compile_infer() -> Call:
    """Batch 1 in inference mode, compiled."""
    return _torch_infer(compiled=True)


def jax_jit_infer() -> Call:
    """Batch 1, jitted."""
    jax, model, params = _jax_parts()
    jitted = jax.jit(model)
    x1 = jax.numpy.asarray(IMAGES[:1])
    return lambda: np.asarray(jitted(params, x1))


WORKLOADS = (
    Workload(
        "mlp_step",
        "784-128-10, batch 64, cross entropy, Adam: one training step, its loss read",
        {
            "firth_jit": firth_jit,
            "firth_eager": firth_eager,
            "torch_eager": torch_eager,
            "torch_fused": torch_fused,
            "torch_compile": torch_compile,
            "jax_donated": jax_donated,
        },
        goals=(Goal("firth_jit", 0.5, "peers"), Goal("firth_eager", 1.0, "torch_eager")),
    ),
    Workload(
        "mlp_infer",
        "784-128-10, batch 1: logits as a NumPy array",
        {
            "firth_jit": firth_jit_infer,
            "firth_eager": firth_eager_infer,
            "torch_eager": torch_eager_infer,
            "torch_compile": torch_compile_infer,
            "jax_jit": jax_jit_infer,
        },
        goals=(Goal("firth_jit", 0.7, "peers"),),
        block=30,
    ),
)
