"""Multi-head attention."""

from __future__ import annotations

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.base.errors import ArgumentError, message
from firth.nn import functional as F
from firth.nn import init
from firth.nn.functional.attention import attention_weights, merge_masks
from firth.nn.linear import Linear
from firth.nn.module import Module
from firth.nn.parameter import empty_parameter
from firth.tensor import Tensor, cat, ones, zeros


class MultiheadAttention(Module):
    """Attention of several heads (Vaswani et al., 2017), PyTorch's parameter names.

    query: (L, N, E), key: (S, N, K), value: (S, N, V), or with batch_first (N, L, E), ...
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        *,
        device: object = None,
        dtype: DType | None = None,
    ) -> None:
        if embed_dim % num_heads:
            raise ArgumentError(
                message(
                    "MultiheadAttention",
                    "heads do not divide the embedding",
                    f"embed_dim={embed_dim}, num_heads={num_heads}",
                    "a divisor of embed_dim",
                    "change num_heads",
                )  # fmt: skip
            )
        self.embed_dim = embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.kdim = kdim or embed_dim
        self.vdim = vdim or embed_dim
        if self.kdim == self.vdim == embed_dim:
            self.in_proj_weight = empty_parameter((3 * embed_dim, embed_dim), dtype, device)
        else:
            self.q_proj_weight = empty_parameter((embed_dim, embed_dim), dtype, device)
            self.k_proj_weight = empty_parameter((embed_dim, self.kdim), dtype, device)
            self.v_proj_weight = empty_parameter((embed_dim, self.vdim), dtype, device)
        self.in_proj_bias = empty_parameter((3 * embed_dim,), dtype, device) if bias else None
        self.out_proj = Linear(embed_dim, embed_dim, bias, device=device, dtype=dtype)
        one = (1, 1, embed_dim)  # a learned key and its value, which every query sees
        self.bias_k = empty_parameter(one, dtype, device) if add_bias_kv else None
        self.bias_v = empty_parameter(one, dtype, device) if add_bias_kv else None
        self.add_zero_attn = add_zero_attn
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Glorot's uniform distribution for the projections, zeros for the biases."""
        for name, param in self.named_parameters(recurse=False):
            if name.endswith("weight"):
                init.xavier_uniform_(param)
        if self.in_proj_bias is not None and self.out_proj.bias is not None:
            init.zeros_(self.in_proj_bias)
            init.zeros_(self.out_proj.bias)
        if self.bias_k is not None and self.bias_v is not None:
            init.xavier_normal_(self.bias_k)
            init.xavier_normal_(self.bias_v)

    def _longer(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """The keys and values that are there for every query, behind the others: (N, S, E)."""
        n, _, size = k.shape
        if self.bias_k is not None and self.bias_v is not None:
            k = cat([k, self.bias_k.expand(n, 1, size)], 1)
            v = cat([v, self.bias_v.expand(n, 1, size)], 1)
        if self.add_zero_attn:
            k, v = (cat([x, zeros(n, 1, size, dtype=x.dtype)], 1) for x in (k, v))
        return k, v

    def _projected(self, query: Tensor, key: Tensor, value: Tensor) -> list[Tensor]:
        """q: (N, L, E), k, v: (N, S, E)."""
        together = "in_proj_weight" in self.__dict__
        if together and query is key and key is value:
            return list(F.linear(query, self.in_proj_weight, self.in_proj_bias).chunk(3, -1))
        weights = (
            self.in_proj_weight.chunk(3, 0)
            if together
            else (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
        )
        bias = (None,) * 3 if self.in_proj_bias is None else self.in_proj_bias.chunk(3, 0)
        return [
            F.linear(x, w, b) for x, w, b in zip((query, key, value), weights, bias, strict=True)
        ]

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """(result shaped like query, weights (N, L, S) or None).

        key_padding_mask: (N, S), attn_mask: (L, S) or (N * heads, L, S); a true element is not
        attended to, a number is added to the score.
        """
        batched = query.ndim == 3
        same = query is key and key is value
        parts = [query] if same else [query, key, value]
        if not batched:
            parts = [x.unsqueeze(0) for x in parts]  # (1, L, E)
        elif not self.batch_first:
            parts = [x.transpose(0, 1) for x in parts]  # (N, L, E)
        parts = parts * 3 if same else parts
        if not batched and key_padding_mask is not None:
            key_padding_mask = key_padding_mask.unsqueeze(0)
        n, length = parts[0].shape[:2]
        heads = self.num_heads
        q, k, v = self._projected(*parts)
        more = (self.bias_k is not None) + self.add_zero_attn
        causal = is_causal and attn_mask is None
        if more:
            if causal:
                attn_mask, causal = ~ones(length, k.shape[1], dtype=dt.bool_).tril(), False
            k, v = self._longer(k, v)
        q, k, v = (
            x.reshape(n, -1, heads, self.embed_dim // heads).transpose(1, 2) for x in (q, k, v)
        )  # (N, H, L, D)
        mask = merge_masks(attn_mask, key_padding_mask, n, heads, q.dtype)
        if more and mask is not None:
            mask = F.pad(mask, (0, more))
        p = self.dropout if self.training else 0.0
        weights = None
        if need_weights:
            weights = attention_weights(q, k, mask, causal)  # (N, H, L, S)
            out = F.dropout(weights, p, True) @ v if p else weights @ v
            weights = weights.mean(1) if average_attn_weights else weights
        else:
            out = F.scaled_dot_product_attention(q, k, v, mask, p, causal)
        out = self.out_proj(out.transpose(1, 2).reshape(n, length, self.embed_dim))
        if not batched:
            return out.squeeze(0), None if weights is None else weights.squeeze(0)
        return (out if self.batch_first else out.transpose(0, 1)), weights
