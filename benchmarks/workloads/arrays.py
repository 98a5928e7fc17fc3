"""Elementwise chains, softmax, layer norm and Adam: what moves bytes and computes little."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.harness import THREADS, Call, Goal, Workload
from benchmarks.networks import NETWORKS

COUNT = 4_000_000
ROWS, COLUMNS = 4096, 1024
NORM_ROWS, NORM_WIDTH = 1024, 256


def _torch() -> Any:
    import torch

    torch.set_num_threads(THREADS)
    return torch


def _values(*shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape)).standard_normal(shape, dtype=np.float32)


# a function of one array, the same lines for every framework


def _chain(lib: Any, x: Any) -> Any:
    return lib.tanh(2 * x + 1) * lib.sigmoid(x) + lib.exp(x)


def _jax_chain(jax: Any, x: Any) -> Any:
    return jax.numpy.tanh(2 * x + 1) * jax.nn.sigmoid(x) + jax.numpy.exp(x)


def _firth_map(function: Any, *shape: int) -> Call:
    import firth

    x = firth.from_numpy(_values(*shape))
    jitted = firth.jit(lambda x: function(firth, x))
    return lambda: jitted(x)


def _torch_map(function: Any, compiled: bool, *shape: int) -> Call:
    torch = _torch()
    x = torch.from_numpy(_values(*shape))

    def mapped(x: Any) -> Any:
        return function(torch, x)

    run = torch.compile(mapped) if compiled else mapped

    def call() -> Any:
        with torch.inference_mode():
            return run(x)

    return call


def _jax_map(function: Any, *shape: int) -> Call:
    import jax

    x = jax.numpy.asarray(_values(*shape))
    jitted = jax.jit(lambda x: function(jax, x))
    return lambda: jitted(x).block_until_ready()


def _map(name: str, doc: str, function: Any, jax_function: Any, *shape: int) -> Workload:
    must, aim = (0.65, 0.5) if name == "elementwise" else (0.75, 0.6)
    return Workload(
        name,
        doc,
        {
            "firth_jit": lambda: _firth_map(function, *shape),
            "torch_eager": lambda: _torch_map(function, False, *shape),
            "torch_compile": lambda: _torch_map(function, True, *shape),
            "jax": lambda: _jax_map(jax_function, *shape),
        },
        goals=(Goal("firth_jit", must, "peers", aim),),
        bytes=8.0 * np.prod(shape),
    )


# layer norm, forward and backward


def _norm_arrays() -> list[np.ndarray]:
    return [
        _values(NORM_ROWS, NORM_WIDTH), _values(NORM_WIDTH), _values(NORM_WIDTH),
        _values(NORM_ROWS, NORM_WIDTH),
    ]  # fmt: skip


def _norm(F: Any, grad: Any) -> Any:
    def run(x: Any, w: Any, b: Any, g: Any) -> Any:
        y = F.layer_norm(x, (NORM_WIDTH,), w, b)
        return y.detach(), *grad(y, (x, w, b), g)

    return run


def firth_norm() -> Call:
    """Result and three gradients from one program."""
    import firth

    x, w, b, g = (firth.from_numpy(a) for a in _norm_arrays())
    for leaf in (x, w, b):
        leaf.requires_grad_()
    jitted = firth.jit(_norm(firth.nn.functional, firth.autograd.grad))
    return lambda: jitted(x, w, b, g)


def _torch_norm(compiled: bool) -> Call:
    torch = _torch()
    F = torch.nn.functional
    x, w, b, g = (torch.from_numpy(a) for a in _norm_arrays())
    for leaf in (x, w, b):
        leaf.requires_grad_()

    def forward(x: Any, w: Any, b: Any) -> Any:
        return F.layer_norm(x, (NORM_WIDTH,), w, b)

    run = torch.compile(forward) if compiled else forward

    def call() -> Any:
        y = run(x, w, b)
        return y, *torch.autograd.grad(y, (x, w, b), g)

    return call


def jax_norm() -> Call:
    """Result and three gradients, jitted."""
    import jax

    x, w, b, g = (jax.numpy.asarray(a) for a in _norm_arrays())

    def forward(x: Any, w: Any, b: Any) -> Any:
        mean = x.mean(-1, keepdims=True)
        var = jax.numpy.square(x - mean).mean(-1, keepdims=True)
        return (x - mean) * jax.lax.rsqrt(var + 1e-5) * w + b

    def both(x: Any, w: Any, b: Any, g: Any) -> Any:
        y, back = jax.vjp(forward, x, w, b)
        return y, *back(g)

    jitted = jax.jit(both)
    return lambda: jax.block_until_ready(jitted(x, w, b, g))


# Adam on the GPT's blocks and head


def _adam_arrays() -> list[np.ndarray]:
    weights = NETWORKS["gpt"].weights().items()
    return [w for name, w in weights if not name.startswith(("token", "position"))]


def firth_adam() -> Call:
    """All tensors in one program, gradients set before."""
    import firth

    params = [firth.nn.Parameter(firth.from_numpy(a)) for a in _adam_arrays()]
    for p in params:
        p.grad = firth.from_numpy(_values(*p.shape))
    optimizer = firth.optim.Adam(params, lr=1e-3)
    return firth.jit(lambda: optimizer.step())  # type: ignore[no-any-return]


def _torch_adam(**how: bool) -> Call:
    torch = _torch()
    params = [torch.nn.Parameter(torch.from_numpy(a.copy())) for a in _adam_arrays()]
    for p in params:
        p.grad = torch.from_numpy(_values(*p.shape))
    return torch.optim.Adam(params, lr=1e-3, **how).step  # type: ignore[no-any-return]


def jax_adam() -> Call:
    """All tensors in one program, state donated."""
    import jax

    from benchmarks.networks.common import JAX_UPDATES, jax_moments

    params = [jax.numpy.asarray(a) for a in _adam_arrays()]
    grads = [jax.numpy.asarray(_values(*p.shape)) for p in params]
    jitted = jax.jit(JAX_UPDATES["Adam"](jax, lr=1e-3), donate_argnums=(0, 1))
    held = [params, jax_moments(jax, params)]

    def call() -> None:
        held[:] = jitted(*held, grads)
        jax.block_until_ready(held)

    return call


WORKLOADS = (
    _map("elementwise", "tanh(2x + 1) * sigmoid(x) + exp(x), 4M floats", _chain, _jax_chain, COUNT),
    _map(
        "softmax",
        f"softmax of the rows of {ROWS} x {COLUMNS}",
        lambda lib, x: lib.softmax(x, -1),
        lambda jax, x: jax.nn.softmax(x, -1),
        ROWS,
        COLUMNS,
    ),
    Workload(
        "layer_norm",
        f"layer norm {NORM_ROWS} x {NORM_WIDTH}, forward and backward",
        {
            "firth_jit": firth_norm,
            "torch_eager": lambda: _torch_norm(False),
            "torch_compile": lambda: _torch_norm(True),
            "jax": jax_norm,
        },
        goals=(Goal("firth_jit", 0.75, "peers", 0.6),),
        bytes=4.0 * 4 * NORM_ROWS * NORM_WIDTH,
    ),
    Workload(
        "adam",
        "Adam on 3.3M parameters in 50 tensors",
        {
            "firth_jit": firth_adam,
            "torch_fused": lambda: _torch_adam(fused=True),
            "torch_foreach": lambda: _torch_adam(foreach=True),
            "jax": jax_adam,
        },
        goals=(Goal("firth_jit", 0.75, "peers", 0.6),),
        bytes=7.0 * sum(a.nbytes for a in _adam_arrays()),
    ),
)
