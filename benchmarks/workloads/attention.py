"""Causal attention, forward and backward, from short sequences to long ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.harness import THREADS, Call, Goal, Workload

BATCH, HEADS, WIDTH = 8, 4, 64
LENGTHS = (128, 1024, 4096)


def _sources(length: int) -> list[np.ndarray]:
    """q, k, v and the gradient of the result."""
    shape, random = (BATCH, HEADS, length, WIDTH), np.random.default_rng(0)
    return [random.standard_normal(shape, dtype=np.float32) for _ in range(4)]


def _both(attention: Any, grad: Any) -> Any:
    def run(q: Any, k: Any, v: Any, g: Any) -> Any:
        y = attention(q, k, v, is_causal=True)
        return y.detach(), *grad(y, (q, k, v), g)

    return run


def _firth(length: int) -> Call:
    import firth

    sources = [firth.from_numpy(a) for a in _sources(length)]
    for leaf in sources[:3]:
        leaf.requires_grad_()
    attention = firth.nn.functional.scaled_dot_product_attention
    jitted = firth.jit(_both(attention, firth.autograd.grad))
    return lambda: jitted(*sources)


def _torch(length: int) -> Call:
    import torch

    torch.set_num_threads(THREADS)
    sources = [torch.from_numpy(a) for a in _sources(length)]
    for leaf in sources[:3]:
        leaf.requires_grad_()
    run = _both(torch.nn.functional.scaled_dot_product_attention, torch.autograd.grad)
    return lambda: run(*sources)


def _jax(length: int) -> Call:
    if length > 1024:
        raise NotImplementedError("jax keeps every score: some 10 GB")
    import jax

    # jax.nn.dot_product_attention wants (B, T, H, D).
    q, k, v, g = (jax.numpy.asarray(a.transpose(0, 2, 1, 3)) for a in _sources(length))

    def attention(q: Any, k: Any, v: Any) -> Any:
        return jax.nn.dot_product_attention(q, k, v, is_causal=True)

    def both(q: Any, k: Any, v: Any, g: Any) -> Any:
        y, back = jax.vjp(attention, q, k, v)
        return y, *back(g)

    jitted = jax.jit(both)
    return lambda: jax.block_until_ready(jitted(q, k, v, g))


def _workload(length: int) -> Workload:
    return Workload(
        f"attention_{length}",
        f"causal attention, batch {BATCH}, {HEADS} heads, d {WIDTH}, T {length}: "
        "forward and backward",
        {
            "firth_jit": lambda: _firth(length),
            "torch": lambda: _torch(length),
            "jax": lambda: _jax(length),
        },
        goals=(Goal("firth_jit", 0.8, "peers", 0.6),),
        # Seven products of T x T x D, half of each; the scores are computed twice.
        flops=7.0 * BATCH * HEADS * length * length * WIDTH,
    )


WORKLOADS = tuple(map(_workload, LENGTHS))
