"""Attention layers."""

from __future__ import annotations

import math
from typing import Any

from firth.keras.compiled import outside
from firth.keras.layer import Layer
from firth.nn import functional as F
from firth.tensor import Tensor, where


class MultiHeadAttention(Layer):
    """Attention with several heads (Vaswani et al., 2017). (query, value, key=value) -> like query.

    Weights: query, key, value kernels (C, heads, key_dim) with biases (heads, key_dim), and the
    output's (heads, value_dim, C) with bias (C,).
    """

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: int | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.num_heads, self.key_dim, self.value_dim = num_heads, key_dim, value_dim or key_dim
        self.dropout, self.use_bias, self.width = dropout, use_bias, output_shape
        self.kernel_initializer, self.bias_initializer = kernel_initializer, bias_initializer

    def ensure_built(self, *args: Any) -> None:
        """Makes the weights from the shapes of query, value and key."""
        if not self.built:
            query, value = args[0], args[1] if len(args) > 1 else args[0]
            key = args[2] if len(args) > 2 and args[2] is not None else value
            outside(lambda: self.build(query.shape, value.shape, key.shape))

    def build(self, query_shape: Any, value_shape: Any = None, key_shape: Any = None) -> None:
        """Every kernel from the last extents of the three."""
        value_shape = value_shape or query_shape
        heads = self.num_heads
        sizes = {
            "query": (query_shape[-1], heads, self.key_dim),
            "key": ((key_shape or value_shape)[-1], heads, self.key_dim),
            "value": (value_shape[-1], heads, self.value_dim),
            "output": (heads, self.value_dim, self.width or query_shape[-1]),
        }
        for part, shape in sizes.items():
            kernel = self.add_weight(shape, self.kernel_initializer, name=f"{part}_kernel")
            setattr(self, f"{part}_kernel", kernel)
            bias = None
            if self.use_bias:
                last = shape[2:] if part == "output" else shape[1:]
                bias = self.add_weight(last, self.bias_initializer, name=f"{part}_bias")
            setattr(self, f"{part}_bias", bias)

    def _heads(self, x: Tensor, part: str) -> Tensor:
        """(B, T, C) -> (B, heads, T, key_dim)."""
        kernel, bias = getattr(self, f"{part}_kernel"), getattr(self, f"{part}_bias")
        y = x @ kernel.reshape(kernel.shape[0], -1)
        y = y if bias is None else y + bias.reshape(-1)
        return y.reshape(*x.shape[:2], *kernel.shape[1:]).permute(0, 2, 1, 3)

    def call(
        self,
        query: Tensor,
        value: Tensor,
        key: Tensor | None = None,
        attention_mask: Tensor | None = None,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
        training: bool = False,
    ) -> Any:
        """query: (B, T, C), value and key: (B, S, C); attention_mask: (B, T, S), true to look."""
        q, k = self._heads(query, "query"), self._heads(value if key is None else key, "key")
        v = self._heads(value, "value")
        mask = None if attention_mask is None else attention_mask.bool()
        if mask is not None and mask.ndim == 3:
            mask = mask[:, None]
        rate = self.dropout if training else 0.0
        scores = None
        if return_attention_scores or (mask is not None and use_causal_mask):
            scores = self._scores(q, k, mask, use_causal_mask)
            out = F.dropout(scores, rate, training) @ v
        else:
            out = F.scaled_dot_product_attention(q, k, v, mask, rate, use_causal_mask)
        out = out.permute(0, 2, 1, 3).reshape(*query.shape[:2], -1)
        out = out @ self.output_kernel.reshape(out.shape[-1], -1)
        out = out if self.output_bias is None else out + self.output_bias
        return (out, scores) if return_attention_scores else out

    def _scores(self, q: Tensor, k: Tensor, mask: Tensor | None, causal: bool) -> Tensor:
        """Shares of each position: (B, heads, T, S)."""
        raw = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        if causal:
            upper = raw.new_ones(raw.shape[-2:]).tril().bool()
            mask = upper if mask is None else mask & upper
        return F.softmax(raw if mask is None else where(mask, raw, float("-inf")), -1)


class Attention(Layer):
    """Dot-product attention (Luong et al., 2015). [query, value(, key)] -> (B, T, C)."""

    def __init__(self, use_scale: bool = False, dropout: float = 0.0, **options: Any) -> None:
        super().__init__(**options)
        self.use_scale, self.dropout = use_scale, dropout

    def build(self, input_shape: Any) -> None:
        """scale: () where it is trained."""
        self.scale = self.add_weight((), "ones", name="scale") if self.use_scale else None

    def call(self, inputs: Any, training: bool = False) -> Tensor:
        """[(B, T, C), (B, S, C)] -> (B, T, C)."""
        query, value, *rest = inputs
        scores = query @ (rest[0] if rest else value).transpose(-1, -2)
        scores = scores if self.scale is None else scores * self.scale
        return F.dropout(F.softmax(scores, -1), self.dropout, training) @ value
