"""3x3 convolutions, stride 1: forward, gradient of the input, gradient of the weights.

Everyone may choose the layout of the images: (B, C, H, W), or (B, H, W, C) where names say nhwc.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.harness import THREADS, Call, Goal, Workload

SHAPES = ((32, 32, 32), (32, 16, 64), (32, 8, 128))  # batch, size, channels
KINDS = {
    "forward": "forward",
    "input": "gradient of the input",
    "weight": "gradient of the weights",
}


def _sources(shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x, w and the gradient of the result, in (B, C, H, W)."""
    (batch, size, channels), random = shape, np.random.default_rng(0)
    images = (batch, channels, size, size)
    w = random.standard_normal((channels, channels, 3, 3), dtype=np.float32)
    x, g = (random.standard_normal(images, dtype=np.float32) for _ in range(2))
    return x, w, g


def _firth(shape: tuple[int, int, int], kind: str, nhwc: bool) -> Call:
    import firth

    F = firth.nn.functional
    x, w, g = _sources(shape)
    if nhwc:
        x, g = (np.ascontiguousarray(a.transpose(0, 2, 3, 1)) for a in (x, g))
    tensors = [firth.from_numpy(a) for a in (x, w, g)]

    def inner(t: Any) -> Any:
        return t.permute(0, 3, 1, 2) if nhwc else t

    def outer(t: Any) -> Any:
        return t.permute(0, 2, 3, 1) if nhwc else t

    def forward(x: Any, w: Any, g: Any) -> Any:
        return outer(F.conv2d(inner(x), w, padding=1))

    def backward(x: Any, w: Any, g: Any) -> Any:
        leaf = (x if kind == "input" else w).detach().requires_grad_()
        y = forward(leaf, w, g) if kind == "input" else forward(x, leaf, g)
        return firth.autograd.grad(y, leaf, g)[0]

    jitted = firth.jit(forward if kind == "forward" else backward)
    return lambda: jitted(*tensors)


def _torch(shape: tuple[int, int, int], kind: str, nhwc: bool) -> Call:
    import torch

    torch.set_num_threads(THREADS)
    layout = torch.channels_last if nhwc else torch.contiguous_format
    x, w, g = (torch.from_numpy(a).to(memory_format=layout) for a in _sources(shape))
    mask = [kind == "input", kind == "weight", False]

    def call() -> Any:
        with torch.inference_mode():
            if kind == "forward":
                return torch.nn.functional.conv2d(x, w, padding=1)
            gradients = torch.ops.aten.convolution_backward(
                g, x, w, None, [1, 1], [1, 1], [1, 1], False, [0, 0], 1, mask
            )
            return gradients[kind == "weight"]

    return call


def _jax(shape: tuple[int, int, int], kind: str) -> Call:
    import jax

    x, w, g = _sources(shape)
    x, g = (jax.numpy.asarray(a.transpose(0, 2, 3, 1)) for a in (x, g))
    w = jax.numpy.asarray(w.transpose(2, 3, 1, 0))
    names = ("NHWC", "HWIO", "NHWC")

    def forward(x: Any, w: Any) -> Any:
        return jax.lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=names)

    def run(x: Any, w: Any, g: Any) -> Any:
        if kind == "forward":
            return forward(x, w)
        return jax.vjp(forward, x, w)[1](g)[kind == "weight"]

    jitted = jax.jit(run)
    return lambda: jitted(x, w, g).block_until_ready()


def _workload(shape: tuple[int, int, int], kind: str) -> Workload:
    batch, size, channels = shape
    makers: dict[str, Callable[[], Call]] = {
        "firth_jit": lambda: _firth(shape, kind, False),
        "firth_nhwc": lambda: _firth(shape, kind, True),
        "torch": lambda: _torch(shape, kind, False),
        "torch_nhwc": lambda: _torch(shape, kind, True),
        "jax_nhwc": lambda: _jax(shape, kind),
    }
    return Workload(
        f"conv_{channels}_{kind}",
        f"3x3 convolution, batch {batch}, {size} x {size}, {channels} channels: {KINDS[kind]}",
        makers,
        goals=(Goal("firth", 0.65, "peers", 0.45),),
        flops=2.0 * batch * size * size * 9 * channels * channels,
    )


WORKLOADS = tuple(_workload(shape, kind) for shape in SHAPES for kind in KINDS)
