"""Attention, where it is the plain one; everything else runs by the standard's body."""

from __future__ import annotations

from typing import Any

from firth.nn.functional import scaled_dot_product_attention
from firth.onnx.registry import op
from firth.tensor import Tensor

_PLAIN = {"softcap": 0.0, "softmax_precision": 0, "qk_matmul_output_mode": 0,
          "left_window_size": -1, "right_window_size": -1}  # fmt: skip


@op("Attention", since=23, bodied=True)
def attention(
    q: Tensor, k: Tensor, v: Tensor, *others: Tensor | None, q_num_heads: int = 0,
    kv_num_heads: int = 0, scale: float | None = None, is_causal: int = 0, outputs: int = 1,
    **options: Any,
) -> Any:  # fmt: skip
    """softmax(Q K' * scale) V, by heads: (B, heads, L, D), or (B, L, heads * D). One kernel that
    keeps no scores; masks, caches, windows and the other outputs are left to the body."""
    special = any(options.get(name, plain) != plain for name, plain in _PLAIN.items())
    if special or outputs > 1 or any(x is not None for x in others):
        return NotImplemented
    flat = q.ndim == 3
    if flat:
        q = _heads(q, q_num_heads)
        k, v = _heads(k, kv_num_heads), _heads(v, kv_num_heads)
    y = scaled_dot_product_attention(
        q, k, v, is_causal=bool(is_causal), scale=scale, enable_gqa=True
    )
    return y.transpose(1, 2).reshape(y.shape[0], y.shape[2], -1) if flat else y


def _heads(x: Tensor, heads: int) -> Tensor:
    """(B, L, heads * D) -> (B, heads, L, D)."""
    return x.reshape(x.shape[0], x.shape[1], heads, -1).transpose(1, 2)  # type: ignore[no-any-return]
