"""A small ResNet for 32x32 images: one basic block per stage, batch norm, batch 32, SGD."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.networks.common import Init, Network, Weights

BATCH, SIZE, CLASSES = 32, 32, 10
STEM = 32
STAGES = ((32, 32, 1), (32, 64, 2), (64, 128, 2), (128, 256, 2))  # channels in, out, stride


def build(framework: Any) -> Any:
    """The network on firth.nn, or on torch.nn."""
    nn, F = framework.nn, framework.nn.functional

    class Block(nn.Module):  # type: ignore[misc]
        def __init__(self, c_in: int, c_out: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(c_in, c_out, 3, stride, padding=1, bias=False)
            self.norm1 = nn.BatchNorm2d(c_out)
            self.conv2 = nn.Conv2d(c_out, c_out, 3, padding=1, bias=False)
            self.norm2 = nn.BatchNorm2d(c_out)
            self.short = nn.Identity()
            if stride > 1:
                conv = nn.Conv2d(c_in, c_out, 1, stride, bias=False)
                self.short = nn.Sequential(conv, nn.BatchNorm2d(c_out))

        def forward(self, x: Any) -> Any:
            y = F.relu(self.norm1(self.conv1(x)))
            return F.relu(self.norm2(self.conv2(y)) + self.short(x))

    class ResNet(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, STEM, 3, padding=1, bias=False)
            self.norm = nn.BatchNorm2d(STEM)
            self.stages = nn.Sequential(*(Block(*stage) for stage in STAGES))
            self.head = nn.Linear(STAGES[-1][1], CLASSES)

        def forward(self, x: Any) -> Any:
            x = self.stages(F.relu(self.norm(self.conv(x))))  # (B, 256, 4, 4)
            return self.head(x.mean((2, 3)))

    return ResNet()


def weights() -> Weights:
    """Initial weights; running statistics start at PyTorch's zeros and ones."""
    init = Init()
    init.conv("conv", 3, STEM, 3)
    init.norm("norm", STEM)
    for i, (c_in, c_out, stride) in enumerate(STAGES):
        init.conv(f"stages.{i}.conv1", c_in, c_out, 3)
        init.norm(f"stages.{i}.norm1", c_out)
        init.conv(f"stages.{i}.conv2", c_out, c_out, 3)
        init.norm(f"stages.{i}.norm2", c_out)
        if stride > 1:
            init.conv(f"stages.{i}.short.0", c_in, c_out, 1)
            init.norm(f"stages.{i}.short.1", c_out)
    init.linear("head", STAGES[-1][1], CLASSES)
    return init.weights


def batch() -> tuple[np.ndarray, np.ndarray]:
    """x: (32, 3, 32, 32), y: (32,)."""
    random = np.random.default_rng(1)
    x = random.standard_normal((BATCH, 3, SIZE, SIZE), dtype=np.float32)
    return x, random.integers(0, CLASSES, BATCH)


def running() -> Weights:
    """Batch norm's running means and variances, for JAX."""
    norms = [k.removesuffix(".bias") for k in weights() if k.endswith("bias") and k != "head.bias"]
    width = {name: weights()[f"{name}.bias"].size for name in norms}
    means = {f"{name}.mean": np.zeros(n, np.float32) for name, n in width.items()}
    return means | {f"{name}.var": np.ones(n, np.float32) for name, n in width.items()}


def logits(jax: Any, params: Any, state: Any, x: Any, training: bool) -> Any:
    """The same for JAX: images (B, H, W, C), kernels (H, W, in, out)."""
    jnp, changed = jax.numpy, dict(state)

    def conv(name: str, h: Any, stride: int = 1) -> Any:
        w = params[f"{name}.weight"]
        pad = [(w.shape[0] // 2,) * 2] * 2
        names = ("NHWC", "HWIO", "NHWC")
        return jax.lax.conv_general_dilated(h, w, (stride,) * 2, pad, dimension_numbers=names)

    def norm(name: str, h: Any) -> Any:
        mean, var = state[f"{name}.mean"], state[f"{name}.var"]
        if training:
            mean, var = h.mean((0, 1, 2)), h.var((0, 1, 2))
            n = h.size // h.shape[-1]
            for key, new in (("mean", mean), ("var", var * (n / (n - 1)))):
                changed[f"{name}.{key}"] = 0.9 * state[f"{name}.{key}"] + 0.1 * new
        scale = params[f"{name}.weight"] * jax.lax.rsqrt(var + 1e-5)
        return (h - mean) * scale + params[f"{name}.bias"]

    relu = jax.nn.relu
    h = relu(norm("norm", conv("conv", x)))
    for i, (_, _, stride) in enumerate(STAGES):
        name = f"stages.{i}"
        y = relu(norm(f"{name}.norm1", conv(f"{name}.conv1", h, stride)))
        if stride > 1:
            h = norm(f"{name}.short.1", conv(f"{name}.short.0", h, stride))
        h = relu(norm(f"{name}.norm2", conv(f"{name}.conv2", y)) + h)
    return jnp.mean(h, (1, 2)) @ params["head.weight"] + params["head.bias"], changed


def _layout(name: str, w: np.ndarray) -> np.ndarray:
    return w.transpose(2, 3, 1, 0) if w.ndim == 4 else w.T


def _flops() -> tuple[float, float]:
    """Direct convolutions: (the first one, all)."""
    first = 2.0 * BATCH * SIZE**2 * 9 * 3 * STEM
    total, size = first, SIZE
    for c_in, c_out, stride in STAGES:
        size //= stride
        per_pixel = 9 * c_in * c_out + 9 * c_out**2 + (c_in * c_out if stride > 1 else 0)
        total += 2.0 * BATCH * size**2 * per_pixel
    return first, total


_FIRST, _FORWARD = _flops()
NETWORK = Network(
    "resnet", "3x3 conv 32, blocks 32 / 64 / 128 / 256, 32x32, batch 32, cross entropy + SGD",
    build, logits, weights, batch, "SGD", {"lr": 0.05, "momentum": 0.9}, _layout,
    _FORWARD, 3 * _FORWARD - _FIRST, running, images=True,
)  # fmt: skip
