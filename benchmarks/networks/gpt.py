"""A small GPT: 512 tokens, width 256, 4 heads, 4 layers, context 128, batch 8, AdamW."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.networks.common import Init, Network, Weights

BATCH, CONTEXT = 8, 128
TOKENS, WIDTH, HEADS, LAYERS = 512, 256, 4, 4


def build(framework: Any) -> Any:
    """The network on firth.nn, or on torch.nn."""
    nn, F = framework.nn, framework.nn.functional

    class Attention(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
            self.out = nn.Linear(WIDTH, WIDTH)

        def forward(self, x: Any) -> Any:
            b, t, c = x.shape
            q, k, v = (
                part.view(b, t, HEADS, c // HEADS).transpose(1, 2)  # (B, H, T, D)
                for part in self.qkv(x).split(c, dim=2)
            )
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            return self.out(y.transpose(1, 2).reshape(b, t, c))

    class Block(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.norm1 = nn.LayerNorm(WIDTH)
            self.attention = Attention()
            self.norm2 = nn.LayerNorm(WIDTH)
            self.up = nn.Linear(WIDTH, 4 * WIDTH)
            self.down = nn.Linear(4 * WIDTH, WIDTH)

        def forward(self, x: Any) -> Any:
            x = x + self.attention(self.norm1(x))
            return x + self.down(F.gelu(self.up(self.norm2(x))))

    class GPT(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.token = nn.Embedding(TOKENS, WIDTH)
            self.position = nn.Embedding(CONTEXT, WIDTH)
            self.blocks = nn.Sequential(*(Block() for _ in range(LAYERS)))
            self.norm = nn.LayerNorm(WIDTH)
            self.head = nn.Linear(WIDTH, TOKENS, bias=False)

        def forward(self, tokens: Any) -> Any:
            x = self.token(tokens) + self.position(framework.arange(tokens.shape[1]))  # (B, T, C)
            return self.head(self.norm(self.blocks(x)))  # (B, T, V)

    return GPT()


def weights() -> Weights:
    """Initial weights."""
    init = Init()
    init.embedding("token", TOKENS, WIDTH)
    init.embedding("position", CONTEXT, WIDTH)
    for i in range(LAYERS):
        init.norm(f"blocks.{i}.norm1", WIDTH)
        init.linear(f"blocks.{i}.attention.qkv", WIDTH, 3 * WIDTH)
        init.linear(f"blocks.{i}.attention.out", WIDTH, WIDTH)
        init.norm(f"blocks.{i}.norm2", WIDTH)
        init.linear(f"blocks.{i}.up", WIDTH, 4 * WIDTH)
        init.linear(f"blocks.{i}.down", 4 * WIDTH, WIDTH)
    init.norm("norm", WIDTH)
    init.linear("head", WIDTH, TOKENS, bias=False)
    return init.weights


def batch() -> tuple[np.ndarray, np.ndarray]:
    """x and the next tokens y: (8, 128)."""
    text = np.random.default_rng(1).integers(0, TOKENS, (BATCH, CONTEXT + 1))
    return text[:, :-1].copy(), text[:, 1:].copy()


def logits(jax: Any, params: Any, state: Any, x: Any, training: bool) -> Any:
    """The same for JAX, weights of linear layers (in, out)."""
    jnp = jax.numpy
    b, t = x.shape

    def linear(name: str, h: Any) -> Any:
        h = h @ params[f"{name}.weight"]
        return h + params[f"{name}.bias"] if f"{name}.bias" in params else h

    def norm(name: str, h: Any) -> Any:
        mean = h.mean(-1, keepdims=True)
        var = jnp.square(h - mean).mean(-1, keepdims=True)
        scaled = (h - mean) * jax.lax.rsqrt(var + 1e-5)
        return scaled * params[f"{name}.weight"] + params[f"{name}.bias"]

    def attention(name: str, h: Any) -> Any:
        q, k, v = (
            part.reshape(b, t, HEADS, -1).transpose(0, 2, 1, 3)
            for part in jnp.split(linear(f"{name}.qkv", h), 3, -1)
        )
        scores = q @ k.transpose(0, 1, 3, 2) * (WIDTH // HEADS) ** -0.5
        scores = jnp.where(jnp.tril(jnp.ones((t, t), bool)), scores, -jnp.inf)
        y = (jax.nn.softmax(scores) @ v).transpose(0, 2, 1, 3).reshape(b, t, WIDTH)
        return linear(f"{name}.out", y)

    h = params["token.weight"][x] + params["position.weight"][:t]
    for i in range(LAYERS):
        name = f"blocks.{i}"
        h = h + attention(f"{name}.attention", norm(f"{name}.norm1", h))
        up = jax.nn.gelu(linear(f"{name}.up", norm(f"{name}.norm2", h)), approximate=False)
        h = h + linear(f"{name}.down", up)
    return linear("head", norm("norm", h)), state


def _layout(name: str, w: np.ndarray) -> np.ndarray:
    return w if name.startswith(("token", "position")) else w.T


_LINEAR = 2.0 * BATCH * CONTEXT * WIDTH * (LAYERS * 12 * WIDTH + TOKENS)
_ATTENTION = 2.0 * BATCH * CONTEXT * CONTEXT * WIDTH * LAYERS  # the causal half of two products
NETWORK = Network(
    "gpt", "V 512, d 256, 4 heads, 4 layers, T 128, batch 8, cross entropy + AdamW",
    build, logits, weights, batch, "AdamW", {"lr": 1e-3, "weight_decay": 0.01}, _layout,
    _LINEAR + _ATTENTION, 3 * (_LINEAR + _ATTENTION),
)  # fmt: skip
